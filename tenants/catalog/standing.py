"""How long what visitors see of a shop stays true: its version, and until when time allows.

The version moves with every change of the catalogue, in the same transaction, and soon after the
change of a band of availability (`bands`). Until that is settled an answer is good for a moment
only; so many ask for a page of a shop that sells, and one of them a second has it drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Reads

LONGEST = timedelta(minutes=1)
"""How long anything may be kept, whatever is known: what nobody foresaw heals by itself."""

UNSETTLED = timedelta(seconds=1)
"""How long an answer may be kept while it is not settled what is in stock."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An answer of this moment is good while the shop's version is `version`, `until` then."""

    version: int
    until: datetime

    @staticmethod
    def longest() -> datetime:
        """Until when anything of this moment may be kept at most."""
        return clock.now() + LONGEST


async def standing(db: Reads, shop: UUID) -> Standing:
    """The standing of what `db` reads: of one and the same snapshot, or it says nothing."""
    now = clock.now()
    row = await db.row(
        """
        select catalog_version, exists (select from stock_moves where shop_id = $1) as unsettled,
               (select min(until) from variant_bands
                where shop_id = $1 and until < 'infinity' and until <= $2) as next_expiry
        from shops where id = $1
        """,
        shop, now + LONGEST,
    )  # fmt: skip
    if row is None:
        raise LookupError("the shop at hand went away in between; shops are never deleted")
    expiry = row["next_expiry"] or now + LONGEST
    settled = not row["unsettled"] and expiry > now
    return Standing(row["catalog_version"], expiry if settled else now + UNSETTLED)


async def catalog_versions(db: Reads, shops: Sequence[UUID]) -> dict[UUID, int]:
    """The versions of many shops now, by one statement."""
    rows = await db.rows("select shop_id, version from catalog_versions($1)", list(shops))
    return {row["shop_id"]: row["version"] for row in rows}
