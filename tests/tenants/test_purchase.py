"""From cart to codes through the services, on real PostgreSQL; the provider is a signed notice."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from keystall.platform import database, statements
from keystall.platform.ids import new_id
from keystall.tenants.checkout.carts import (
    CartBuyer,
    NewLine,
    cart_buyer_update,
    cart_create,
    cart_lines_add,
    cart_lines_remove,
)
from keystall.tenants.checkout.completion import cart_complete
from keystall.tenants.checkout.pricing import MAX_LINES
from keystall.tenants.checkout.queries import cart_by_id
from keystall.tenants.delivery.service import codes_of_order, reveal_order_codes
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.orders.service import cancel_order
from keystall.tenants.payments.handing_over import GoodsMissing
from keystall.tenants.payments.refunds import send_refund
from keystall.tenants.payments.service import start_payment
from tests.factories import a_shop
from tests.tenants.purchases import Purchase


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    return Purchase(installation, await a_shop(installation))


async def test_a_paid_order_holds_its_codes_and_the_ledger_knows(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA", "CODE-BBBB", "CODE-CCCC")
    order = await purchase.order(2)
    assert await purchase.status(order) == "pending"
    assert await purchase.states() == ["reserved", "reserved", "available"]

    await purchase.pay(order, amount=1980)

    assert await purchase.status(order) == "delivered"
    assert await purchase.states() == ["sold", "sold", "available"]
    assert await purchase.balances() == {"provider:sandbox": 1974, "fees": 6, "sales": -1980}
    codes = await reveal_order_codes(
        purchase.installation, purchase.shop.id, order, address="127.0.0.1"
    )
    assert sorted(codes.values()) == ["CODE-AAAA", "CODE-BBBB"]
    async with database.transaction(purchase.shop.id) as tx:
        shown = await codes_of_order(tx, purchase.installation, purchase.shop.id, order)
        assert await tx.value("select count(*) from reveals") == 2
    assert all("CODE-" not in (code.masked or "") for code in shown)


async def test_paying_twice_delivers_once_and_sends_the_second_payment_back(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA", "CODE-BBBB")
    order = await purchase.order()
    await purchase.pay(order)
    await purchase.pay(order, transaction="t2")
    assert await purchase.status(order) == "delivered"
    assert await purchase.states() == ["sold", "available"]
    assert await purchase.refund_reasons(order) == [("paid_twice", 990)]
    assert (await purchase.balances())["buyers"] == -990


async def test_the_same_taking_told_twice_counts_once(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.pay(order)
    await purchase.pay(order)
    assert await purchase.refund_reasons(order) == []
    assert (await purchase.balances())["sales"] == -990


async def test_a_wrong_amount_delivers_nothing_and_goes_back(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.pay(order, amount=989)
    assert await purchase.status(order) == "pending"
    assert await purchase.states() == ["reserved"]
    assert await purchase.refund_reasons(order) == [("wrong_amount", 989)]


async def test_expiry_frees_the_codes_and_late_payment_finds_them_again(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.expire(order)
    assert await purchase.status(order) == "expired"
    assert await purchase.states() == ["available"]
    await purchase.pay(order)
    assert await purchase.status(order) == "delivered"
    assert await purchase.states() == ["sold"]


async def test_late_payment_for_goods_that_are_gone_goes_back(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    late = await purchase.order()
    await purchase.expire(late)
    await purchase.order()
    await purchase.pay(late)
    assert await purchase.status(late) == "refunding"
    assert await purchase.states() == ["reserved"]
    assert await purchase.refund_reasons(late) == [("sold_out", 990)]


async def test_a_paid_order_does_not_expire(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.pay(order)
    await purchase.expire(order)
    assert await purchase.status(order) == "delivered"


async def test_a_sold_out_product_is_refused_and_nothing_is_written(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    await purchase.order()
    with pytest.raises(Refused) as refusal:
        await purchase.order()
    assert [(e.code, e.path) for e in refusal.value.errors] == [
        ("SOLD_OUT", ("lines", "0", "quantity"))
    ]
    async with database.transaction(purchase.shop.id) as tx:
        assert await tx.value("select count(*) from orders") == 1
        assert await tx.value("select count(*) from outbox where kind = 'order.expire'") == 1


async def test_the_same_key_answers_the_same_order(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA", "CODE-BBBB")
    cart = await cart_create(
        purchase.installation, purchase.shop, [NewLine(purchase.variant, 1)],
        currency="CNY", locale="en",
    )  # fmt: skip
    await cart_buyer_update(
        purchase.installation, purchase.shop, cart, email="b@x.test", locale=None, answers={}
    )
    made = [
        await cart_complete(
            purchase.installation, purchase.shop, cart,
            payment_account_id=purchase.account, idempotency_key="one-two-three",
        )
        for _ in range(2)
    ]  # fmt: skip
    assert made[0] == made[1]
    assert await purchase.states() == ["reserved", "available"]
    with pytest.raises(Refused, match="IDEMPOTENCY_MISMATCH"):
        await purchase.order(key="one-two-three")


async def test_a_request_sent_twice_at_once_answers_the_same_order(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA", "CODE-BBBB")
    cart = await cart_create(
        purchase.installation, purchase.shop, [NewLine(purchase.variant, 1)],
        currency="CNY", locale="en", buyer=CartBuyer("b@x.test"),
    )  # fmt: skip
    made = await asyncio.gather(
        *(
            cart_complete(
                purchase.installation, purchase.shop, cart,
                payment_account_id=purchase.account, idempotency_key="one-two-three",
            )
            for _ in range(4)
        )
    )  # fmt: skip
    assert len(set(made)) == 1
    assert await purchase.states() == ["reserved", "available"]
    with pytest.raises(Refused, match="CART_COMPLETED"):
        await cart_complete(
            purchase.installation, purchase.shop, cart,
            payment_account_id=purchase.account, idempotency_key="four-five-six",
        )  # fmt: skip
    with pytest.raises(Refused, match="IDEMPOTENCY_MISMATCH"):
        await cart_complete(
            purchase.installation, purchase.shop, cart,
            payment_account_id=new_id(), idempotency_key="one-two-three",
        )  # fmt: skip


async def test_whoever_comes_too_late_costs_two_reads_and_no_write(
    purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await purchase.stock("CODE-AAAA")
    await purchase.order()
    cart = await cart_create(
        purchase.installation, purchase.shop, [NewLine(purchase.variant, 1)],
        currency="CNY", locale="en", buyer=CartBuyer("late@x.test"),
    )  # fmt: skip
    asked: list[str] = []
    in_turn = statements.InTurn

    def counted(run: Any) -> Any:
        async def ask(self: Any, sql: str, *args: object) -> Any:
            asked.append(sql.split()[0])
            return await run(self, sql, *args)

        return ask

    for name in ("rows", "row", "value", "execute"):
        monkeypatch.setattr(in_turn, name, counted(getattr(in_turn, name)))
    with pytest.raises(Refused, match="SOLD_OUT"):
        await cart_complete(
            purchase.installation, purchase.shop, cart,
            payment_account_id=purchase.account, idempotency_key="too-late-now",
        )  # fmt: skip
    assert asked == ["select", "select"]


async def test_a_variant_that_is_named_twice_is_one_line_of_the_sum_up_to_what_a_cart_holds(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA")

    async def quantities(*asked: int) -> list[int]:
        cart = await cart_create(
            purchase.installation, purchase.shop,
            [NewLine(purchase.variant, quantity) for quantity in asked],
            currency="CNY", locale="en",
        )  # fmt: skip
        async with database.transaction(purchase.shop.id) as tx:
            view = await cart_by_id(tx, purchase.shop.id, cart)
            assert view is not None
            return [line.quantity for line in view.lines]

    assert await quantities(2, 3) == [5]
    assert await quantities(600, 600) == [1000]
    assert await quantities() == []


async def test_canceling_frees_the_codes_once(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await cancel_order(purchase.installation, purchase.shop.id, order)
    assert await purchase.status(order) == "canceled"
    assert await purchase.states() == ["available"]
    with pytest.raises(Refused, match="CONFLICT"):
        await cancel_order(purchase.installation, purchase.shop.id, order)


async def test_a_buyer_who_orders_from_many_windows_at_once_holds_no_more_than_allowed(
    purchase: Purchase,
) -> None:
    await purchase.stock(*(f"CODE-{number:04}" for number in range(20)))
    made = await asyncio.gather(*(purchase.order() for _ in range(9)), return_exceptions=True)
    assert sum(isinstance(one, UUID) for one in made) == purchase.shop.unpaid_per_buyer
    assert (await purchase.states()).count("reserved") == purchase.shop.unpaid_per_buyer


async def test_more_lines_than_a_cart_may_have_are_refused_before_any_is_looked_up(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA")
    # Nothing in them exists: NOT_FOUND would say that the database was asked for each.
    many = [NewLine(new_id(), 1)] * (MAX_LINES + 1)
    with pytest.raises(Refused, match="OVER_LIMIT"):
        await cart_create(purchase.installation, purchase.shop, many, currency="CNY", locale="en")
    cart = await cart_create(purchase.installation, purchase.shop, [], currency="CNY", locale="en")
    with pytest.raises(Refused, match="OVER_LIMIT"):
        await cart_lines_add(purchase.installation, purchase.shop, cart, many)
    with pytest.raises(Refused, match="OVER_LIMIT"):
        await cart_lines_remove(
            purchase.installation, purchase.shop, cart, [new_id()] * (MAX_LINES + 1)
        )


async def test_an_order_stands_where_its_provider_was_switched_off(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    without = replace(
        purchase.installation,
        settings=purchase.installation.settings.model_copy(update={"sandbox_url": ""}),
    )
    assert await start_payment(without, purchase.shop, order) is None
    assert await purchase.status(order) == "pending"


async def test_a_refund_through_a_provider_that_was_switched_off_is_due(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.expire(order)
    await purchase.order()
    await purchase.pay(order)
    without = replace(
        purchase.installation,
        settings=purchase.installation.settings.model_copy(update={"sandbox_url": ""}),
    )
    async with database.transaction(purchase.shop.id) as tx:
        item = await tx.value("select id from outbox where kind = 'refund.send'")
    await send_refund(without, purchase.shop.id, item)
    assert await purchase.status(order) == "refund_due"


@pytest.mark.parametrize(("told", "kept"), [("zh", "zh-CN"), ("EN-us", "en"), ("x" * 9999, "en")])
async def test_a_cart_keeps_only_a_language_that_mails_and_providers_know(
    purchase: Purchase, told: str, kept: str
) -> None:
    cart = await cart_create(purchase.installation, purchase.shop, [], currency="CNY", locale="en")
    await cart_buyer_update(
        purchase.installation, purchase.shop, cart, email=None, locale=told, answers={}
    )
    async with database.transaction(purchase.shop.id) as tx:
        assert await tx.value("select locale from carts where id = $1", cart) == kept


async def test_an_order_that_does_not_hold_its_codes_is_not_delivered(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA", "CODE-BBBB")
    order = await purchase.order(2)
    async with database.transaction(purchase.shop.id) as tx:
        await tx.execute(
            "delete from codes where shop_id = $1 and state = 'reserved' and id ="
            " (select id from codes where shop_id = $1 order by position limit 1)",
            purchase.shop.id,
        )
    with pytest.raises(GoodsMissing):
        await purchase.pay(order, amount=1980)
    assert await purchase.status(order) == "pending"
    assert await purchase.states() == ["reserved"]
    assert await purchase.balances() == {}


async def test_selling_out_is_told_once(purchase: Purchase) -> None:
    await purchase.stock("CODE-AAAA", "CODE-BBBB")
    first, last = await purchase.order(), await purchase.order(email="c@x.test")
    await purchase.pay(first)
    await purchase.pay(last)
    async with database.transaction(purchase.shop.id) as tx:
        told = await tx.value(
            "select count(*) from outbox where shop_id = $1 and kind = 'mail.merchant_sold_out'",
            purchase.shop.id,
        )
    assert told == 1
