"""Ending holds and telling buyers again."""

from uuid import UUID

from keystall.tenants.errors import refuse
from keystall.tenants.idempotency.keys import done_before, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.orders.buyers import ERASED
from keystall.tenants.orders.events import record
from keystall.tenants.outbox.claims import claim
from keystall.tenants.stock.allocation import free
from keystall.tenants.writing import Writing, writing


async def expire_order(installation: Installation, shop: UUID, item: UUID) -> None:
    """Ends the hold of the order that the outbox row `item` is about, if it still waits; and
    forgets where the order came from, which was kept for the hold alone."""
    async with writing(installation, shop) as tx:
        order = await claim(tx, shop, item)
        if order is not None:
            await end_hold(tx, shop, order, status="expired", actor="system")
            await tx.execute(
                "update orders set placed_from = null"
                " where shop_id = $1 and id = $2 and placed_from is not null",
                shop, order,
            )  # fmt: skip
            await _have_checked(tx, shop, order)


async def cancel_order(
    installation: Installation,
    shop: UUID,
    order: UUID,
    *,
    actor: str = "buyer",
    idempotency_key: str | None = None,
) -> None:
    """Cancels an unpaid order for its buyer, or its merchant. Refuses one that is past it
    (CONFLICT), unless it was canceled under the same key."""
    # Buyers and merchants have keys of their own: neither may use up the other's.
    operation = "order.cancel_by_buyer" if actor == "buyer" else "order.cancel"
    async with writing(installation, shop) as tx:
        if await done_before(
            tx, shop, operation, idempotency_key, print_=fingerprint(order), object_id=order
        ):
            return
        if not await end_hold(tx, shop, order, status="canceled", actor=actor):
            raise refuse("CONFLICT", "token" if actor == "buyer" else "id")


async def end_hold(tx: Writing, shop: UUID, order: UUID, *, status: str, actor: str) -> bool:
    """Ends the hold of an unpaid order and frees its goods; answers whether it was unpaid."""
    ended = await tx.execute(
        "update orders set status = $3 where shop_id = $1 and id = $2 and status = 'pending'",
        shop, order, status,
    )  # fmt: skip
    if ended:
        await free(tx, shop, order)
        await record(tx, shop, order, f"order.{status}", actor=actor)
        tx.announce(f"order:{order}")
    return bool(ended)


async def _have_checked(tx: Writing, shop: UUID, order: UUID) -> None:
    """Payments that nobody has asked about yet (an older version took the order, the provider was
    away all the while) are asked about from now on."""
    for payment in await tx.rows(
        "select id from payments where shop_id = $1 and order_id = $2 and state <> 'succeeded'"
        " and checked_at is null",
        shop, order,
    ):  # fmt: skip
        await tx.post("payment.check", payment["id"])


async def resend_order(installation: Installation, shop: UUID, order: UUID, *, actor: str) -> None:
    """Mails the order's link to its buyer again. Refuses an order that is not delivered, or
    whose buyer was erased."""
    async with writing(installation, shop) as tx:
        row = await tx.row(
            "select status, email from orders where shop_id = $1 and id = $2 for update",
            shop, order,
        )  # fmt: skip
        if row is None:
            raise refuse("NOT_FOUND", "id")
        if row["status"] != "delivered" or row["email"] == ERASED:
            raise refuse("CONFLICT", "id")
        await record(tx, shop, order, "order.resent", actor=actor)
        await tx.post("mail.order_delivered", order)
