"""Availability in bands, compared by a worker after stock has changed."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0024_catalog_versions")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0025_stock_bands.sql").read_text())]  # noqa: RUF012
