"""Telling the merchant that stock runs low, once a fall, with how long it will last; or is gone.

A variant has a threshold of its own; zero never tells. `low_since` notes that a fall was told, and
stock above the threshold forgets it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import floor
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Reads
from keystall.tenants.stock.free_codes import free_codes
from keystall.tenants.writing import Writing

MAIL = "mail.merchant_low_stock"
SOLD_OUT_MAIL = "mail.merchant_sold_out"
WINDOW = timedelta(days=1)
LONG_WINDOW = timedelta(days=7)
FEW_SALES = 3
"""Fewer sales than this in a day say little: then the last week is asked. Fewer in a week say
nothing of how long stock will last."""
_SHORTEST = timedelta(hours=1)

_FREE = free_codes("variants.id", "variants.low_stock + 1")

_RISEN = f"""
  update variants set low_since = null
  where shop_id = $1 and id = any ($2::uuid[]) and low_since is not null
    and {_FREE} > low_stock"""  # noqa: S608
_SOLD = f"""
with risen as ({_RISEN}),
fallen as (
  update variants set low_since = now()
  where shop_id = $1 and id = any ($2::uuid[]) and archived_at is null
    and low_since is null and low_stock > 0 and {_FREE} <= low_stock returning id)
select id, exists (select from fallen where fallen.id = sold.id) as fallen,
  {free_codes("sold.id", 1)} = 0
  -- Once is enough while the last of the held codes are being paid for.
  and not exists (select from outbox where outbox.shop_id = $1 and outbox.kind = '{SOLD_OUT_MAIL}'
                  and subject_id = sold.id
                  and outbox.created_at > now() - interval '1 hour') as gone
from unnest($2::uuid[]) as sold (id)"""  # noqa: S608


async def tell_of_sale(tx: Writing, shop: UUID, variants: Sequence[UUID]) -> list[UUID]:
    """After a sale: has the merchant told of variants that are sold out, which it answers, and of
    those that fell to their threshold or below."""
    rows = await tx.rows(_SOLD, shop, list(variants))
    gone = [row["id"] for row in rows if row["gone"]]
    await tx.post_now(SOLD_OUT_MAIL, gone)
    await tx.post_now(MAIL, [row["id"] for row in rows if row["fallen"]])
    return gone


async def stock_has_risen(tx: Writing, shop: UUID, variants: Sequence[UUID]) -> None:
    """Forgets a fall of variants that have more than their threshold again."""
    await tx.execute(_RISEN, shop, list(variants))


@dataclass(frozen=True, slots=True)
class LowStock:
    """How little there is: `free` codes, lasting about `lasts`; None where too few sell to tell."""

    product: str
    variant: str
    free: int
    lasts: timedelta | None


async def low_stock_of(db: Reads, shop: UUID, variant: UUID) -> LowStock | None:
    """None where codes came in since, none is left (which another mail tells), or the variant is
    not sold any more."""
    found = await db.row(
        f"""
        select products.name as product, variants.name as variant, low_stock, {_FREE} as free
        from variants join products on products.shop_id = $1 and products.id = product_id
        where variants.shop_id = $1 and variants.id = $2 and archived_at is null
        """,  # noqa: S608  (a constant)
        shop, variant,
    )  # fmt: skip
    if found is None or not 0 < found["free"] <= found["low_stock"]:
        return None
    for window in (WINDOW, LONG_WINDOW):
        sold, first = await _sales(db, shop, variant, window)
        if sold >= FEW_SALES or window is LONG_WINDOW:
            break
    return LowStock(
        found["product"], found["variant"], found["free"], lasts(found["free"], sold, first)
    )


async def _sales(db: Reads, shop: UUID, variant: UUID, window: timedelta) -> tuple[int, timedelta]:
    """Codes sold in the window, and how long ago the first of them was."""
    now = clock.now()
    # Ids tell their time of birth: the index of orders by state and id finds the newest.
    oldest = UUID(int=int((now - window).timestamp() * 1000) << 80)
    row = await db.row(
        """
        select coalesce(sum(quantity), 0) as sold, min(orders.delivered_at) as first from orders
        join order_lines on order_lines.shop_id = $1 and order_id = orders.id and variant_id = $3
        where orders.shop_id = $1 and status = 'delivered' and orders.id > $2
        """,
        shop, oldest, variant,
    )  # fmt: skip
    if row is None or row["first"] is None:
        return 0, window
    return row["sold"], min(window, now - row["first"])


def lasts(free: int, sold: int, over: timedelta) -> timedelta | None:
    """How long `free` codes last when `sold` went in the time `over`; None where too few sell."""
    if sold < FEW_SALES:
        return None
    return max(over, _SHORTEST) * free / sold


def in_words(span: timedelta) -> tuple[str, int]:
    """A span as people say it: ("hours", 6) or ("days", 3), at least one hour."""
    hours = max(1, round(span / timedelta(hours=1)))
    return ("hours", hours) if hours < 48 else ("days", floor(hours / 24))
