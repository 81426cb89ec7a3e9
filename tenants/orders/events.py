"""The timeline of an order: appended to, never changed."""

from collections.abc import Mapping
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.platform.ids import new_id


async def record(
    tx: Transaction,
    shop: UUID,
    order: UUID,
    kind: str,
    *,
    actor: str,
    data: Mapping[str, str | int] | None = None,
) -> None:
    """Adds an event such as "order.paid". `actor`: buyer, provider, system, or an account's id."""
    await tx.execute(
        "insert into order_events (shop_id, id, order_id, kind, data, actor)"
        " values ($1, $2, $3, $4, $5, $6)",
        shop, new_id(), order, kind, dict(data or {}), actor,
    )  # fmt: skip
