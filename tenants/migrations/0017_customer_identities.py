"""Customers who sign in by a provider, and their tries to."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0017_staff")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0017_customer_identities.sql").read_text())]  # noqa: RUF012
