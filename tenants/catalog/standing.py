"""How long what visitors see of a shop stays true: its version, and until when time allows."""

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
    version = await db.value("select catalog_version from shops where id = $1", shop)
    if version is None:
        raise LookupError("the shop at hand went away in between; shops are never deleted")
    return Standing(version, clock.now() + UNSETTLED)


async def catalog_versions(db: Reads, shops: Sequence[UUID]) -> dict[UUID, int]:
    """The versions of many shops now, by one statement."""
    rows = await db.rows("select shop_id, version from catalog_versions($1)", list(shops))
    return {row["shop_id"]: row["version"] for row in rows}
