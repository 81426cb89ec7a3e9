"""The adapter by itself against the emulator, and the rules that the emulator keeps."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import httpx2
import pytest
import stripe
import time_machine

from keystall.platform.http import http_client
from keystall.platform.payments.port import Charge, ProviderRefused, ProviderUnavailable
from keystall.platform.payments.stripe.amounts import NotChargeable, from_stripe, to_stripe
from keystall.platform.payments.stripe.keys import UnusableKey
from keystall.platform.payments.stripe.provider import StripeProvider
from keystall.platform.payments.stripe.transport import client
from tests.payments.emulator import Emulator
from tests.payments.world import World

WHSEC = "whsec_9Zt0mVn3Lr7Xc1Kp5Ws9Hd2Gb6Yf4Jae"


@dataclass
class Counter:
    """One Stripe account and our adapter for it."""

    world: World
    provider: StripeProvider
    sdk: stripe.StripeClient


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with http_client() as shared:
        yield shared


@pytest.fixture
def counter(emulator: Emulator, http: httpx2.AsyncClient) -> Counter:
    world = emulator.account()
    secrets = {"secret_key": world.key, "webhook_secret": WHSEC}
    provider = StripeProvider("account-1", secrets, url=emulator.url, http=http)
    return Counter(world, provider, client(world.key, url=emulator.url, http=http))


def a_charge(**changes: object) -> Charge:
    charge = Charge(
        reference="payment-1",
        amount=990,
        currency="CNY",
        description="Lulu 点卡 7Q4M",
        locale="zh-CN",
        notify_url="http://lulu.localhost/callbacks",
        return_url="http://lulu.localhost/order/token",
        expires_at=datetime.now(UTC) + timedelta(minutes=15),
    )
    return replace(charge, **changes)  # type: ignore[arg-type]


async def test_a_question_is_answered_with_the_taking_once_there_is_one(counter: Counter) -> None:
    started = await counter.provider.start(a_charge())
    reference = started.provider_reference
    assert await counter.provider.query("payment-1", reference) is None
    assert await counter.provider.query("payment-1", None) is None

    intent = counter.world.complete(counter.world.things[reference], paid=True)

    notice = await counter.provider.query("payment-1", reference)
    assert notice is not None
    assert (notice.kind, notice.reference, notice.provider_reference) == (
        "payment.succeeded", "payment-1", intent["id"],
    )  # fmt: skip
    assert (notice.amount, notice.currency, notice.fee) == (990, "CNY", 58)


async def test_a_charge_that_was_renamed_since_its_first_try_gets_a_page_all_the_same(
    counter: Counter,
) -> None:
    first = await counter.provider.start(a_charge())
    charge = a_charge()
    again = await counter.provider.start(replace(charge, description="Lulu's new name 7Q4M"))
    assert again != first
    assert len(counter.world.of_kind("checkout.session")) == 2


async def test_a_fee_in_another_currency_is_told_in_the_charges_own(counter: Counter) -> None:
    counter.world.settles_in["cny"] = ("usd", Fraction(14, 100))
    started = await counter.provider.start(a_charge(amount=100_000))
    session = counter.world.things[started.provider_reference]
    counter.world.complete(session, paid=True)
    notice = await counter.provider.query("payment-1", started.provider_reference)
    assert notice is not None
    assert notice.currency == "CNY"
    # 2.9% and 0.30 of 1,000.00, kept as 4.10 USD at 0.14.
    assert notice.fee == 2929


async def test_stripe_away_or_unwilling_is_told_apart(
    counter: Counter, emulator: Emulator, http: httpx2.AsyncClient
) -> None:
    emulator.down = True
    try:
        with pytest.raises(ProviderUnavailable):
            await counter.provider.start(a_charge())
    finally:
        emulator.down = False
    with pytest.raises(ProviderRefused) as refused:
        await counter.provider.query("payment-1", "cs_test_none")
    assert refused.value.code == "resource_missing"
    secrets = {"secret_key": "sk_test_51StrangersKeyThatNobodyKnows9", "webhook_secret": WHSEC}
    stranger = StripeProvider("account-1", secrets, url=emulator.url, http=http)
    with pytest.raises(ProviderRefused) as unknown:
        await stranger.start(a_charge())
    assert unknown.value.code == "authentication"
    nowhere = StripeProvider("account-1", secrets, url="http://stripe.localhost:1", http=http)
    with pytest.raises(ProviderUnavailable):
        await nowhere.start(a_charge())


def test_an_adapter_without_keys_or_with_a_placeholder_does_not_start(
    http: httpx2.AsyncClient,
) -> None:
    for key in ("", "sk_test_your_key_goes_here_please"):
        with pytest.raises(UnusableKey):
            StripeProvider("a", {"secret_key": key, "webhook_secret": WHSEC}, url="", http=http)


def test_amounts_are_written_by_stripes_lists() -> None:
    for minor, currency, written in (
        (500, "JPY", 500), (990, "CNY", 990), (5120, "KWD", 5120), (40, "ISK", 4000),
        (700, "MGA", 700), (1, "VND", 1), (10, "BHD", 10),
    ):  # fmt: skip
        assert to_stripe(minor, currency) == written
        assert from_stripe(written, currency.lower()) == minor
    for minor, currency in ((5124, "KWD"), (0, "CNY"), (-1, "CNY"), (1234, "LYD"), (1, "XXX")):
        with pytest.raises(NotChargeable):
            to_stripe(minor, currency)


async def test_the_emulator_keeps_stripes_rules(counter: Counter) -> None:
    raw = counter.sdk.raw_request_async
    refused = stripe.InvalidRequestError
    with pytest.raises(refused, match="colour"):
        await raw("post", "/v1/checkout/sessions", colour="red")
    started = await counter.provider.start(a_charge())
    session = counter.world.things[started.provider_reference]
    intent = counter.world.complete(session, paid=True)
    create = counter.sdk.v1.refunds.create_async
    made = await create({"payment_intent": intent["id"], "amount": 900}, {"idempotency_key": "k"})
    again = await create({"payment_intent": intent["id"], "amount": 900}, {"idempotency_key": "k"})
    assert again.id == made.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await create({"payment_intent": intent["id"], "amount": 90}, {"idempotency_key": "k"})
    with pytest.raises(refused, match="greater than unrefunded"):
        await create({"payment_intent": intent["id"], "amount": 91})
    await create({"payment_intent": intent["id"]})
    with pytest.raises(refused) as spent:
        await create({"payment_intent": intent["id"]})
    assert spent.value.code == "charge_already_refunded"


async def test_a_session_ends_half_an_hour_after_the_hold(counter: Counter) -> None:
    started = await counter.provider.start(a_charge())
    session = counter.world.things[started.provider_reference]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=45), tick=False):
        counter.world.expire_if_due(session)
        assert session["status"] == "open"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=46, seconds=1), tick=False):
        counter.world.expire_if_due(session)
    assert session["status"] == "expired"
    assert counter.world.events[-1]["type"] == "checkout.session.expired"
    long = await counter.provider.start(
        a_charge(reference="payment-2", expires_at=datetime.now(UTC) + timedelta(hours=24))
    )
    ends = counter.world.things[long.provider_reference]["expires_at"]
    assert ends - datetime.now(UTC).timestamp() == pytest.approx(24 * 3600, abs=60)
