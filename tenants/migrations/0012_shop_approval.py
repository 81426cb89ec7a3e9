"""Shops that an operator approves before they open, or looks at afterwards."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0011_code_reports")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0012_shop_approval.sql").read_text())]  # noqa: RUF012
