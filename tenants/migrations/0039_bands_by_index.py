"""Bands are settled by the indexes of what is for sale, also where nothing is."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0038_code_packs")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0039_bands_by_index.sql").read_text())]  # noqa: RUF012
