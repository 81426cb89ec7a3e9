"""Codes are held to their batch by triggers, once a statement."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0028_token_uses")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0029_code_batches_held.sql").read_text())]  # noqa: RUF012
