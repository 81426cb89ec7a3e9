"""How much one buyer may hold without paying, so that nobody empties a shop for free.

A buyer is an email address, and besides the network the order came from: either alone is cheap to
change or shared by many. The network is kept as a keyed hash, and only while the hold lasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from keystall.platform.crypto import KeyRing, keyed_hash
from keystall.platform.throttle import network
from keystall.tenants.checkout.pricing import CartLineView
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock.free_codes import free_codes
from keystall.tenants.writing import Writing

PURPOSE = "buyer-network"

SCARCE = 10
"""Free codes of a variant below which new holds on it last half as long."""
SHORTEST_MINUTES = 5
"""No hold is cut below this: somebody has to find their wallet. A shop may set less itself."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """For whom unpaid orders are counted. `placed_from` None: from nowhere that is known."""

    email: str
    placed_from: bytes | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a buyer has other unpaid orders, and the fewest free codes of any line's variant once
    the lines are held, counted to `SCARCE`."""

    holds_more: bool
    left: int


def mark_of_network(keys: KeyRing, shop: UUID, address: str) -> bytes | None:
    """What stands for the network of `address` in this shop alone (16 bytes)."""
    if not address:
        return None
    return keyed_hash(keys.derived(PURPOSE), shop.bytes + network(address).encode())[:16]


def minutes_held(asked: int, free: int) -> int:
    """How long goods are held, of which `free` are left for others: half of what the shop asks
    where they are scarce, though no less than five minutes."""
    if free >= SCARCE:
        return asked
    return min(asked, max(asked // 2, SHORTEST_MINUTES))


def beyond_share(held: int, unsold: int, share: int) -> bool:
    """Whether a buyer holds more than `share` percent of the codes that are not sold yet."""
    return held * 100 > share * unsold


async def refuse_too_many_unpaid(
    tx: Writing, shop: Shop, buyer: Buyer, lines: Sequence[CartLineView]
) -> Standing:
    """Refuses UNPAID_LIMIT to a buyer with too many unpaid orders; answers how things stand.

    A buyer's orders come one after the other from here on, or each of many at once would count
    none of the others. The counts are a statement of their own: they must see what the order before
    has committed.
    """
    # Always the email first: two orders never wait for each other.
    names = filter(None, (buyer.email, buyer.placed_from and buyer.placed_from.hex()))
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest($1::text[]) as name",
        [f"unpaid:{shop.id}:{name}" for name in names],
    )
    (found,) = await tx.rows(
        f"""
        select (select count(*) from orders
                where shop_id = $1 and email = $4 and status = 'pending') as own,
               (select count(*) from orders
                where shop_id = $1 and placed_from = $5 and status = 'pending') as near,
               (select min({free_codes("w.id", "w.quantity + $6::int")} - quantity)
                from unnest($2::uuid[], $3::int[]) as w (id, quantity)) as left_for_others
        """,  # noqa: S608  (a constant)
        shop.id, [line.variant_id for line in lines], [line.quantity for line in lines],
        buyer.email, buyer.placed_from, SCARCE,
    )  # fmt: skip
    if found["own"] >= shop.unpaid_per_buyer:
        raise refuse("UNPAID_LIMIT", limit=shop.unpaid_per_buyer)
    if found["near"] >= shop.unpaid_per_address:
        raise refuse("UNPAID_LIMIT")
    return Standing(found["own"] + found["near"] > 0, found["left_for_others"])


async def refuse_too_large_share(
    tx: Writing, shop: Shop, buyer: Buyer, lines: Sequence[CartLineView]
) -> None:
    """Refuses UNPAID_LIMIT at lines that a buyer with other unpaid orders, the new one included,
    would hold too large a share of. A single order may take as many as the merchant allows."""
    # Counted no further than it matters: to what the buyer holds, as a share of all.
    rows = await tx.rows(
        f"""
        select variant_id, held,
          {free_codes("mine.variant_id", "held * 100 / $5 + 1")}
          + (select coalesce(sum(quantity), 0) from (
             select quantity from orders
             join order_lines on order_lines.shop_id = $1 and order_id = orders.id
             where orders.shop_id = $1 and status = 'pending'
               and order_lines.variant_id = mine.variant_id
             limit held * 100 / $5 + 1) held_by_all) as unsold
        from (
          select wanted.variant_id,
            (select coalesce(sum(quantity), 0)::int from orders
               join order_lines on order_lines.shop_id = $1 and order_id = orders.id
             where orders.shop_id = $1 and status = 'pending'
               and (email = $3 or placed_from = $4)
               and order_lines.variant_id = wanted.variant_id) as held
          from unnest($2::uuid[]) as wanted (variant_id)) mine
        """,  # noqa: S608  (a constant)
        shop.id, [line.variant_id for line in lines], buyer.email, buyer.placed_from,
        shop.hold_share,
    )  # fmt: skip
    found = {row["variant_id"]: row for row in rows}
    errors = [
        UserError("UNPAID_LIMIT", ("lines", str(at), "quantity"), {"product": line.product_name})
        for at, line in enumerate(lines)
        if found[line.variant_id]["held"] > line.quantity
        and beyond_share(
            found[line.variant_id]["held"], found[line.variant_id]["unsold"], shop.hold_share
        )
    ]
    if errors:
        raise Refused(*errors)
