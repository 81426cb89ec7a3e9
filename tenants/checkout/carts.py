"""Filling a cart. A cart is a wish: nothing is held until it is completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.tenants.checkout.models import Cart
from keystall.tenants.checkout.pricing import MAX_LINES
from keystall.tenants.errors import refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.installation import Installation
from keystall.tenants.languages import spoken_locale
from keystall.tenants.shops.shop import Shop
from keystall.tenants.writing import Writing, writing

MAX_QUANTITY = 1000

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


async def cart_create(
    installation: Installation, shop: Shop, lines: Sequence[NewLine], *, currency: str, locale: str
) -> UUID:
    """Starts a cart; answers its id, which is the key to it. Refuses unknown variants."""
    if currency not in shop.currencies:
        raise refuse("CURRENCY_UNAVAILABLE", "input", "currency", currency=currency)
    _check_count(lines, ("input", "lines"))
    # Unlike a UUIDv7 this one cannot be guessed from the time of its making.
    cart_id = uuid4()
    async with writing(installation, shop.id) as tx:
        await Cart.create(id=cart_id, shop_id=shop.id, currency=currency, locale=locale)
        await _put_in(tx, shop.id, cart_id, lines, ("input", "lines"))
    return cart_id


async def cart_lines_add(
    installation: Installation, shop: Shop, cart_id: UUID, lines: Sequence[NewLine]
) -> None:
    """Puts variants in; one that is in the cart already grows."""
    _check_count(lines, ("lines",))
    async with writing(installation, shop.id) as tx:
        await _open_cart(tx, shop.id, cart_id)
        await _put_in(tx, shop.id, cart_id, lines, ("lines",))


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
    address = None if email is None else normalised_email(email)
    if address is not None and email_problem(address):
        raise refuse("EMAIL_INVALID", "input", "email")
    for key, answer in answers.items():
        if len(answer) > 500:
            raise refuse("TOO_LONG", "input", "buyer_fields", key, limit=500)
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


async def _put_in(
    tx: Writing, shop: UUID, cart_id: UUID, lines: Sequence[NewLine], path: tuple[str, ...]
) -> None:
    for index, line in enumerate(lines):
        _check_quantity(line.quantity, 1, (*path, str(index), "quantity"))
        added = await tx.execute(
            """
            insert into cart_lines (shop_id, id, cart_id, variant_id, quantity)
            select $1, $2, $3, variants.id, $5 from variants
            join products on products.shop_id = $1 and products.id = product_id
            where variants.shop_id = $1 and variants.id = $4
              and products.status = 'active' and archived_at is null
            on conflict (shop_id, cart_id, variant_id)
            do update set quantity = least(cart_lines.quantity + excluded.quantity, $6)
            """,
            shop, new_id(), cart_id, line.variant_id, line.quantity, MAX_QUANTITY,
        )  # fmt: skip
        if not added:
            raise refuse("NOT_FOUND", *path, str(index), "variant_id")
    if lines:
        count = await tx.value(
            "select count(*) from cart_lines where shop_id = $1 and cart_id = $2", shop, cart_id
        )
        if count > MAX_LINES:
            raise refuse("OVER_LIMIT", *path, limit=MAX_LINES)


def _check_count(lines: Sequence[object], path: tuple[str, ...]) -> None:
    # Before the transaction: each line is a statement, and thousands fit into a request.
    if len(lines) > MAX_LINES:
        raise refuse("OVER_LIMIT", *path, limit=MAX_LINES)


def _check_quantity(quantity: int, least: int, path: tuple[str, ...]) -> None:
    if quantity < least:
        raise refuse("UNDER_MINIMUM", *path, minimum=least)
    if quantity > MAX_QUANTITY:
        raise refuse("OVER_LIMIT", *path, limit=MAX_QUANTITY)
