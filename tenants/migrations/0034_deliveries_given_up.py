"""A delivery of a webhook says so when the work of sending it was given up."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0033_shops_known")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0034_deliveries_given_up.sql").read_text())]  # noqa: RUF012
