"""The index by which equal codes will be found by their lookups alone.

It is built beside readers and writers, which takes some seconds a million codes and keeps nobody
waiting. PostgreSQL does that in no transaction, so what fails half-way leaves an index that is not
valid, and whoever runs this again begins without it.
"""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL


class Migration(migrations.Migration):
    dependencies = [("keystall", "0034_deliveries_given_up")]  # noqa: RUF012  (Tortoise's own form)
    atomic = False
    operations = [  # noqa: RUF012
        RunSQL(
            [
                # It waits for the transactions that are open, a backup's too. Nobody waits for it.
                "set lock_timeout = 0",
                "drop index concurrently if exists codes_shop_id_lookup_key",
                "create unique index concurrently codes_shop_id_lookup_key"
                " on codes (shop_id, lookup)",
                "reset lock_timeout",
            ]
        )
    ]
