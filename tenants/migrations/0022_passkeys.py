"""Passkeys of accounts, and the challenges that they answer."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0021_mail_texts")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0022_passkeys.sql").read_text())]  # noqa: RUF012
