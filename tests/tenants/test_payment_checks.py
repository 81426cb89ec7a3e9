"""Payments that no callback told of: found by asking, and settled once whoever else tells."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from keystall.platform import clock, database
from keystall.platform.payments.port import ProviderUnavailable
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import claim
from keystall.tenants.payments.application import apply_callback
from keystall.tenants.payments.check_times import next_check
from keystall.tenants.payments.checks import ASKS_OF_ORDER, check_payment, find_payment
from keystall.tenants.payments.service import provider_of, start_payment
from keystall.tenants.writing import writing
from tests.factories import a_shop
from tests.tenants.gateway import Gateway, a_gateway
from tests.tenants.purchases import Purchase


@pytest.fixture(scope="module")
async def gateway(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    async with a_gateway(installation, Path(tmp_path_factory.mktemp("gateway"))) as there:
        yield there


@pytest.fixture
async def purchase(gateway: Gateway) -> Purchase:
    return Purchase(gateway.installation, await a_shop(gateway.installation))


async def a_started_order(purchase: Purchase) -> UUID:
    """An order whose buyer is at the gateway."""
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    assert await start_payment(purchase.installation, purchase.shop, order)
    return order


async def works(purchase: Purchase, kind: str) -> list[database.Row]:
    """The undone work of a kind in the shop."""
    async with database.transaction(purchase.shop.id) as tx:
        return list(
            await tx.rows(
                "select * from outbox where shop_id = $1 and kind = $2 and done_at is null"
                " order by due_at",
                purchase.shop.id,
                kind,
            )
        )


async def check(purchase: Purchase, installation: Installation | None = None) -> None:
    """Asks as the worker does when the next question is due, and applies what came of it."""
    [item] = await works(purchase, "payment.check")
    await check_payment(installation or purchase.installation, purchase.shop.id, item["id"])
    for told in await works(purchase, "payment.apply"):
        await apply_callback(purchase.installation, purchase.shop.id, told["id"])


def without_gateway(installation: Installation) -> Installation:
    """The same, but nothing listens where its gateway should be."""
    settings = installation.settings.model_copy(update={"sandbox_url": "http://pay.localhost:1"})
    return replace(installation, settings=settings)


async def test_an_order_whose_callback_never_comes_is_delivered_by_asking(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    await gateway.control(purchase.shop.id, order, "pay")

    await check(purchase)

    assert await purchase.status(order) == "delivered"
    assert await purchase.balances() == {"provider:sandbox": 984, "fees": 6, "sales": -990}
    assert await works(purchase, "payment.check") == []


async def test_a_payment_that_was_applied_is_asked_about_no_more(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    assert len(await works(purchase, "payment.check")) == 1

    await purchase.pay(order)

    assert await purchase.status(order) == "delivered"
    assert await works(purchase, "payment.check") == []


async def test_a_payment_is_applied_while_a_worker_is_about_to_end_its_question(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    [item] = await works(purchase, "payment.check")
    claimed = asyncio.Event()

    async def pays() -> None:
        await claimed.wait()
        await purchase.pay(order)

    paying = asyncio.create_task(pays())
    async with database.transaction(purchase.shop.id) as asking, asyncio.timeout(10):
        assert await claim(asking, purchase.shop.id, item["id"]) is not None
        claimed.set()
        await paying

    assert await purchase.status(order) == "delivered"
    assert await works(purchase, "payment.check") == []


async def test_an_unpaid_payment_is_asked_about_again_until_the_schedule_ends(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    async with database.transaction(purchase.shop.id) as tx:
        row = await tx.row(
            "select payments.created_at, expires_at from payments join orders"
            " on orders.id = order_id where orders.id = $1", order
        )  # fmt: skip
    assert row is not None

    await check(purchase)

    [again] = await works(purchase, "payment.check")
    assert again["due_at"] == next_check(row["created_at"], row["expires_at"], clock.now())
    async with database.transaction(purchase.shop.id) as tx:
        await tx.execute(
            "update orders set expires_at = expires_at - interval '4 days' where shop_id = $1",
            purchase.shop.id,
        )
        await tx.execute(
            "update payments set created_at = created_at - interval '4 days' where shop_id = $1",
            purchase.shop.id,
        )
    await check(purchase)
    assert await works(purchase, "payment.check") == []
    assert await purchase.status(order) == "pending"


async def test_a_callback_and_every_way_of_asking_at_once_settle_a_payment_once(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    await gateway.control(purchase.shop.id, order, "pay")
    [item] = await works(purchase, "payment.check")
    account = purchase.account
    adapter = await provider_of(
        purchase.installation, purchase.shop.id, account, provider="sandbox"
    )
    async with database.transaction(purchase.shop.id) as tx:
        payment = await tx.value("select id from payments where order_id = $1", order)

    async def told() -> None:
        notice = await adapter.query(str(payment))
        assert notice is not None
        await purchase.pay(order, transaction=notice.provider_reference)

    await asyncio.gather(
        told(),
        check_payment(purchase.installation, purchase.shop.id, item["id"]),
        *(find_payment(purchase.installation, purchase.shop.id, order) for _ in range(3)),
    )
    for left in await works(purchase, "payment.apply"):
        await apply_callback(purchase.installation, purchase.shop.id, left["id"])

    assert await purchase.status(order) == "delivered"
    assert await purchase.states() == ["sold"]
    assert (await purchase.balances())["sales"] == -990
    assert await works(purchase, "payment.check") == []


async def test_a_provider_that_is_down_is_asked_again_and_harms_nothing(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    away = without_gateway(purchase.installation)
    [item] = await works(purchase, "payment.check")

    with pytest.raises(ProviderUnavailable):
        await check_payment(away, purchase.shop.id, item["id"])
    assert await find_payment(away, purchase.shop.id, order) == "provider_away"

    assert [row["id"] for row in await works(purchase, "payment.check")] == [item["id"]]
    assert await purchase.status(order) == "pending"
    await gateway.control(purchase.shop.id, order, "pay")
    await check(purchase)
    assert await purchase.status(order) == "delivered"


async def test_a_provider_that_stays_away_is_given_up_when_the_schedule_ends(
    purchase: Purchase,
) -> None:
    await a_started_order(purchase)
    async with database.transaction(purchase.shop.id) as tx:
        await tx.execute(
            "update orders set expires_at = now() - interval '73 hours' where shop_id = $1",
            purchase.shop.id,
        )
    await check(purchase, without_gateway(purchase.installation))
    assert await works(purchase, "payment.check") == []


async def test_a_provider_that_was_switched_off_has_nothing_to_say(purchase: Purchase) -> None:
    order = await a_started_order(purchase)
    off = replace(
        purchase.installation,
        settings=purchase.installation.settings.model_copy(update={"sandbox_url": ""}),
    )
    assert await find_payment(off, purchase.shop.id, order) == "nothing_paid"
    await check(purchase, off)
    assert len(await works(purchase, "payment.check")) == 1


async def test_a_buyer_who_asks_is_told_and_has_the_goods_with_the_answer(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    installation, shop = purchase.installation, purchase.shop.id
    assert await find_payment(installation, shop, order) == "nothing_paid"
    await gateway.control(purchase.shop.id, order, "pay")
    assert await find_payment(installation, shop, order) == "found"
    assert await purchase.status(order) == "delivered"
    assert await find_payment(installation, shop, order) == "settled"


async def test_a_buyer_may_ask_only_so_often(purchase: Purchase) -> None:
    order = await a_started_order(purchase)
    for _ in range(ASKS_OF_ORDER):
        await find_payment(purchase.installation, purchase.shop.id, order)
    with pytest.raises(Refused, match="THROTTLED"):
        await find_payment(purchase.installation, purchase.shop.id, order)


async def test_a_payment_after_the_hold_is_found_and_its_goods_delivered_if_there_are_any(
    gateway: Gateway, purchase: Purchase
) -> None:
    order = await a_started_order(purchase)
    await check(purchase)
    await purchase.expire(order)
    await gateway.control(purchase.shop.id, order, "pay")
    await check(purchase)
    assert await purchase.status(order) == "delivered"


async def test_the_end_of_a_hold_has_payments_asked_about_that_never_were(
    purchase: Purchase,
) -> None:
    order = await a_started_order(purchase)
    async with writing(purchase.installation, purchase.shop.id) as tx:
        # As an older version, which asked nobody, took the order.
        await tx.execute(
            "update outbox set done_at = now() where shop_id = $1 and kind = 'payment.check'",
            purchase.shop.id,
        )
    await purchase.expire(order)
    [item] = await works(purchase, "payment.check")
    assert item["due_at"] <= clock.now() + timedelta(seconds=1)
