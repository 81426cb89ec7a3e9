"""People see where they are signed in, end it, and change their password."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0012_shop_approval")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0013_sessions.sql").read_text())]  # noqa: RUF012
