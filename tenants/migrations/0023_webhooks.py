"""Webhooks: who is told what, with which secret, and what became of it."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0022_passkeys")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0023_webhooks.sql").read_text())]  # noqa: RUF012
