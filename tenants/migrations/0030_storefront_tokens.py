"""Storefront tokens: public, for the code of sites, bound to their origins."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0029_code_batches_held")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0030_storefront_tokens.sql").read_text())]  # noqa: RUF012
