"""Money on its way back: never above what was paid, whoever decides and however often."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.orders.service import cancel_order
from keystall.tenants.payments.by_hand import Decision, order_complete, order_refund
from keystall.tenants.payments.due_refunds import refund_accept, refund_paid_back, refund_retry
from keystall.tenants.payments.refunding import STATUSES, can_move, refund_amount
from keystall.tenants.payments.refunds import send_refund
from tests.factories import a_shop
from tests.tenants.purchases import Purchase


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    return Purchase(installation, await a_shop(installation))


def said(note: str = "A gift", key: str = "") -> Decision:
    return Decision("merchant", note, key or str(new_id()))


async def refunded(purchase: Purchase, order: UUID, amount: int | None, key: str = "") -> UUID:
    asked = None if amount is None else (amount, "CNY")
    return await order_refund(
        purchase.installation, purchase.shop.id, order, amount=asked, decision=said(key=key)
    )


async def a_delivered_order(purchase: Purchase) -> UUID:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.pay(order)
    return order


async def a_due_refund(purchase: Purchase, order: UUID) -> UUID:
    """The newest refund of an order, which no provider could send."""
    settings = purchase.installation.settings.model_copy(update={"sandbox_url": ""})
    away = replace(purchase.installation, settings=settings)
    async with database.transaction(purchase.shop.id) as tx:
        refund: UUID = await tx.value(
            "select id from refunds where shop_id = $1 and order_id = $2 order by id desc limit 1",
            purchase.shop.id, order,
        )  # fmt: skip
        item = await tx.value(
            "select id from outbox where shop_id = $1 and kind = 'refund.send' and subject_id = $2",
            purchase.shop.id, refund,
        )  # fmt: skip
    await send_refund(away, purchase.shop.id, item)
    return refund


async def row(purchase: Purchase, sql: str, *args: object) -> database.Row:
    async with database.transaction(purchase.shop.id) as tx:
        found = await tx.row(sql, *args)
    assert found is not None
    return found


async def test_a_part_goes_back_and_the_order_stays_delivered_with_its_codes(
    purchase: Purchase,
) -> None:
    order = await a_delivered_order(purchase)

    refund = await refunded(purchase, order, 300)

    assert await purchase.status(order) == "delivered"
    assert await purchase.states() == ["sold"]
    assert await purchase.refund_reasons(order) == [("merchant", 300)]
    assert await purchase.balances() == {
        "provider:sandbox": 984, "fees": 6, "sales": -690, "buyers": -300,
    }  # fmt: skip
    made = await row(purchase, "select note, actor, state from refunds where id = $1", refund)
    assert dict(made) == {"note": "A gift", "actor": "merchant", "state": "requested"}


async def test_nothing_said_refunds_all_that_is_left_and_then_no_more(purchase: Purchase) -> None:
    order = await a_delivered_order(purchase)
    await refunded(purchase, order, 300)
    await refunded(purchase, order, None)
    assert await purchase.refund_reasons(order) == [("merchant", 300), ("merchant", 690)]
    for amount in (None, 1):
        with pytest.raises(Refused, match="ABOVE_PAYMENT"):
            await refunded(purchase, order, amount)
    assert (await purchase.balances())["buyers"] == -990


async def test_the_same_key_refunds_once_and_another_amount_under_it_is_refused(
    purchase: Purchase,
) -> None:
    order = await a_delivered_order(purchase)
    first = await refunded(purchase, order, 300, key="one-two-three")
    assert await refunded(purchase, order, 300, key="one-two-three") == first
    with pytest.raises(Refused, match="IDEMPOTENCY_MISMATCH"):
        await refunded(purchase, order, 301, key="one-two-three")
    assert await purchase.refund_reasons(order) == [("merchant", 300)]


@pytest.mark.parametrize(
    ("amount", "note", "code"),
    [
        ((991, "CNY"), "x", "ABOVE_PAYMENT"),
        ((0, "CNY"), "x", "AMOUNT_INVALID"),
        ((100, "USD"), "x", "AMOUNT_INVALID"),
        (None, "  ", "REQUIRED"),
        (None, "x" * 501, "TOO_LONG"),
    ],
)
async def test_a_refund_that_cannot_be_is_refused_and_changes_nothing(
    purchase: Purchase, amount: tuple[int, str] | None, note: str, code: str
) -> None:
    order = await a_delivered_order(purchase)
    with pytest.raises(Refused, match=code):
        await order_refund(
            purchase.installation, purchase.shop.id, order, amount=amount, decision=said(note)
        )
    assert await purchase.refund_reasons(order) == []
    assert (await purchase.balances())["sales"] == -990


async def test_an_unpaid_order_and_one_that_is_not_there_have_nothing_to_refund(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    with pytest.raises(Refused, match="CONFLICT"):
        await refunded(purchase, order, None)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await refunded(purchase, new_id(), None)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.one_of(st.none(), st.integers(1, 700)), min_size=1, max_size=6),
    notices=st.lists(st.sampled_from(["t1", "t2", "short"]), max_size=4),
)
async def test_no_interleaving_of_refunds_and_notices_gives_back_more_than_was_paid(
    installation: Installation, asked: list[int | None], notices: list[str]
) -> None:
    purchase = Purchase(installation, await a_shop(installation))
    order = await a_delivered_order(purchase)

    async def told(transaction: str) -> None:
        amount = 500 if transaction == "short" else 990
        await purchase.pay(order, amount=amount, transaction=transaction)

    outcomes = await asyncio.gather(
        *(refunded(purchase, order, amount) for amount in asked),
        *(told(transaction) for transaction in notices),
        return_exceptions=True,
    )

    assert all(o is None or isinstance(o, UUID | Refused) for o in outcomes), outcomes
    sums = await row(
        purchase,
        """
        select coalesce(sum(takings.amount), 0)::bigint as paid,
               coalesce(sum(takings.refunded), 0)::bigint as noted,
               (select coalesce(sum(amount), 0)::bigint from refunds where shop_id = $1) as back,
               count(*) filter (where state = 'delivered') as delivered
        from takings where shop_id = $1
        """,
        purchase.shop.id,
    )
    strays = 990 * ("t2" in notices) + 500 * ("short" in notices)
    given_back = sums["back"] - strays
    assert sums["noted"] == sums["back"]
    assert (sums["paid"], sums["delivered"]) == (990 + strays, 1)
    # One at a time in some order: whatever fitted went back, and what was refused did not fit.
    fits = sum(isinstance(one, UUID) for one in outcomes[: len(asked)])
    assert 0 < given_back <= 990
    assert given_back == 990 or None not in asked
    assert fits >= 1
    balances = await purchase.balances()
    assert balances.get("buyers", 0) == -sums["back"]
    assert sum(balances.values()) == 0
    assert await purchase.states() == ["sold"]


async def test_a_due_refund_is_paid_by_hand_once_and_booked_as_money_from_outside(
    purchase: Purchase,
) -> None:
    order = await a_delivered_order(purchase)
    await refunded(purchase, order, 300)
    refund = await a_due_refund(purchase, order)
    for _ in range(2):
        await refund_paid_back(
            purchase.installation, purchase.shop.id, refund, decision=said("Bank", "by-hand-1")
        )
    with pytest.raises(Refused, match="CONFLICT"):
        await refund_paid_back(
            purchase.installation, purchase.shop.id, refund, decision=said("Bank")
        )
    made = await row(purchase, "select state, by_hand, note from refunds where id = $1", refund)
    assert dict(made) == {"state": "succeeded", "by_hand": True, "note": "Bank"}
    assert await purchase.balances() == {
        "provider:sandbox": 984, "fees": 6, "sales": -690, "buyers": 0, "outside": -300,
    }  # fmt: skip


async def test_a_late_payment_that_cannot_go_back_ends_refunded_when_it_is_paid_by_hand(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA")
    late = await purchase.order()
    await purchase.expire(late)
    await purchase.order()
    await purchase.pay(late)
    refund = await a_due_refund(purchase, late)
    assert await purchase.status(late) == "refund_due"
    await refund_paid_back(purchase.installation, purchase.shop.id, refund, decision=said())
    assert await purchase.status(late) == "refunded"


@pytest.mark.parametrize("expired", [False, True])
async def test_a_wrong_amount_that_cannot_go_back_may_be_accepted_for_the_order(
    purchase: Purchase, expired: bool
) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    await purchase.pay(order, amount=989)
    refund = await a_due_refund(purchase, order)
    if expired:
        await purchase.expire(order)

    for _ in range(2):
        await refund_accept(
            purchase.installation, purchase.shop.id, refund, decision=said("Close", "accept-it")
        )

    assert await purchase.status(order) == "delivered"
    assert await purchase.states() == ["sold"]
    assert await purchase.balances() == {
        "provider:sandbox": 983, "fees": 6, "buyers": 0, "sales": -989,
    }  # fmt: skip
    await refunded(purchase, order, None)
    assert await purchase.refund_reasons(order) == [("wrong_amount", 989), ("merchant", 989)]


async def test_a_second_payment_cannot_be_accepted_for_an_order_that_was_delivered(
    purchase: Purchase,
) -> None:
    order = await a_delivered_order(purchase)
    await purchase.pay(order, transaction="t2")
    refund = await a_due_refund(purchase, order)
    with pytest.raises(Refused, match="CONFLICT"):
        await refund_accept(purchase.installation, purchase.shop.id, refund, decision=said())
    assert (await purchase.balances())["buyers"] == -990


async def test_accepting_what_is_sold_out_is_refused_and_the_refund_stays_due(
    purchase: Purchase,
) -> None:
    await purchase.stock("CODE-AAAA")
    late = await purchase.order()
    await purchase.expire(late)
    await purchase.order()
    await purchase.pay(late)
    refund = await a_due_refund(purchase, late)
    with pytest.raises(Refused, match="SOLD_OUT"):
        await refund_accept(purchase.installation, purchase.shop.id, refund, decision=said())
    assert await purchase.status(late) == "refund_due"
    assert await purchase.states() == ["reserved"]


async def test_a_due_refund_is_tried_again_once_it_was_asked_for_and_not_twice_at_a_time(
    purchase: Purchase,
) -> None:
    order = await a_delivered_order(purchase)
    await refunded(purchase, order, 300)
    refund = await a_due_refund(purchase, order)

    await refund_retry(purchase.installation, purchase.shop.id, refund, actor="merchant")
    with pytest.raises(Refused, match="CONFLICT"):
        await refund_retry(purchase.installation, purchase.shop.id, refund, actor="merchant")

    again = await row(
        purchase,
        "select count(*) as n from outbox where kind = 'refund.send' and subject_id = $1"
        " and done_at is null",
        refund,
    )
    assert again["n"] == 1
    state = await row(purchase, "select state from refunds where id = $1", refund)
    assert state["state"] == "requested"


@pytest.mark.parametrize("then", ["pending", "expired", "canceled"])
async def test_an_unpaid_order_is_delivered_on_the_merchants_word_and_the_ledger_says_so(
    purchase: Purchase, then: str
) -> None:
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    if then == "expired":
        await purchase.expire(order)
    if then == "canceled":
        await cancel_order(purchase.installation, purchase.shop.id, order, actor="merchant")
    for _ in range(2):
        await order_complete(
            purchase.installation, purchase.shop.id, order, decision=said("Cash", "in-cash-1")
        )
    assert await purchase.status(order) == "delivered"
    assert await purchase.states() == ["sold"]
    assert await purchase.balances() == {"outside": 990, "sales": -990}
    # Whoever then pays through the provider after all has paid twice.
    await purchase.pay(order)
    assert await purchase.refund_reasons(order) == [("paid_twice", 990)]


async def test_delivering_what_is_delivered_or_gone_is_refused(purchase: Purchase) -> None:
    order = await a_delivered_order(purchase)
    with pytest.raises(Refused, match="CONFLICT"):
        await order_complete(purchase.installation, purchase.shop.id, order, decision=said())
    await purchase.restock("CODE-BBBB")
    late = await purchase.order()
    await purchase.expire(late)
    await purchase.order()
    with pytest.raises(Refused, match="SOLD_OUT"):
        await order_complete(purchase.installation, purchase.shop.id, late, decision=said())
    assert await purchase.status(late) == "expired"


def test_refunds_move_only_forward() -> None:
    moves = {(now, then) for now in STATUSES for then in STATUSES if can_move(now, then)}
    assert moves == {
        ("requested", "succeeded"), ("requested", "due"), ("succeeded", "due"),
        ("due", "requested"), ("due", "succeeded"), ("due", "withdrawn"),
    }  # fmt: skip


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.one_of(st.none(), st.integers(-5, 10**9)))
def test_an_amount_is_never_above_what_is_left(
    taken: int, refunded: int, asked: int | None
) -> None:
    try:
        amount = refund_amount(taken, refunded, asked)
    except Refused:
        assert refunded >= taken or (asked is not None and not 0 < asked <= taken - refunded)
    else:
        assert 0 < amount <= taken - refunded
