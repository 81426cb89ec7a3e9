"""From order to codes through Stripe: over HTTP to the emulator, its events by hand."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from keystall.platform.payments.port import ForgedNotice
from keystall.platform.payments.stripe.provider import METHODS
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.orders.tokens import order_token
from keystall.tenants.payments.service import provider_of, start_payment
from tests.payments.emulator import Emulator
from tests.payments.till import Till, a_till


async def test_a_paid_session_delivers_and_the_fee_is_in_the_ledger(till: Till) -> None:
    order = await till.order(2)
    session = await till.session(order)
    assert (session["amount_total"], session["currency"]) == (1980, "cny")
    assert (session["locale"], session["payment_method_types"]) == ("zh", list(METHODS))
    assert session["success_url"] == session["cancel_url"]

    till.world.complete(session, paid=True)
    await till.hear()

    assert await till.status(order) == "delivered"
    # 2.9% and 0.30 of 19.80
    assert await till.balances() == {"provider:stripe": 1893, "fees": 87, "sales": -1980}


async def test_a_buyer_from_elsewhere_is_sent_back_there_with_the_order_s_token(till: Till) -> None:
    order = await till.order(return_url="https://www.example.com/#/order/{token}")
    session = await till.session(order)
    token = order_token(till.installation.keys, till.shop.id, order)
    assert session["success_url"] == f"https://www.example.com/#/order/{token}"
    assert session["cancel_url"] == session["success_url"]


async def test_asking_where_to_pay_twice_opens_one_session(till: Till) -> None:
    order = await till.order()
    till.emulator.losing = 1
    first = await start_payment(till.installation, till.shop, order)
    again = await start_payment(till.installation, till.shop, order)
    assert first is not None
    assert again == first
    assert len(till.world.of_kind("checkout.session")) == 1


async def test_a_session_outlives_a_short_hold_and_a_late_payment_finds_the_goods(
    till: Till,
) -> None:
    order = await till.order()
    session = await till.session(order)
    ends = await till.value("select expires_at from orders where shop_id = $1")
    assert session["expires_at"] == int((ends + timedelta(minutes=31)).timestamp())
    await till.expire(order)
    assert await till.status(order) == "expired"

    till.world.complete(session, paid=True)
    await till.hear()

    assert await till.status(order) == "delivered"


async def test_a_late_payment_of_what_is_sold_out_goes_back_by_itself(
    at_stripe: Installation, emulator: Emulator
) -> None:
    till = await a_till(at_stripe, emulator, codes=1)
    late = await till.order()
    session = await till.session(late)
    await till.expire(late)
    other = await till.order()
    till.world.complete(await till.session(other), paid=True)
    till.world.complete(session, paid=True)
    await till.hear()

    assert await till.status(late) == "refunded"
    assert await till.refunds() == [("sold_out", 990, "succeeded")]
    (refund,) = till.world.of_kind("refund")
    assert (refund["amount"], refund["payment_intent"]) == (990, session["payment_intent"])
    # What Stripe then tells of its refund changes nothing.
    before = await till.balances()
    await till.hear()
    assert await till.balances() == before


async def test_a_payment_on_its_way_delivers_when_it_has_arrived(till: Till) -> None:
    order = await till.order()
    session = await till.session(order)
    till.world.complete(session, paid=False, method="alipay")
    await till.hear()
    assert await till.status(order) == "pending"

    till.world.finish(session, paid=True)
    await till.hear()

    assert await till.status(order) == "delivered"


async def test_after_a_payment_that_never_arrived_the_order_can_be_paid_anew(till: Till) -> None:
    order = await till.order()
    session = await till.session(order)
    till.world.complete(session, paid=False, method="alipay")
    till.world.finish(session, paid=False)
    await till.hear()
    assert await till.status(order) == "pending"
    assert [row["state"] for row in await till.rows(
        "select state from payments where shop_id = $1 order by id"
    )] == ["failed", "started"]  # fmt: skip

    second = await till.session(order)
    assert second["id"] != session["id"]
    till.world.complete(second, paid=True)
    await till.hear()

    assert await till.status(order) == "delivered"


async def test_a_fee_that_comes_later_is_booked_when_it_comes(till: Till) -> None:
    till.world.fee_later = True
    session = await till.session(await till.order())
    till.world.complete(session, paid=True)
    await till.hear()
    assert await till.balances() == {"provider:stripe": 990, "sales": -990}

    till.world.settle_fee(till.charge(session))
    await till.hear()

    assert await till.balances() == {"provider:stripe": 932, "fees": 58, "sales": -990}


async def test_events_of_what_is_not_ours_are_answered_and_not_kept(till: Till) -> None:
    session = await till.session(await till.order())
    elsewhere = {**session, "metadata": {"shop": "another system"}}
    event = till.world.tell("checkout.session.completed", elsewhere)
    assert await till.tell(event) == (200, b"received\n")
    assert await till.problems() == []


async def test_an_event_must_be_signed_lately_and_with_our_secret(till: Till) -> None:
    session = await till.session(await till.order())
    event = till.world.tell("checkout.session.completed", session)
    (endpoint,) = till.world.of_kind("webhook_endpoint")
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=301), tick=False):
        late = time.time()
    with time_machine.travel(late - 301, tick=False):
        headers, body = till.emulator.signed(endpoint, event)
    forged = till.emulator.signed({"secret": "whsec_" + "x" * 32}, event)[0]
    provider = await provider_of(till.installation, till.shop.id, till.account, provider="stripe")
    for told, content in ((forged, body), ({}, body), (headers, body + b" ")):
        with pytest.raises(ForgedNotice):
            provider.verify(told, content)
    with time_machine.travel(late, tick=False), pytest.raises(ForgedNotice):
        provider.verify(headers, body)
    live = {**event, "livemode": True}
    headers, body = till.emulator.signed(endpoint, live)
    with pytest.raises(ForgedNotice):
        provider.verify(headers, body)


async def test_an_order_whose_amount_stripe_cannot_take_is_not_placed(
    at_stripe: Installation, emulator: Emulator
) -> None:
    till = await a_till(at_stripe, emulator, currency="KWD", price="5.124")
    with pytest.raises(Refused) as refused:
        await till.order()
    (error,) = refused.value.errors
    assert (error.code, error.path) == ("PAYMENT_METHOD_UNAVAILABLE", ("payment_method",))
    assert await till.value("select count(*) from orders where shop_id = $1") == 0


@pytest.mark.parametrize(
    ("currency", "price", "at_stripe_as", "ours"),
    [
        ("JPY", "500", 500, 500),
        ("KWD", "5.120", 5120, 5120),
        ("ISK", "40", 4000, 40),
        ("USD", "9.90", 990, 990),
        ("MGA", "700", 700, 700),
    ],
)
async def test_currencies_without_and_with_three_decimals_are_charged_right(
    at_stripe: Installation,
    emulator: Emulator,
    currency: str,
    price: str,
    at_stripe_as: int,
    ours: int,
) -> None:
    till = await a_till(at_stripe, emulator, currency=currency, price=price)
    order = await till.order()
    session = await till.session(order)
    assert session["amount_total"] == at_stripe_as
    till.world.complete(session, paid=True)
    await till.hear()
    assert await till.status(order) == "delivered"
    assert (await till.balances())["sales"] == -ours
