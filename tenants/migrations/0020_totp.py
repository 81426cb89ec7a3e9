"""A second step of signing in: one-time passwords by time, and recovery codes."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0019_mail_codes")]  # noqa: RUF012  (Tortoise's own form)
    operations = [RunSQL((HERE / "0020_totp.sql").read_text())]  # noqa: RUF012
