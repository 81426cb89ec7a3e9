"""Goods that may not be sold on the installation."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0014_retention")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0015_forbidden_goods.sql").read_text())]  # noqa: RUF012
