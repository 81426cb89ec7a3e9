"""Reading carts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.checkout.pricing import CartLineView, cart_total, questions_of


@dataclass(frozen=True, slots=True)
class CartView:
    """A cart with its lines as they stand now. Amounts in minor units of `currency`."""

    id: UUID
    currency: str
    locale: str
    email: str
    answers: Mapping[str, str]
    order_id: UUID | None
    lines: tuple[CartLineView, ...]

    @property
    def total(self) -> int:
        """What the lines cost together."""
        return cart_total(self.lines)

    @property
    def questions(self) -> list[Mapping[str, Any]]:
        """What the products in it ask the buyer."""
        return questions_of(self.lines)


async def cart_by_id(db: Reads, shop: UUID, cart: UUID) -> CartView | None:
    """A cart, or None where this shop has none of that id."""
    row = await db.row("select * from carts where shop_id = $1 and id = $2", shop, cart)
    if row is None:
        return None
    lines = await cart_lines(db, shop, cart, currency=row["currency"], locale=row["locale"])
    return CartView(
        id=row["id"],
        currency=row["currency"],
        locale=row["locale"],
        email=row["email"],
        answers=row["buyer_fields"],
        order_id=row["order_id"],
        lines=tuple(lines),
    )


async def cart_lines(
    db: Reads, shop: UUID, cart: UUID, *, currency: str, locale: str
) -> Sequence[CartLineView]:
    """The lines of a cart with all that decides over them, in one statement.

    Names are in `locale` where the merchant wrote them in it.
    """
    rows = await db.rows(
        """
        select cart_lines.id, cart_lines.variant_id, products.id as product_id,
               coalesce(products.translations -> $4 ->> 'name', products.name) as product_name,
               coalesce(variants.translations -> $4 ->> 'name', variants.name) as variant_name,
               cart_lines.quantity,
               prices.amount as unit_price, min_quantity, max_quantity,
               products.status = 'active' and variants.archived_at is null as on_sale,
               stock.free as in_stock, products.buyer_fields as questions
        from cart_lines
        join variants on variants.shop_id = $1 and variants.id = cart_lines.variant_id
        join products on products.shop_id = $1 and products.id = variants.product_id
        left join prices on prices.shop_id = $1
          and prices.variant_id = cart_lines.variant_id and prices.currency = $3
        cross join lateral (
          select count(*)::int as free from (
            select from codes where codes.shop_id = $1
              and codes.variant_id = cart_lines.variant_id and state = 'available'
              and sellable_until > now()
            limit cart_lines.quantity) free_codes) stock
        where cart_lines.shop_id = $1 and cart_id = $2
        order by cart_lines.id
        """,
        shop, cart, currency, locale,
    )  # fmt: skip
    return [CartLineView(**{**row, "questions": tuple(row["questions"])}) for row in rows]
