"""The version of what the public sees moves with the documents that a shop vouches for."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [  # noqa: RUF012  (Tortoise's own form)
        ("keystall", "0025_stock_bands"),
        ("keystall", "0025_trusted_documents"),
    ]
    operations = [RunSQL((HERE / "0026_kept_documents.sql").read_text())]  # noqa: RUF012
