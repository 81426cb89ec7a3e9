"""How much may be held unpaid, and for whom it is counted."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0004_payments")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0005_holds.sql").read_text())]  # noqa: RUF012
