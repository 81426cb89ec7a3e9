"""Customers of a shop, their sessions and the links that prove their addresses."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0015_forbidden_goods")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0016_customers.sql").read_text())]  # noqa: RUF012
