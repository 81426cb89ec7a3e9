"""Failed work before the operator's eyes, and a record of what an operator does."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0006_refunds")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0007_failed_work.sql").read_text())]  # noqa: RUF012
