"""Documents that shops vouch for, and whether their storefront API answers those alone."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0024_catalog_versions")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0025_trusted_documents.sql").read_text())]  # noqa: RUF012
