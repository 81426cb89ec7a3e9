import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import time_machine
from pytest_httpserver import HTTPServer

from keystall.platform.http import http_client
from keystall.platform.payments.port import (
    Charge,
    ForgedNotice,
    MalformedNotice,
    PaymentProvider,
    ProviderRefused,
    ProviderUnavailable,
)
from keystall.platform.payments.registry import UnknownProvider, provider_for
from keystall.platform.payments.sandbox import SandboxProvider
from keystall.platform.payments.signing import (
    CALLBACK,
    MERCHANT_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    UnusableSecret,
    merchant_secret,
    signed_headers,
)
from keystall.platform.settings import Settings

SECRET = "q8Zt0mVn3Lr7Xc1Kp5Ws9Hd2Gb6Yf4Jae"
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NOTICE = {
    "event_key": "evt_1",
    "kind": "payment.succeeded",
    "reference": "order-1",
    "provider_reference": "pay_1",
    "amount": 1250,
    "currency": "CNY",
    "fee": 8,
    "merchant_id": "m1",
    "occurred_at": "2026-05-01T12:00:00+00:00",
}
CHARGE = Charge(
    reference="order-1",
    amount=1250,
    currency="CNY",
    description="A card",
    locale="en",
    notify_url="http://lulu.localhost:8000/callbacks/sandbox/m1",
    return_url="http://lulu.localhost:8000/en/order/token",
    expires_at=NOW,
)


def signed(
    body: bytes, *, merchant: str = "m1", purpose: str = CALLBACK, age: float = 0
) -> dict[str, str]:
    secret = merchant_secret(SECRET, merchant)
    return signed_headers(secret, merchant, purpose=purpose, body=body, at=NOW.timestamp() - age)


@pytest.fixture
def provider() -> SandboxProvider:
    return SandboxProvider("m1", secret=SECRET, url="http://127.0.0.1:1", http=http_client())


def test_the_signature_is_what_openssl_makes_of_it() -> None:
    headers = signed_headers(
        merchant_secret(SECRET, "m1"), "m1", purpose=CALLBACK, body=b"{}", at=1777636800.9
    )

    assert headers == {
        MERCHANT_HEADER: "m1",
        TIMESTAMP_HEADER: "1777636800",
        SIGNATURE_HEADER: "a25a873d5ba43069bea608dc7fe4047809fe76e763d2b1afd7145b9bbdc24aff",
    }


@time_machine.travel(NOW, tick=False)
def test_a_genuine_callback_becomes_a_notice(provider: SandboxProvider) -> None:
    body = json.dumps(NOTICE).encode()
    shouted = {name.upper(): value for name, value in signed(body).items()}

    notice = provider.verify(shouted, body)

    assert notice.event_key == "evt_1"
    assert (notice.amount, notice.currency, notice.fee) == (1250, "CNY", 8)
    assert notice.occurred_at == NOW


Forgery = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]
FORGERIES: dict[str, Forgery] = {
    "another amount": lambda headers, body: (headers, body.replace(b"1250", b"9950")),
    "a byte more": lambda headers, body: (headers, body + b" "),
    "no signature": lambda headers, body: ({**headers, SIGNATURE_HEADER: ""}, body),
    "a short signature": lambda headers, body: (
        {**headers, SIGNATURE_HEADER: headers[SIGNATURE_HEADER][:-1]},
        body,
    ),
    "a signature that is not ASCII": lambda headers, body: (
        {**headers, SIGNATURE_HEADER: "é" * 64},
        body,
    ),
    "no headers": lambda headers, body: ({}, body),
    "another time": lambda headers, body: (
        {**headers, TIMESTAMP_HEADER: str(int(headers[TIMESTAMP_HEADER]) + 1)},
        body,
    ),
    "no number for a time": lambda headers, body: ({**headers, TIMESTAMP_HEADER: "٣"}, body),
    "another merchant named": lambda headers, body: ({**headers, MERCHANT_HEADER: "m2"}, body),
    "too old": lambda headers, body: (signed(body, age=301), body),
    "from the future": lambda headers, body: (signed(body, age=-301), body),
    "another merchant's": lambda headers, body: (signed(body, merchant="m2"), body),
    "a request's signature": lambda headers, body: (
        signed(body, purpose="POST /v1/payments"),
        body,
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
@time_machine.travel(NOW, tick=False)
def test_a_forged_callback_is_refused(provider: SandboxProvider, forgery: str) -> None:
    body = json.dumps(NOTICE).encode()
    headers, forged = FORGERIES[forgery](signed(body), body)

    with pytest.raises(ForgedNotice):
        provider.verify(headers, forged)


@time_machine.travel(NOW, tick=False)
def test_a_callback_for_another_merchant_is_refused_though_signed(
    provider: SandboxProvider,
) -> None:
    body = json.dumps({**NOTICE, "merchant_id": "m2"}).encode()

    with pytest.raises(ForgedNotice):
        provider.verify(signed(body), body)


@pytest.mark.parametrize("age", [300, -300])
@time_machine.travel(NOW, tick=False)
def test_five_minutes_are_not_too_old(provider: SandboxProvider, age: int) -> None:
    body = json.dumps(NOTICE).encode()

    assert provider.verify(signed(body, age=age), body).reference == "order-1"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "1250"},
        {"amount": 12.5},
        {"amount": True},
        {"amount": -1},
        {"currency": "cny"},
        {"kind": "payment.maybe"},
        {"event_key": ""},
        {"occurred_at": "2026-05-01T12:00:00"},
        {"reference": None},
    ],
)
@time_machine.travel(NOW, tick=False)
def test_a_signed_callback_that_makes_no_sense_is_malformed(
    provider: SandboxProvider, change: dict[str, Any]
) -> None:
    body = json.dumps({**NOTICE, **change}).encode()

    with pytest.raises(MalformedNotice) as malformed:
        provider.verify(signed(body), body)

    assert str(malformed.value) == next(iter(change))


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"null"])
@time_machine.travel(NOW, tick=False)
def test_a_signed_callback_that_is_no_object_is_malformed(
    provider: SandboxProvider, body: bytes
) -> None:
    with pytest.raises(MalformedNotice):
        provider.verify(signed(body), body)


async def test_a_gateway_that_is_away_is_unavailable(provider: SandboxProvider) -> None:
    with pytest.raises(ProviderUnavailable):
        await provider.start(CHARGE)


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b'{"code": "X"}'), (502, b"<html>"), (404, b"<html>"), (200, b"[]"), (302, b"")],
)
async def test_answers_that_are_no_answer_are_worth_asking_again(
    httpserver: HTTPServer, status: int, body: bytes
) -> None:
    httpserver.expect_request("/v1/payments").respond_with_data(body, status=status)
    async with http_client() as http:
        url = httpserver.url_for("")
        provider = SandboxProvider("m1", secret=SECRET, url=url, http=http)

        with pytest.raises(ProviderUnavailable):
            await provider.start(CHARGE)


async def test_what_another_merchant_was_paid_is_unknown_here(sandbox: Any, charge: Charge) -> None:
    other = SandboxProvider("m2", secret=SECRET, url=sandbox.url, http=sandbox.http)
    started = await sandbox.provider.start(charge)
    await sandbox.control(reference="order-1")

    assert await other.query("order-1") is None
    with pytest.raises(ProviderRefused) as refused:
        await other.refund(
            reference="order-1",
            provider_reference=started.provider_reference,
            refund_reference="r1",
            amount=1,
            currency="CNY",
        )
    assert refused.value.code == "UNKNOWN_PAYMENT"
    assert (await sandbox.journal())[0]["refunds"] == []


@pytest.mark.parametrize("reference", ["", "a/b", "a?b", "a b", "../x", "é", "x" * 101])
async def test_references_that_would_not_fit_a_path_are_refused(
    sandbox: Any, charge: Charge, reference: str
) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await sandbox.provider.start(replace(charge, reference=reference))

    assert refused.value.code == "INVALID_REFERENCE"


async def test_requests_signed_with_another_installations_secret_take_nothing(
    sandbox: Any, charge: Charge
) -> None:
    stranger = SandboxProvider("m1", secret=SECRET[::-1], url=sandbox.url, http=sandbox.http)

    # Not a final no: clocks that are apart look the same, and a refund must survive them.
    with pytest.raises(ProviderUnavailable):
        await stranger.start(charge)

    assert await sandbox.journal() == []


@pytest.mark.parametrize("secret", ["", "short", "replace-me-replace-me-replace-me-0123456789"])
def test_the_adapter_does_not_start_with_a_placeholder(secret: str) -> None:
    with pytest.raises(UnusableSecret):
        SandboxProvider("m1", secret=secret, url="http://pay.localhost", http=http_client())


def _settings(**changes: str) -> Settings:
    fields = {
        "environment": "test",
        "public_url": "http://localhost:8000",
        "shops_suffix": "localhost",
        "database_url": "postgresql://db",
        "system_database_url": "postgresql://db",
        "redis_url": "redis://redis",
        "key_ring": "ring",
        "secret_key": SECRET,
        "files_url": "file:///files",
        "mail_url": "folder:///mail",
        "mail_from": "no-reply@localhost",
        **changes,
    }
    return Settings(**fields)  # type: ignore[arg-type]  # pydantic checks them


def test_the_registry_knows_the_sandbox_where_it_is_switched_on() -> None:
    http = http_client()
    on = _settings(sandbox_url="http://pay.localhost:8100", sandbox_secret=SECRET)

    provider: PaymentProvider = provider_for("sandbox", "m1", on, http)

    assert (provider.name, provider.can_refund) == ("sandbox", True)
    assert provider.acknowledgement == (200, b"success")
    with pytest.raises(UnknownProvider):
        provider_for("sandbox", "m1", _settings(), http)
    with pytest.raises(UnknownProvider):
        provider_for("paypal", "m1", on, http)


async def test_a_slow_gateway_is_unavailable() -> None:
    def hang_up(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("too slow", request=request)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hang_up)) as http:
        provider = SandboxProvider("m1", secret=SECRET, url="http://pay.localhost", http=http)

        with pytest.raises(ProviderUnavailable):
            await provider.query("order-1")
