"""Refunds by a merchant, in part and by hand."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own declarative form)
        ("keystall", "0005_holds")
    ]
    operations = [  # noqa: RUF012
        RunSQL((HERE / "0006_refunds.sql").read_text())
    ]
