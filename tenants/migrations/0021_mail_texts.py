"""Words of a shop's own for the letters to its buyers."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0020_totp")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0021_mail_texts.sql").read_text())]  # noqa: RUF012
