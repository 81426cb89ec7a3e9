"""Moving the version when a band of availability has changed: after orders, imports, expiries.

Orders and imports note in their own transaction which variants' stock they changed; this compares,
a moment later, all that was noted meanwhile. Who reads while something is noted knows that what is
in stock is not settled (`standing`). An answer that was read when nothing was noted shows the bands
of the last comparison: so it stays true until one of them is found to be another.
"""

from uuid import UUID

from keystall.platform import database
from keystall.tenants.catalog.availability import LOW

BATCH = 5_000
"""Notes that one comparison takes; the rest is for the next."""


async def settle_bands() -> list[UUID]:
    """Compares what was noted and what time may have changed; answers the shops whose version moved
    with it. Harmless from many workers at once: one compares, the others find nothing to do."""
    rows = await database.single().rows("select stock_bands_settle($1, $2) as shop", LOW, BATCH)
    return [row["shop"] for row in rows]
