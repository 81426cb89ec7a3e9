"""Handing over what was paid for: the same for a payment that arrived and for a merchant's word."""

from uuid import UUID

from keystall.platform.ids import new_id
from keystall.tenants.stock.allocation import SELL, Wanted, free, reserve
from keystall.tenants.stock.low_stock import tell_of_sale
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


_HAND_OVER = f"""
with sold as ({SELL} returning id),
delivered as (
  update orders set status = 'delivered', paid_at = now(), delivered_at = now()
  where shop_id = $1 and id = $2),
told as (
  insert into order_events (shop_id, id, order_id, kind, data, actor)
  select $1, id, $2, kind, '{{}}', actor
  from unnest($3::uuid[], $4::text[], $5::text[]) as t (id, kind, actor))
select (select count(*) from sold) as sold, sum(quantity) as ordered,
       array_agg(distinct variant_id) as variants
from order_lines where shop_id = $1 and order_id = $2"""  # noqa: S608


async def hand_over(tx: Writing, shop: UUID, order: UUID, *, paid_by: str | None = None) -> None:
    """Sells what the order holds, and says so: state, timeline, mails, open pages. `paid_by`: who
    is to stand in the timeline as having told that it was paid.

    Raises GoodsMissing where it does not hold all that was ordered.
    """
    told = [("order.paid", paid_by)] if paid_by else []
    told.append(("order.delivered", "system"))
    (done,) = await tx.rows(
        _HAND_OVER, shop, order,
        [new_id() for _ in told], [kind for kind, _ in told], [actor for _, actor in told],
    )  # fmt: skip
    if done["sold"] != done["ordered"]:
        raise GoodsMissing(f"{done['sold']} of {done['ordered']} codes are held for order {order}")
    await tx.post("mail.order_delivered", order)
    for variant in await tell_of_sale(tx, shop, done["variants"]):
        await tell_webhooks(tx, shop, "stock.sold_out", variant)
    tx.announce(f"order:{order}")
