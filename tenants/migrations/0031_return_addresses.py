"""Where a buyer is sent after paying, where that is not the shop's own page."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0030_storefront_tokens")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0031_return_addresses.sql").read_text())]  # noqa: RUF012
