"""Reading carts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads, Row
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


_LINES = """
select cart_lines.id, cart_lines.variant_id, products.id as product_id,
       coalesce(products.translations -> {locale} ->> 'name', products.name) as product_name,
       coalesce(variants.translations -> {locale} ->> 'name', variants.name) as variant_name,
       cart_lines.quantity,
       prices.amount as unit_price, min_quantity, max_quantity,
       products.status = 'active' and variants.archived_at is null as on_sale,
       stock.free as in_stock, products.buyer_fields as questions
from cart_lines
join variants on variants.shop_id = $1 and variants.id = cart_lines.variant_id
join products on products.shop_id = $1 and products.id = variants.product_id
left join prices on prices.shop_id = $1
  and prices.variant_id = cart_lines.variant_id and prices.currency = {currency}
cross join lateral (
  select count(*)::int as free from (
    select from codes where codes.shop_id = $1
      and codes.variant_id = cart_lines.variant_id and state = 'available'
      and sellable_until > now()
    limit cart_lines.quantity) free_codes) stock
where cart_lines.shop_id = $1 and cart_id = $2
"""
_OF_CART = _LINES.format(currency="$3", locale="$4") + "order by cart_lines.id"
_CART = """
select carts.id as cart_id, carts.currency, carts.locale, email, carts.buyer_fields as answers,
       order_id, line.*
from carts left join lateral (
  {lines}) line on true
where carts.shop_id = $1 and carts.id = $2 order by line.id
""".format(lines=_LINES.format(currency="carts.currency", locale="carts.locale"))
_LINE_FIELDS = tuple(field.name for field in fields(CartLineView))


async def cart_by_id(db: Reads, shop: UUID, cart: UUID) -> CartView | None:
    """A cart, or None where this shop has none of that id."""
    rows = await db.rows(_CART, shop, cart)
    if not rows:
        return None
    row = rows[0]
    return CartView(
        id=row["cart_id"],
        currency=row["currency"],
        locale=row["locale"],
        email=row["email"],
        answers=row["answers"],
        order_id=row["order_id"],
        lines=tuple(_line(row) for row in rows if row["id"] is not None),
    )


async def cart_lines(
    db: Reads, shop: UUID, cart: UUID, *, currency: str, locale: str
) -> Sequence[CartLineView]:
    """The lines of a cart with all that decides over them, in one statement.

    Names are in `locale` where the merchant wrote them in it.
    """
    return [_line(row) for row in await db.rows(_OF_CART, shop, cart, currency, locale)]


def _line(row: Row) -> CartLineView:
    told = {name: row[name] for name in _LINE_FIELDS}
    return CartLineView(**{**told, "questions": tuple(row["questions"])})
