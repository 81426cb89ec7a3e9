"""Equal codes are found by their lookups alone."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0035_code_lookup_index")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0036_code_lookup_key.sql").read_text())]  # noqa: RUF012
