"""Reading carts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads, Row
from keystall.tenants.checkout.pricing import CartLineView, cart_total, questions_of
from keystall.tenants.columns import NOTHING, UNREAD, named
from keystall.tenants.stock.free_codes import free_codes


@dataclass(frozen=True, slots=True)
class CartView:
    """A cart with its lines as they stand now. Amounts in minor units of `currency`; `answers` may
    be UNREAD."""

    id: UUID
    currency: str
    locale: str
    email: str
    order_id: UUID | None
    lines: tuple[CartLineView, ...]
    answers: Mapping[str, str] = UNREAD

    @property
    def total(self) -> int:
        """What the lines cost together."""
        return cart_total(self.lines)

    @property
    def questions(self) -> list[Mapping[str, Any]]:
        """What the products in it ask the buyer."""
        return questions_of(self.lines)


_LINE: Mapping[str, str] = {
    "id": "cart_lines.id",
    "variant_id": "cart_lines.variant_id",
    "product_id": "products.id",
    "product_name": "coalesce(products.translations -> {locale} ->> 'name', products.name)",
    "variant_name": "coalesce(variants.translations -> {locale} ->> 'name', variants.name)",
    "quantity": "cart_lines.quantity",
    "unit_price": "prices.amount",
    "min_quantity": "min_quantity",
    "max_quantity": "max_quantity",
    "on_sale": "products.status = 'active' and variants.archived_at is null",
    "in_stock": free_codes("cart_lines.variant_id", "cart_lines.quantity"),
    "questions": "products.buyer_fields",
}
_LINES = """
select {columns}
from cart_lines
join variants on variants.shop_id = $1 and variants.id = cart_lines.variant_id
join products on products.shop_id = $1 and products.id = variants.product_id
left join prices on prices.shop_id = $1
  and prices.variant_id = cart_lines.variant_id and prices.currency = {currency}
where cart_lines.shop_id = $1 and cart_id = $2
"""


def _lines(currency: str, locale: str, without: frozenset[str] = NOTHING) -> str:
    columns = named(_LINE, without).replace("{locale}", locale)
    return _LINES.format(columns=columns, currency=currency)


_OF_CART = _lines("$3", "$4") + "order by cart_lines.id"


@lru_cache
def _cart(without: frozenset[str]) -> str:
    answers = "" if "answers" in without else ", carts.buyer_fields as answers"
    return f"""
select carts.id as cart_id, carts.currency, carts.locale, email{answers}, order_id, line.*
from carts left join lateral (
  {_lines("carts.currency", "carts.locale", without)}) line on true
where carts.shop_id = $1 and carts.id = $2 order by line.id
"""  # noqa: S608  (constants)


async def cart_by_id(
    db: Reads, shop: UUID, cart: UUID, *, without: frozenset[str] = NOTHING
) -> CartView | None:
    """A cart, or None where this shop has none of that id. It may be read `without` its answers,
    and its lines without what they may leave UNREAD."""
    rows = await db.rows(_cart(without), shop, cart)
    if not rows:
        return None
    row = rows[0]
    return CartView(
        id=row["cart_id"],
        currency=row["currency"],
        locale=row["locale"],
        email=row["email"],
        order_id=row["order_id"],
        lines=tuple(_line(row, without) for row in rows if row["id"] is not None),
        answers=UNREAD if "answers" in without else row["answers"],
    )


async def cart_lines(
    db: Reads, shop: UUID, cart: UUID, *, currency: str, locale: str
) -> Sequence[CartLineView]:
    """The lines of a cart with all that decides over them, in one statement.

    Names are in `locale` where the merchant wrote them in it.
    """
    return [_line(row, NOTHING) for row in await db.rows(_OF_CART, shop, cart, currency, locale)]


def _line(row: Row, without: frozenset[str]) -> CartLineView:
    told = {name: row[name] for name in _LINE if name not in without}
    if "questions" in told:
        told["questions"] = tuple(told["questions"])
    return CartLineView(**told)
