"""How many codes a batch took along when it was taken back: told again to who asks again."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0025_trusted_documents")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0026_batches_undone.sql").read_text())]  # noqa: RUF012
