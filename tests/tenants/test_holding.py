"""What one buyer may hold without paying."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.platform import clock, database
from keystall.tenants.checkout.holding import (
    SCARCE,
    SHORTEST_MINUTES,
    beyond_share,
    mark_of_network,
    minutes_held,
)
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.orders.service import cancel_order
from tests.factories import a_shop
from tests.tenants.purchases import Purchase


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    return Purchase(installation, await a_shop(installation))


def codes(count: int) -> list[str]:
    return [f"CODE-{number:04}" for number in range(count)]


async def refusal(purchase: Purchase, quantity: int = 1, **order: Any) -> list[tuple[Any, ...]]:
    """Why an order is refused, which must have left nothing behind."""
    before = await left_behind(purchase)
    with pytest.raises(Refused) as refused:
        await purchase.order(quantity, **order)
    assert await left_behind(purchase) == before
    return [(error.code, error.path, dict(error.params)) for error in refused.value.errors]


async def left_behind(purchase: Purchase) -> tuple[int, int]:
    async with database.transaction(purchase.shop.id) as tx:
        orders: int = await tx.value(
            "select count(*) from orders where shop_id = $1", purchase.shop.id
        )
    return orders, (await purchase.states()).count("reserved")


async def row(purchase: Purchase, order: UUID) -> Any:
    async with database.transaction(purchase.shop.id) as tx:
        return await tx.row("select * from orders where id = $1", order)


async def test_one_email_holds_so_many_orders_until_one_is_paid_or_given_up(
    purchase: Purchase,
) -> None:
    purchase.shop = replace(purchase.shop, unpaid_per_buyer=2, hold_share=100)
    await purchase.stock(*codes(6))
    first = await purchase.order()
    second = await purchase.order()

    assert await refusal(purchase) == [("UNPAID_LIMIT", (), {"limit": 2})]
    await purchase.pay(first)
    await purchase.order()
    assert await refusal(purchase) == [("UNPAID_LIMIT", (), {"limit": 2})]
    await cancel_order(purchase.installation, purchase.shop.id, second)
    await purchase.order()


async def test_one_network_holds_so_many_orders_whatever_emails_it_names(
    purchase: Purchase,
) -> None:
    purchase.shop = replace(purchase.shop, unpaid_per_address=2, hold_share=100)
    await purchase.stock(*codes(6))
    await purchase.order(email="a@x.test", address="2001:db8:1:2::1")
    await purchase.order(email="b@x.test", address="2001:db8:1:2:ffff::7")

    assert await refusal(purchase, email="c@x.test", address="2001:db8:1:2::9") == [
        ("UNPAID_LIMIT", (), {})
    ]
    await purchase.order(email="c@x.test", address="2001:db8:1:3::1")
    await purchase.order(email="d@x.test", address="")


async def test_several_unpaid_orders_hold_no_more_than_a_share_of_the_stock(
    purchase: Purchase,
) -> None:
    await purchase.stock(*codes(10))
    await purchase.order(3, email="a@x.test", address="203.0.113.7")

    share = [("UNPAID_LIMIT", ("lines", "0", "quantity"), {"product": "Steam card"})]
    assert await refusal(purchase, 3, email="a@x.test", address="198.51.100.9") == share
    assert await refusal(purchase, 3, email="b@x.test", address="203.0.113.7") == share
    await purchase.order(2, email="a@x.test", address="198.51.100.9")
    await purchase.order(1, email="c@x.test", address="192.0.2.1")


async def test_the_last_code_of_a_rush_is_sold_to_whoever_comes(purchase: Purchase) -> None:
    await purchase.stock(*codes(8))
    for number in range(6):
        await purchase.order(email=f"rush{number}@x.test", address=f"203.0.113.{number}")
    for name in ("one", "two"):  # behind one provider's address, of which all others are free
        await purchase.order(email=f"{name}@x.test", address="203.0.113.1")

    assert await purchase.states() == ["reserved"] * 8


async def test_one_order_alone_may_take_all_there_is(purchase: Purchase) -> None:
    await purchase.stock(*codes(4))
    await purchase.order(4, address="203.0.113.7")

    assert await purchase.states() == ["reserved"] * 4


@pytest.mark.parametrize(("stock", "minutes"), [(1 + SCARCE, 15), (SCARCE, 7)])
async def test_scarce_goods_are_held_half_as_long(
    purchase: Purchase, stock: int, minutes: int
) -> None:
    await purchase.stock(*codes(stock))
    before = clock.now()
    order = await row(purchase, await purchase.order())

    held: datetime = order["expires_at"]
    assert timedelta(0) <= held - before - timedelta(minutes=minutes) < timedelta(seconds=30)


async def test_where_an_order_came_from_is_forgotten_with_its_hold(purchase: Purchase) -> None:
    await purchase.stock(*codes(20))
    kept = [await purchase.order(address="203.0.113.7") for _ in range(2)]
    paid, unpaid = kept
    await purchase.pay(paid)
    mark = mark_of_network(purchase.installation.keys, purchase.shop.id, "203.0.113.7")
    assert mark is not None
    assert [(await row(purchase, order))["placed_from"] for order in kept] == [mark, mark]

    for order in kept:
        await purchase.expire(order)

    assert [(await row(purchase, order))["placed_from"] for order in kept] == [None, None]
    assert [await purchase.status(order) for order in (paid, unpaid)] == ["delivered", "expired"]


async def test_two_shops_cannot_tell_that_they_have_the_same_buyer(
    installation: Installation,
) -> None:
    one, two = [(await a_shop(installation)).id for _ in range(2)]
    keys = installation.keys

    assert mark_of_network(keys, one, "203.0.113.7") != mark_of_network(keys, two, "203.0.113.7")


@given(st.integers(1, 1440), st.integers(-5, 50))
def test_a_hold_is_never_longer_than_asked_nor_cut_below_five_minutes(
    asked: int, free: int
) -> None:
    minutes = minutes_held(asked, free)

    assert min(asked, SHORTEST_MINUTES) <= minutes <= asked
    assert minutes == asked or free < SCARCE


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(1, 100))
def test_a_share_of_all_is_no_limit_and_a_larger_share_never_refuses_more(
    held: int, others: int, share: int
) -> None:
    unsold = held + others
    assert not beyond_share(held, unsold, 100)
    assert beyond_share(held, unsold, share) >= beyond_share(held, unsold, min(100, share + 1))
