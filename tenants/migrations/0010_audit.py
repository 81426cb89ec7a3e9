"""What people and programs change in a shop is written down with the change."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0009_code_batches")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0010_audit.sql").read_text())]  # noqa: RUF012
