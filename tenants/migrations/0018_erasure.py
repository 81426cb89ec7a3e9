"""Erasing one person, the ledger left whole."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own form)
        ("keystall", "0017_customer_identities"),
        ("keystall", "0017_staff"),
    ]
    operations = [RunSQL((HERE / "0018_erasure.sql").read_text())]  # noqa: RUF012
