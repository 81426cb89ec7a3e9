"""The first schema: tables, the walls around them, and the doors through the walls.

The SQL stands beside this file, since the ORM has no word for composite keys, row-level security
or roles; a test compares the models with what the database then says of itself.
"""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    operations = [  # noqa: RUF012  (Tortoise's own declarative form)
        RunSQL((HERE / name).read_text())
        for name in ("0001_tables.sql", "0001_walls.sql", "0001_functions.sql")
    ]
