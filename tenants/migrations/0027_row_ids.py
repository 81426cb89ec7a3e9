"""Ids that the database makes: in order within a millisecond, too."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own form)
        ("keystall", "0026_batches_undone"),
        ("keystall", "0026_kept_documents"),
    ]
    operations = [RunSQL((HERE / "0027_row_ids.sql").read_text())]  # noqa: RUF012
