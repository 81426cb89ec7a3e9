"""Stock at scale: batches, expiry, the order of sale, rejects, exports and said-again passwords."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("keystall", "0007_failed_work")]  # noqa: RUF012  (Tortoise's declarative form)
    operations = [  # noqa: RUF012
        RunSQL((HERE / "0008_stock.sql").read_text())
    ]
