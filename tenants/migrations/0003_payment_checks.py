"""Payments are asked about until their provider says that they were paid."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own declarative form)
        ("keystall", "0002_checklist"),
        ("keystall", "0002_keys"),
    ]
    operations = [  # noqa: RUF012
        RunSQL((HERE / "0003_payment_checks.sql").read_text())
    ]
