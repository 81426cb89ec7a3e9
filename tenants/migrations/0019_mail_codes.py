"""Codes in the mail to their buyer, for shops that want it."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    # Two came to follow 0017 at once: after this one there is one line again.
    dependencies = [  # noqa: RUF012  (Tortoise's own form)
        ("keystall", "0018_ended_invitations"),
        ("keystall", "0018_erasure"),
    ]
    operations = [RunSQL((HERE / "0019_mail_codes.sql").read_text())]  # noqa: RUF012
