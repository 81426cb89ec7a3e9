"""Handing over what was paid for: the same for a payment that arrived and for a merchant's word."""

from collections.abc import Sequence
from uuid import UUID

from keystall.tenants.orders.events import record
from keystall.tenants.stock.allocation import Wanted, free, reserve, sell
from keystall.tenants.stock.low_stock import tell_of_low_stock
from keystall.tenants.webhooks.events import tell_webhooks
from keystall.tenants.writing import Writing


class GoodsMissing(Exception):
    """An order that waits for payment does not hold what it should: nothing is applied."""


async def find_goods(tx: Writing, shop: UUID, order: UUID) -> bool:
    """Reserves goods anew for an order whose hold has ended: all of them, or none."""
    lines = await tx.rows(
        "select id, variant_id, quantity from order_lines where shop_id = $1 and order_id = $2",
        shop, order,
    )  # fmt: skip
    missing = await reserve(
        tx, shop, [Wanted(line["id"], line["variant_id"], line["quantity"]) for line in lines]
    )
    if missing:
        await free(tx, shop, order)
    return not missing


async def hand_over(tx: Writing, shop: UUID, order: UUID) -> None:
    """Sells what the order holds, and says so: state, timeline, mails, open pages.

    Raises GoodsMissing where it does not hold all that was ordered.
    """
    sold = await sell(tx, shop, order)
    ordered = await tx.value(
        "select sum(quantity) from order_lines where shop_id = $1 and order_id = $2", shop, order
    )
    if sold != ordered:
        raise GoodsMissing(f"{sold} of {ordered} codes are held for order {order}")
    await tx.execute(
        "update orders set status = 'delivered', paid_at = now(), delivered_at = now()"
        " where shop_id = $1 and id = $2",
        shop, order,
    )  # fmt: skip
    await record(tx, shop, order, "order.delivered", actor="system")
    await tx.post("mail.order_delivered", order)
    for variant in await _sold_out_by(tx, shop, order):
        await tx.post("mail.merchant_sold_out", variant)
        await tell_webhooks(tx, shop, "stock.sold_out", variant)
    lines = await tx.rows(
        "select distinct variant_id from order_lines where shop_id = $1 and order_id = $2"
        " order by variant_id",
        shop, order,
    )  # fmt: skip
    await tell_of_low_stock(tx, shop, [line["variant_id"] for line in lines])
    tx.announce(f"order:{order}")


async def _sold_out_by(tx: Writing, shop: UUID, order: UUID) -> Sequence[UUID]:
    rows = await tx.rows(
        """
        select variant_id from order_lines where shop_id = $1 and order_id = $2
          and not exists (select from codes where codes.shop_id = $1
            and codes.variant_id = order_lines.variant_id and state = 'available'
            and sellable_until > now())
          -- Once is enough while the last of the held codes are being paid for.
          and not exists (select from outbox where outbox.shop_id = $1
            and outbox.kind = 'mail.merchant_sold_out' and subject_id = order_lines.variant_id
            and outbox.created_at > now() - interval '1 hour')
        """,
        shop, order,
    )  # fmt: skip
    return [row["variant_id"] for row in rows]
