"""Invitations that ended are kept no longer than links of accounts that did."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    # Two came to follow 0016 at once: after this one there is one line again.
    dependencies = [  # noqa: RUF012  (Tortoise's own form)
        ("keystall", "0017_customer_identities"),
        ("keystall", "0017_staff"),
    ]
    operations = [RunSQL((HERE / "0018_ended_invitations.sql").read_text())]  # noqa: RUF012
