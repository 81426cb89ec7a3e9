import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keystall.platform.http import http_client
from keystall.platform.payments.port import Charge, ProviderRefused
from keystall.platform.payments.sandbox import SandboxProvider
from keystall.platform.payments.signing import UnusableSecret
from keystall.platform.sandbox.app import create_app
from keystall.platform.sandbox.callbacks import GIVE_UP_SECONDS, PAUSES, next_due
from keystall.platform.sandbox.journal import Journal, JournalClosed
from keystall.platform.sandbox.payments import fee_of

SECRET = "q8Zt0mVn3Lr7Xc1Kp5Ws9Hd2Gb6Yf4Jae"


async def test_the_same_charge_again_is_the_same_payment(sandbox: Any, charge: Charge) -> None:
    first = await sandbox.provider.start(charge)
    again = await sandbox.provider.start(charge)

    assert again == first
    assert first.redirect_url == f"{sandbox.url}/p/{first.provider_reference}"
    assert len(await sandbox.journal()) == 1


async def test_a_reference_never_stands_for_two_amounts(sandbox: Any, charge: Charge) -> None:
    await sandbox.provider.start(charge)

    with pytest.raises(ProviderRefused) as refused:
        await sandbox.provider.start(replace(charge, amount=1251))

    assert refused.value.code == "REFERENCE_MISMATCH"
    assert [entry["amount"] for entry in await sandbox.journal()] == [1250]


async def test_merchants_may_use_the_same_reference(sandbox: Any, charge: Charge) -> None:
    other = SandboxProvider("m2", secret=SECRET, url=sandbox.url, http=sandbox.http)

    mine = await sandbox.provider.start(charge)
    theirs = await other.start(charge)

    assert mine != theirs
    assert (await sandbox.control(reference="order-1")).json() == {
        "code": "REFERENCE_OF_SEVERAL_MERCHANTS"
    }
    await sandbox.control(reference="order-1", merchant="m2")
    assert await sandbox.provider.query("order-1") is None
    assert await other.query("order-1") is not None


async def test_a_payment_is_called_back_once_and_verifies(
    sandbox: Any, shop: Any, charge: Charge
) -> None:
    await sandbox.provider.start(charge)

    await sandbox.control(reference="order-1", mode="pay")
    entry = await sandbox.settled(1)

    [(headers, body)] = shop.calls
    notice = sandbox.provider.verify(headers, body)
    assert headers["host"] == shop.url.removeprefix("http://")
    assert (notice.kind, notice.reference) == ("payment.succeeded", "order-1")
    assert (notice.amount, notice.currency, notice.fee) == (1250, "CNY", 8)
    assert notice.merchant_id == "m1"
    assert await sandbox.provider.query("order-1") == notice
    [taking] = entry["takings"]
    assert (taking["event_key"], taking["callback"]["attempts"]) == (notice.event_key, 1)
    assert taking["provider_reference"] == notice.provider_reference


async def test_paying_twice_takes_twice_under_two_events_and_two_transactions(
    sandbox: Any, shop: Any, charge: Charge
) -> None:
    await sandbox.provider.start(charge)

    await sandbox.control(reference="order-1", mode="twice")
    bodies = await shop.called(2)

    assert [body["amount"] for body in bodies] == [1250, 1250]
    assert len({body["event_key"] for body in bodies}) == 2
    assert len({body["provider_reference"] for body in bodies}) == 2


async def test_a_refund_comes_out_of_the_taking_it_names(
    sandbox: Any, shop: Any, charge: Charge
) -> None:
    await sandbox.provider.start(charge)
    await sandbox.control(reference="order-1", mode="twice")
    first, second = await shop.called(2)

    async def refund(taking: dict[str, Any], reference: str, amount: int) -> str:
        outcome = await sandbox.provider.refund(
            reference="order-1",
            provider_reference=taking["provider_reference"],
            refund_reference=reference,
            amount=amount,
            currency="CNY",
        )
        state: str = outcome.state
        return state

    states = [await refund(first, "r1", 1250), await refund(first, "r2", 1)]
    with pytest.raises(ProviderRefused, match="REFUND_MISMATCH"):
        await refund(second, "r1", 1250)

    assert states == ["succeeded", "failed"]
    [given] = (await sandbox.journal())[0]["refunds"]
    assert given["event_key"] == first["event_key"]


async def test_a_payment_can_be_named_by_its_page(sandbox: Any, charge: Charge) -> None:
    started = await sandbox.provider.start(charge)

    page = started.redirect_url.rpartition("/")[2]
    answers = [await sandbox.control(page=page), await sandbox.control(page=page, reference="x")]

    assert [answer.status_code for answer in answers] == [200, 422]
    assert len((await sandbox.settled(1))["takings"]) == 1


async def test_a_wrong_amount_is_half(sandbox: Any, shop: Any, charge: Charge) -> None:
    await sandbox.provider.start(charge)

    await sandbox.control(reference="order-1", mode="wrong")

    assert [body["amount"] for body in await shop.called(1)] == [625]


async def test_a_failed_payment_takes_nothing_and_may_be_paid_after_all(
    sandbox: Any, shop: Any, charge: Charge
) -> None:
    await sandbox.provider.start(charge)

    await sandbox.control(reference="order-1", mode="fail")
    await shop.called(1)
    assert await sandbox.provider.query("order-1") is None
    await sandbox.control(reference="order-1", mode="pay")

    kinds = [body["kind"] for body in await shop.called(2)]
    assert kinds == ["payment.failed", "payment.succeeded"]


async def test_a_late_payment_is_taken_only_after_the_order_has_expired(
    sandbox: Any, shop: Any, charge: Charge
) -> None:
    expires_at = datetime.now(UTC) - timedelta(seconds=1)
    await sandbox.provider.start(replace(charge, expires_at=expires_at))

    await sandbox.control(reference="order-1", mode="late")

    assert await sandbox.provider.query("order-1") is None
    assert (await sandbox.journal())[0]["scheduled"] == 1
    [body] = await shop.called(1)
    assert datetime.fromisoformat(body["occurred_at"]) == expires_at + timedelta(seconds=2)
    notice = await sandbox.provider.query("order-1")
    assert notice is not None
    assert notice.event_key == body["event_key"]


async def test_paying_what_is_paid_changes_nothing(sandbox: Any, shop: Any, charge: Charge) -> None:
    await sandbox.provider.start(charge)

    first = await sandbox.control(reference="order-1", mode="pay")
    again = await sandbox.control(reference="order-1", mode="twice")

    assert again.json() == first.json()
    assert len((await sandbox.settled(1))["takings"]) == 1


async def test_copies_of_a_callback_tell_one_event(sandbox: Any, shop: Any, charge: Charge) -> None:
    await sandbox.provider.start(charge)

    await sandbox.control(reference="order-1", callbacks=3, shuffle=True)

    assert len({body["event_key"] for body in await shop.called(3)}) == 1


@pytest.mark.parametrize(
    "refusal", [(500, b"success"), (200, b"ok"), (302, b"success"), (404, b"")]
)
async def test_a_callback_is_repeated_until_answered_with_success(
    sandbox: Any, shop: Any, charge: Charge, refusal: tuple[int, bytes]
) -> None:
    shop.answers = [refusal, refusal]
    await sandbox.provider.start(charge)

    await sandbox.control(reference="order-1")
    entry = await sandbox.settled(1)

    assert entry["takings"][0]["callback"]["attempts"] == 3
    assert len({body for _, body in shop.calls}) == 1


async def test_callbacks_go_on_after_a_restart(
    sandbox_at: Any, shop: Any, charge: Charge, tmp_path: Path
) -> None:
    shop.answers = [(503, b"")]
    async with sandbox_at(tmp_path) as before:
        await before.provider.start(charge)
        await before.control(reference="order-1")
        await shop.called(1)

    async with sandbox_at(tmp_path) as after:
        entry = await after.settled(1)

    assert len(entry["takings"]) == 1
    assert shop.calls[0][1] == shop.calls[1][1]


def test_tries_grow_rarer_and_end_after_three_days() -> None:
    pauses = [next_due(attempts, first_due_at=0, now=100) for attempts in (1, 2, 7, 10, 99)]

    assert pauses == [100.2, 100.5, 130, 1000, 1000]
    assert next_due(99, first_due_at=0, now=GIVE_UP_SECONDS - PAUSES[-1]) == GIVE_UP_SECONDS
    assert next_due(99, first_due_at=0, now=GIVE_UP_SECONDS - PAUSES[-1] + 1) is None


async def test_refunds_happen_once_and_never_above_what_was_taken(
    sandbox: Any, charge: Charge
) -> None:
    await sandbox.provider.start(charge)
    await sandbox.control(reference="order-1")
    [taking] = (await sandbox.settled(1))["takings"]

    async def refund(reference: str, amount: int) -> Any:
        return await sandbox.provider.refund(
            reference="order-1",
            provider_reference=taking["provider_reference"],
            refund_reference=reference,
            amount=amount,
            currency="CNY",
        )

    first = await refund("r1", 1000)
    again = await refund("r1", 1000)
    above = await refund("r2", 251)
    rest = await refund("r3", 250)

    assert again == first
    assert [first.state, above.state, rest.state] == ["succeeded", "failed", "succeeded"]
    assert above.reason == "ABOVE_WHAT_WAS_TAKEN"
    with pytest.raises(ProviderRefused) as refused:
        await refund("r1", 999)
    assert refused.value.code == "REFUND_MISMATCH"
    refunds = (await sandbox.journal())[0]["refunds"]
    assert [(entry["refund_reference"], entry["amount"]) for entry in refunds] == [
        ("r1", 1000),
        ("r3", 250),
    ]


async def test_nothing_is_refunded_that_was_not_taken(sandbox: Any, charge: Charge) -> None:
    started = await sandbox.provider.start(charge)

    outcome = await sandbox.provider.refund(
        reference="order-1",
        provider_reference=started.provider_reference,
        refund_reference="r1",
        amount=1,
        currency="CNY",
    )

    assert outcome.state == "failed"


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 0), (83, 0), (84, 1), (250, 2), (1250, 8), (100_000, 600)]
)
def test_the_fee_is_six_in_a_thousand_rounded_half_up(amount: int, fee: int) -> None:
    assert fee_of(amount) == fee


async def test_only_this_machine_and_no_web_page_may_inspect(sandbox: Any) -> None:
    by_script = await sandbox.http.get(
        f"{sandbox.url}/journal.json", headers={"sec-fetch-site": "cross-site"}
    )
    by_form = await sandbox.http.post(
        f"{sandbox.url}/v1/control", headers={"origin": "http://evil.example"}, json={}
    )

    assert (by_script.status_code, by_form.status_code) == (403, 403)


@pytest.mark.parametrize("secret", ["", "short", "changeme-changeme-changeme-changeme-1234"])
def test_the_gateway_does_not_start_with_a_placeholder(secret: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableSecret):
        create_app(tmp_path / "home", secret=secret, mail_folder=tmp_path)

    assert not (tmp_path / "home").exists()


async def test_what_was_answered_survives_being_killed(
    tmp_path: Path, shop: Any, charge: Charge
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://pay.localhost:{port}"
    arguments = ["--home", str(tmp_path), "--port", str(port)]

    async def launch(http: Any) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "keystall.platform.sandbox",
            *arguments,
            env={**os.environ, "KEYSTALL_SANDBOX_SECRET": SECRET},
        )
        async with asyncio.timeout(30):
            while process.returncode is None:
                try:
                    await http.get(f"{url}/healthz")
                    break
                except Exception:
                    await asyncio.sleep(0.05)
        return process

    async with http_client() as http:
        provider = SandboxProvider("m1", secret=SECRET, url=url, http=http)
        process = await launch(http)
        references = [f"order-{number}" for number in range(40)]
        for reference in references:
            await provider.start(replace(charge, reference=reference))
        answers = await asyncio.gather(
            *(
                http.post(f"{url}/v1/control", json={"reference": reference, "delay": 3600})
                for reference in references
            )
        )
        process.send_signal(signal.SIGKILL)
        await process.wait()
        process = await launch(http)
        entries = (await http.get(f"{url}/journal.json")).json()
        process.terminate()
        await process.wait()

    assert {answer.status_code for answer in answers} == {200}
    told = [answer.json()["events"][0]["event_key"] for answer in answers]
    assert [entry["takings"][0]["event_key"] for entry in entries] == told
    assert [entry["reference"] for entry in entries] == references


async def test_work_that_fails_in_the_journal_undoes_only_itself(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite3")

    def insert(db: sqlite3.Connection, payment_id: str) -> None:
        db.execute(
            "INSERT INTO payments VALUES (?, 'm', ?, 1, 'CNY', '', 'en', '', '', 0, 0)",
            (payment_id, payment_id),
        )

    def insert_and_fail(db: sqlite3.Connection) -> None:
        insert(db, "lost")
        raise LookupError("on purpose")

    results = await asyncio.gather(
        journal.run(lambda db: insert(db, "first")),
        journal.run(insert_and_fail),
        journal.run(lambda db: insert(db, "second")),
        return_exceptions=True,
    )
    journal.close()

    assert [type(result) for result in results] == [type(None), LookupError, type(None)]
    with sqlite3.connect(tmp_path / "journal.sqlite3") as db:
        kept = db.execute("SELECT id FROM payments ORDER BY id").fetchall()
    db.close()
    assert kept == [("first",), ("second",)]
    with pytest.raises(JournalClosed):
        await journal.run(lambda db: None)


async def test_the_api_says_which_field_is_wrong(sandbox: Any, charge: Charge) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await sandbox.provider.start(replace(charge, currency="XXX"))
    with pytest.raises(ProviderRefused) as endless:
        await sandbox.provider.start(replace(charge, notify_url="javascript:alert(1)"))

    assert refused.value.code == "INVALID_CURRENCY"
    assert endless.value.code == "INVALID_NOTIFY_URL"


async def test_an_unsigned_request_is_refused(sandbox: Any) -> None:
    answer = await sandbox.http.post(f"{sandbox.url}/v1/payments", content=json.dumps({}))

    assert (answer.status_code, answer.json()) == (401, {"code": "BAD_SIGNATURE"})
    assert await sandbox.journal() == []
