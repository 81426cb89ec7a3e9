"""The version of what the public sees of a shop, moved by the tables that it is made of."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0023_webhooks")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0024_catalog_versions.sql").read_text())]  # noqa: RUF012
