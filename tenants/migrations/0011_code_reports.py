"""Buyers report codes that do not work."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own declarative form)
        ("keystall", "0010_audit")
    ]
    operations = [  # noqa: RUF012
        RunSQL((HERE / "0011_code_reports.sql").read_text())
    ]
