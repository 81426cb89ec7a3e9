"""Completing a cart: the moment goods are held.

One transaction decides and writes; only after it is the provider asked where to pay, so that a
provider that is slow or away costs the order nothing: it stands, and can be paid later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.platform.payments.registry import can_charge
from keystall.tenants.checkout.holding import (
    Buyer,
    mark_of_network,
    minutes_held,
    refuse_too_large_share,
    refuse_too_many_unpaid,
)
from keystall.tenants.checkout.pricing import (
    CartLineView,
    answer_errors,
    cart_problems,
    cart_total,
    questions_of,
    shortage,
)
from keystall.tenants.checkout.queries import cart_lines
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.idempotency.keys import check_key, claim_key, claimed_key, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.orders.numbers import new_order_number
from keystall.tenants.payments.check_times import next_check
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock.allocation import Beside, Wanted, reserve
from keystall.tenants.writing import Due, Writing, writing

OPERATION = "cart.complete"


@dataclass(frozen=True, slots=True)
class _Placed:
    order_id: UUID
    lines: list[tuple[UUID, CartLineView]]
    currency: str
    buyer: Buyer
    expires_at: datetime
    return_url: str | None


async def cart_complete(
    installation: Installation,
    shop: Shop,
    cart_id: UUID,
    *,
    payment_account_id: UUID,
    idempotency_key: str,
    address: str = "",
    return_url: str | None = None,
) -> UUID:
    """Makes an order of a cart, its goods held until it expires; answers the order's id.

    `address` is the network address the buyer came from, where it is known. `return_url` is where
    the buyer goes after paying, checked (`payments.returning`); None: to the order's page in the
    shop. The same key and input answer the same order. Refuses with every problem the cart has, an
    email that is missing, a payment account that is not open, and a buyer who holds too much unpaid
    (`holding`).
    """
    if shop.status != "open":
        raise refuse("SHOP_CLOSED")
    check_key(idempotency_key)
    print_ = fingerprint(cart_id, payment_account_id, *filter(None, [return_url]))
    async with writing(installation, shop.id, few=True) as tx:
        cart = await _locked_cart(tx, shop.id, cart_id, payment_account_id)
        if cart is None or cart["order_id"] is not None:
            earlier = await claimed_key(tx, shop.id, OPERATION, idempotency_key, print_=print_)
            if earlier is None:
                raise refuse("NOT_FOUND" if cart is None else "CART_COMPLETED", "cart_id")
            return earlier
        lines = await _buyable_lines(tx, shop.id, cart)
        # Nothing is written up to here: when something is sold out, most requests end above.
        order_id = new_id()
        earlier = await claim_key(
            tx, shop.id, OPERATION, idempotency_key, print_=print_, object_id=order_id
        )
        if earlier != order_id:
            return earlier
        buyer = Buyer(cart["email"], mark_of_network(installation.keys, shop.id, address))
        found = await refuse_too_many_unpaid(tx, shop, buyer, lines)
        minutes = minutes_held(shop.hold_minutes, found.left)
        placed = _Placed(
            order_id,
            [(new_id(), line) for line in lines],
            cart["currency"],
            buyer,
            clock.now() + timedelta(minutes=minutes),
            return_url,
        )
        await _place(tx, shop.id, cart, placed, payment_account_id)
        if found.holds_more:
            await refuse_too_large_share(tx, shop, buyer, lines)
    return order_id


async def _locked_cart(
    tx: Writing, shop: UUID, cart_id: UUID, payment_account_id: UUID
) -> Mapping[str, Any] | None:
    return await tx.row(
        """
        select carts.*,
          (select provider from payment_accounts
             where payment_accounts.shop_id = $1 and id = $3 and enabled) as payable
        from carts where shop_id = $1 and carts.id = $2 for update of carts
        """,
        shop, cart_id, payment_account_id,
    )  # fmt: skip


async def _buyable_lines(
    tx: Writing, shop: UUID, cart: Mapping[str, Any]
) -> Sequence[CartLineView]:
    """The cart's lines. Refuses with all that stands in the way of buying them."""
    if not cart["email"]:
        raise refuse("REQUIRED", "email")
    if not cart["payable"]:
        raise refuse("PAYMENT_METHOD_UNAVAILABLE", "payment_method")
    lines = await cart_lines(tx, shop, cart["id"], currency=cart["currency"], locale=cart["locale"])
    problems = [problem.error for problem in cart_problems(lines)]
    problems += answer_errors(questions_of(lines), cart["buyer_fields"])
    if problems:
        raise Refused(*problems)
    if not can_charge(cart["payable"], cart_total([*lines]), cart["currency"]):
        raise refuse("PAYMENT_METHOD_UNAVAILABLE", "payment_method")
    return lines


async def _place(
    tx: Writing, shop: UUID, cart: Mapping[str, Any], placed: _Placed, account_id: UUID
) -> None:
    """Writes the order and what it holds and waits for, by one statement. Refuses what there is too
    little of."""
    wanted = [Wanted(line_id, line.variant_id, line.quantity) for line_id, line in placed.lines]
    payment_id, now = new_id(), clock.now()
    check_at = next_check(now, placed.expires_at, now) or placed.expires_at
    await tx.post_later(
        Due("order.expire", placed.order_id, placed.expires_at),
        # By the payment's id, by which it is ended when the payment is applied.
        Due("payment.check", payment_id, check_at, item=payment_id),
    )
    missing = await reserve(tx, shop, wanted, _order(cart, placed, account_id, payment_id))
    if not missing:
        return
    errors = (
        shortage(line, missing.get(line_id, 0), ("lines", str(index), "quantity"))
        for index, (line_id, line) in enumerate(placed.lines)
    )
    raise Refused(*(error for error in errors if error is not None))


def _order(cart: Mapping[str, Any], placed: _Placed, account_id: UUID, payment_id: UUID) -> Beside:
    views = [line for _, line in placed.lines]
    answers = [
        {"key": q["key"], "label": q["label"], "value": cart["buyer_fields"][q["key"]].strip()}
        for q in questions_of(views)
        if cart["buyer_fields"].get(q["key"], "").strip()
    ]
    return Beside(
        """
        placed as (
          insert into orders (shop_id, id, number, email, locale, currency, total, buyer_fields,
                              status, expires_at, placed_from)
          values ($1, $5, $6, $7, $8, $9, $10, $11, 'pending', $12, $13)
        ), ended as (
          update carts set order_id = $5 where shop_id = $1 and id = $14
        ), listed as (
          insert into order_lines (shop_id, id, order_id, position, variant_id, product_name,
                                   variant_name, quantity, unit_price)
          select $1, line_id, $5, position, variant_id, product_name, variant_name, quantity, price
          from unnest($15::uuid[], $16::uuid[], $17::text[], $18::text[], $19::int[],
                      $20::bigint[])
            with ordinality as t (line_id, variant_id, product_name, variant_name, quantity, price,
                                  position)
        ), awaited as (
          insert into payments (shop_id, id, order_id, account_id, amount, currency, state,
                                return_url)
          values ($1, $21, $5, $22, $10, $9, 'started', $23)
        ), told as (
          insert into order_events (shop_id, id, order_id, kind, data, actor)
          values ($1, $24, $5, 'order.placed', '{}', 'buyer'))
        """,
        (
            placed.order_id, new_order_number(), cart["email"], cart["locale"], placed.currency,
            cart_total(views), answers, placed.expires_at, placed.buyer.placed_from, cart["id"],
            [line_id for line_id, _ in placed.lines],
            [line.variant_id for line in views],
            [line.product_name for line in views],
            [line.variant_name for line in views],
            [line.quantity for line in views],
            [line.unit_price for line in views],
            payment_id, account_id, placed.return_url, new_id(),
        ),
    )  # fmt: skip
