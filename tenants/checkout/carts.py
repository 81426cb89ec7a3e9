"""Filling a cart. A cart is a wish: nothing is held until it is completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID, uuid4

from keystall.platform import clock, database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.checkout.pricing import MAX_LINES
from keystall.tenants.errors import refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.installation import Installation
from keystall.tenants.languages import spoken_locale
from keystall.tenants.shops.shop import Shop
from keystall.tenants.writing import Writing, writing

MAX_QUANTITY = 1000

_Given: TypeAlias = tuple[UUID, list[UUID], UUID, list[UUID], list[int], int]

_SOLD = """
with given as (
  select * from unnest($2::uuid[], $4::uuid[], $5::int[]) as given (id, variant_id, quantity)
), sold as (
  select given.*, first_value(given.id) over (partition by variant_id order by given.id) as first,
         sum(given.quantity) over (partition by variant_id) as wanted
  from given join variants on variants.shop_id = $1 and variants.id = variant_id
  join products on products.shop_id = $1 and products.id = product_id
  where products.status = 'active' and archived_at is null{named}
), """
_PUT_IN = """
put as (
  insert into cart_lines (shop_id, id, cart_id, variant_id, quantity)
  select $1, id, $3, variant_id, least(wanted, $6::int) from sold where id = first{all_sold}
  on conflict (shop_id, cart_id, variant_id)
  do update set quantity = least(cart_lines.quantity + excluded.quantity, $6::int))
select id from sold"""
_FILL = _SOLD.format(named="") + _PUT_IN.format(all_sold="")
# A transaction of its own: where anything is not sold, nothing is written.
_ALL_SOLD = "(select count(*) from sold) = cardinality($2::uuid[])"
_START_FILLED = (
    _SOLD.format(named=" and {named}")
    + f"""cart as (
  insert into carts (shop_id, id, currency, locale, email, buyer_fields, created_at, updated_at)
  select $1, $3, $7, $8, $9, $10, $11, $11 where {_ALL_SOLD}), """
    + _PUT_IN.format(all_sold=f" and {_ALL_SOLD}")
)
_TAKE_OUT = "delete from cart_lines where shop_id = $1 and cart_id = $2 and id = $3"
_SET_QUANTITY = (
    "update cart_lines set quantity = $4 where shop_id = $1 and cart_id = $2 and id = $3"
)


@dataclass(frozen=True, slots=True)
class NewLine:
    """So many of a variant."""

    variant_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class LineChange:
    """A new quantity for a line; 0 takes it out."""

    line_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class CartBuyer:
    """Who buys: where the goods go, and answers to the products' questions by key."""

    email: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


async def cart_create(
    installation: Installation,
    shop: Shop,
    lines: Sequence[NewLine],
    *,
    currency: str,
    locale: str,
    buyer: CartBuyer = CartBuyer(),
) -> UUID:
    """Starts a cart; answers its id, which is the key to it. Refuses unknown variants, and what
    `cart_buyer_update` refuses of the buyer."""
    if currency not in shop.currencies:
        raise refuse("CURRENCY_UNAVAILABLE", "input", "currency", currency=currency)
    path = ("input", "lines")
    _check_lines(lines, path)
    email = _checked(buyer, "input", "buyer") or ""
    # Unlike a UUIDv7 this one cannot be guessed from the time of its making.
    cart_id, now = uuid4(), clock.now()
    placed = _given(shop.id, cart_id, lines)
    sold = await database.alone(shop.id).rows(
        _START_FILLED, *placed, currency, locale, email, dict(buyer.answers), now
    )
    _refuse_unknown(placed, sold, path)
    return cart_id


async def cart_lines_add(
    installation: Installation, shop: Shop, cart_id: UUID, lines: Sequence[NewLine]
) -> None:
    """Puts variants in; one that is in the cart already grows."""
    path = ("lines",)
    _check_lines(lines, path)
    async with writing(installation, shop.id) as tx:
        await _open_cart(tx, shop.id, cart_id)
        placed = _given(shop.id, cart_id, lines)
        _refuse_unknown(placed, await tx.rows(_FILL, *placed), path)
        count = await tx.value(
            "select count(*) from cart_lines where shop_id = $1 and cart_id = $2", shop.id, cart_id
        )
        if count > MAX_LINES:
            raise refuse("OVER_LIMIT", *path, limit=MAX_LINES)


async def cart_lines_update(
    installation: Installation, shop: Shop, cart_id: UUID, changes: Sequence[LineChange]
) -> None:
    """Sets quantities; all or none."""
    _check_count(changes, ("lines",))
    async with writing(installation, shop.id) as tx:
        await _open_cart(tx, shop.id, cart_id)
        for index, change in enumerate(changes):
            _check_quantity(change.quantity, 0, ("lines", str(index), "quantity"))
            statement = _SET_QUANTITY if change.quantity else _TAKE_OUT
            given = [change.quantity] if change.quantity else []
            if not await tx.execute(statement, shop.id, cart_id, change.line_id, *given):
                raise refuse("NOT_FOUND", "lines", str(index), "id")


async def cart_lines_remove(
    installation: Installation, shop: Shop, cart_id: UUID, line_ids: Sequence[UUID]
) -> None:
    """Takes lines out; all or none."""
    await cart_lines_update(
        installation, shop, cart_id, [LineChange(line_id, 0) for line_id in line_ids]
    )


async def cart_buyer_update(
    installation: Installation,
    shop: Shop,
    cart_id: UUID,
    *,
    email: str | None,
    locale: str | None,
    answers: Mapping[str, str],
) -> None:
    """Says who buys. What is left out stays as it was, as does the locale where it is none that we
    speak; answers are merged by key."""
    address = _checked(CartBuyer(email, answers), "input")
    async with writing(installation, shop.id) as tx:
        await _open_cart(tx, shop.id, cart_id)
        await tx.execute(
            "update carts set email = coalesce($3, email), locale = coalesce($4, locale),"
            " buyer_fields = buyer_fields || $5::jsonb, updated_at = $6"
            " where shop_id = $1 and id = $2",
            shop.id, cart_id, address, spoken_locale(locale or ""), dict(answers), clock.now(),
        )  # fmt: skip


async def _open_cart(tx: Writing, shop: UUID, cart_id: UUID) -> None:
    """Locks the cart. Refuses one that this shop has not, or that has become an order."""
    row = await tx.row(
        "select order_id from carts where shop_id = $1 and id = $2 for update", shop, cart_id
    )
    if row is None:
        raise refuse("NOT_FOUND", "cart_id")
    if row["order_id"] is not None:
        raise refuse("CART_COMPLETED", "cart_id")


def _given(shop: UUID, cart_id: UUID, lines: Sequence[NewLine]) -> _Given:
    """What the statements above take first."""
    return (
        shop, [new_id() for _ in lines], cart_id, [line.variant_id for line in lines],
        [line.quantity for line in lines], MAX_QUANTITY,
    )  # fmt: skip


def _refuse_unknown(given: _Given, sold: Sequence[Row], path: tuple[str, ...]) -> None:
    found = {row["id"] for row in sold}
    for index, line in enumerate(given[1]):
        if line not in found:
            raise refuse("NOT_FOUND", *path, str(index), "variant_id")


def _checked(buyer: CartBuyer, *path: str) -> str | None:
    """The email as it is kept. Refuses one that is none, and answers that are too long."""
    email = None if buyer.email is None else normalised_email(buyer.email)
    if email is not None and email_problem(email):
        raise refuse("EMAIL_INVALID", *path, "email")
    for key, answer in buyer.answers.items():
        if len(answer) > 500:
            raise refuse("TOO_LONG", *path, "buyer_fields", key, limit=500)
    return email


def _check_lines(lines: Sequence[NewLine], path: tuple[str, ...]) -> None:
    _check_count(lines, path)
    for index, line in enumerate(lines):
        _check_quantity(line.quantity, 1, (*path, str(index), "quantity"))


def _check_count(lines: Sequence[object], path: tuple[str, ...]) -> None:
    # Before the transaction: thousands fit into a request.
    if len(lines) > MAX_LINES:
        raise refuse("OVER_LIMIT", *path, limit=MAX_LINES)


def _check_quantity(quantity: int, least: int, path: tuple[str, ...]) -> None:
    if quantity < least:
        raise refuse("UNDER_MINIMUM", *path, minimum=least)
    if quantity > MAX_QUANTITY:
        raise refuse("OVER_LIMIT", *path, limit=MAX_QUANTITY)
