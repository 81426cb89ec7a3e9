"""A shop that is known from memory is never older than what its version tells."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0032_token_endings")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0033_shops_known.sql").read_text())]  # noqa: RUF012
