"""The operator's hand on shops: looking, approving, declining, suspending, letting go on.

The session itself is checked again in the database, so a mistake above this opens nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, columns
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.status import ShopStatus
from keystall.tenants.texts import text_errors
from keystall.tenants.writing import writing

REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class OperatedShop:
    """A shop as the operator sees it; `order_count` counts paid orders. It is new while
    `reviewed_at` is None. What has a default may be UNREAD."""

    id: UUID
    slug: str
    name: str
    status: ShopStatus
    created_at: datetime
    reviewed_at: datetime | None
    status_reason: str = UNREAD
    owner_email: str | None = UNREAD
    order_count: int = UNREAD


@dataclass(frozen=True, slots=True)
class ShopFilter:
    """Which shops: `query` in name, slug or a member's address; `new`: not looked at yet."""

    query: str | None = None
    status: ShopStatus | None = None
    new: bool | None = None


@dataclass(frozen=True, slots=True)
class ShopCounts:
    """How many shops wait for approval, were not looked at yet, and sell."""

    waiting: int
    unseen: int
    selling: int


async def operated_shops(
    db: Reads,
    viewer: Viewer,
    wanted: ShopFilter,
    *,
    after: UUID | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[OperatedShop]:
    """The installation's shops, newest first, `limit` at most, older than `after`."""
    rows = await db.rows(
        f"select {columns(OperatedShop, without)}"  # noqa: S608  (constants)
        " from operator_shop_list($1, null, $2, $3, $4, $5, $6, $7)",
        viewer.secret_hash, wanted.query or None, wanted.status, wanted.new, after, limit,
        list(without),
    )  # fmt: skip
    return [OperatedShop(**row) for row in rows]


async def operated_shops_by_id(
    db: Reads, viewer: Viewer, shops: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, OperatedShop]:
    """Shops by id; what is none is left out."""
    rows = await db.rows(
        f"select {columns(OperatedShop, without)} from unnest($2::uuid[]) as wanted (wanted_id)"  # noqa: S608
        " cross join lateral operator_shop_list($1, wanted_id, null, null, null, null, 1, $3)",
        viewer.secret_hash, list(shops), list(without),
    )  # fmt: skip
    return {row["id"]: OperatedShop(**row) for row in rows}


async def operated_shop(db: Reads, viewer: Viewer, shop: UUID) -> OperatedShop | None:
    """One shop."""
    return (await operated_shops_by_id(db, viewer, [shop])).get(shop)


async def shop_counts(db: Reads, viewer: Viewer) -> ShopCounts:
    """The same counted."""
    row = await db.row("select * from operator_shop_counts($1)", viewer.secret_hash)
    if row is None:
        raise LookupError("counting answers one row")
    return ShopCounts(**row)


async def shop_approve(installation: Installation, viewer: Viewer, shop: UUID) -> OperatedShop:
    """Opens a shop that waits or was declined, and has its merchant told. Refuses NOT_FOUND;
    CONFLICT in any other state."""
    return await _review(installation, viewer, shop, "approve")


async def shop_decline(
    installation: Installation, viewer: Viewer, shop: UUID, *, reason: str
) -> OperatedShop:
    """Says no to a shop that waits, and has its merchant told why. Refuses REQUIRED, TOO_LONG,
    INVALID; NOT_FOUND; CONFLICT where it does not wait."""
    errors = text_errors(reason, "reason", limit=REASON_LIMIT, required=True, lines=True)
    if errors:
        raise Refused(*errors)
    return await _review(installation, viewer, shop, "decline", reason.strip())


async def shop_look(installation: Installation, viewer: Viewer, shop: UUID) -> OperatedShop:
    """Notes that a new shop was looked at; a second time changes nothing. Refuses NOT_FOUND."""
    return await _review(installation, viewer, shop, "look")


_MAILS = {"approve": "mail.merchant_approved", "decline": "mail.merchant_declined"}


async def _review(
    installation: Installation, viewer: Viewer, shop: UUID, verdict: str, reason: str = ""
) -> OperatedShop:
    async with writing(installation, shop) as tx:
        changed = await tx.value(
            "select operator_shop_review($1, $2, $3, $4)",
            viewer.secret_hash, shop, verdict, reason,
        )  # fmt: skip
        found = await operated_shop(tx, viewer, shop)
        if found is None:
            raise refuse("NOT_FOUND", "id")
        if changed and verdict in _MAILS:
            await tx.post(_MAILS[verdict], shop)
            tx.announce("shop")
        elif not changed and verdict in _MAILS:
            raise refuse("CONFLICT", "id")
        return found


async def shop_suspend(
    installation: Installation, viewer: Viewer, shop: UUID, *, reason: str
) -> OperatedShop:
    """Stops a shop's sales. Refuses REQUIRED, TOO_LONG, INVALID; NOT_FOUND; CONFLICT where it is
    suspended already."""
    errors = text_errors(reason, "reason", limit=REASON_LIMIT, required=True, lines=True)
    if errors:
        raise Refused(*errors)
    return await _set_suspended(installation, viewer, shop, reason.strip())


async def shop_resume(installation: Installation, viewer: Viewer, shop: UUID) -> OperatedShop:
    """Lets a suspended shop go on. Refuses NOT_FOUND; CONFLICT where it is not suspended."""
    return await _set_suspended(installation, viewer, shop, None)


async def _set_suspended(
    installation: Installation, viewer: Viewer, shop: UUID, reason: str | None
) -> OperatedShop:
    async with writing(installation, shop) as tx:
        changed = await tx.value(
            "select operator_shop_suspend($1, $2, $3, $4)",
            viewer.secret_hash, shop, reason is not None, reason or "",
        )  # fmt: skip
        found = await operated_shop(tx, viewer, shop)
        if found is None:
            raise refuse("NOT_FOUND", "id")
        if not changed:
            raise refuse("CONFLICT", "id")
        tx.announce("shop")
        return found
