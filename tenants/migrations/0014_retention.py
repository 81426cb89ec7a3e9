"""What is kept no longer than it is needed."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0013_sessions")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0014_retention.sql").read_text())]  # noqa: RUF012
