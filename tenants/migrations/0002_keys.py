"""Keys that change while orders flow: the locks, and the wall around what is sealed."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0001_initial")]  # noqa: RUF012  (Tortoise's own declarative form)
    operations = [RunSQL((HERE / "0002_keys.sql").read_text())]  # noqa: RUF012
