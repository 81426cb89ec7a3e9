"""Codes refer to their batch, and through it to variant and shop."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0008_stock")]  # noqa: RUF012  (Tortoise's declarative form)
    operations = [  # noqa: RUF012
        RunSQL((HERE / "0009_code_batches.sql").read_text())
    ]
