"""Codes of large imports rest in packs, sealed as one, until one of them is needed."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0037_operator_lists")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0038_code_packs.sql").read_text())]  # noqa: RUF012
