"""Equal codes are found by their lookups alone."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0034_deliveries_given_up")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0035_code_lookups.sql").read_text())]  # noqa: RUF012
