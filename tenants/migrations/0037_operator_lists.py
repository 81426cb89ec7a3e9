"""The operator's lists leave out what nobody asked for."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0036_code_lookup_key")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0037_operator_lists.sql").read_text())]  # noqa: RUF012
