"""Payment accounts with sealed keys of the merchant's own, and disputes."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own declarative form)
        ("keystall", "0003_payment_checks")
    ]
    operations = [RunSQL((HERE / "0004_payments.sql").read_text())]  # noqa: RUF012
