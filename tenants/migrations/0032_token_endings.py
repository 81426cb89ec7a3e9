"""Tokens of before that end by themselves are told of in time, too."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0031_return_addresses")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0032_token_endings.sql").read_text())]  # noqa: RUF012
