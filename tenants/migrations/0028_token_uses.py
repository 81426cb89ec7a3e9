"""How much each API token is used, by day."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own form)
        ("keystall", "0027_row_ids"),
        ("keystall", "0027_token_scopes"),
    ]
    operations = [RunSQL((HERE / "0028_token_uses.sql").read_text())]  # noqa: RUF012
