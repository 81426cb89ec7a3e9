"""Webhooks from the business transaction to a receiver on a real socket."""

import asyncio
from datetime import timedelta

import pytest

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.webhooks.sending import (
    MAX_RESPONSE,
)
from tests.factories import a_product, a_shop
from tests.tenants.purchases import Purchase
from tests.webhooks.hooks import (
    Wired,
    a_webhook,
    deliveries,
    sending,
    the_webhook,
    tries,
    waiting,
)
from tests.webhooks.receiver import OK, answer, receiving, signatures


async def test_a_delivered_order_is_told_signed_and_recorded(installation: Installation) -> None:
    shop = await a_shop(installation)
    bought = Purchase(installation, shop)
    await bought.stock("CODE-1")
    async with receiving() as receiver, sending(installation) as sender:
        webhook, secret = await a_webhook(installation, shop, receiver.url)
        order = await bought.order()
        await bought.pay(order)
        assert await sender.send_due(shop.id) == 1
        assert await sender.send_due(shop.id) == 0

    (got,) = receiver.got
    (delivery,) = await deliveries(shop.id)
    assert got.line == "POST /hook HTTP/1.1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == str(delivery["id"])
    assert got.headers["webhook-signature"].split() == signatures(got, secret)
    sent = got.json()
    assert sent["type"] == "order.delivered"
    assert sent["timestamp"] == delivery["happened_at"].isoformat().replace("+00:00", "Z")
    assert sent["data"]["order"]["status"] == "DELIVERED"
    assert sent["data"]["order"]["lines"] == [{"productName": "Steam card", "quantity": 1}]
    assert set(sent) == {"type", "timestamp", "data"}
    assert (delivery["webhook_id"], delivery["subject_id"]) == (webhook, order)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)
    assert delivery["body"].encode() == got.body
    assert clock.now() - delivery["finished_at"] < timedelta(minutes=1)
    (tried,) = await tries(shop.id)
    assert (tried["status"], tried["response"], tried["problem"]) == (200, "there", "")
    assert await waiting(shop.id) == []


async def test_an_event_that_is_rolled_back_is_not_told(wired: Wired) -> None:
    with pytest.raises(Refused):
        await a_product(wired.installation, wired.shop, "Twice", category_id=new_id())
    assert await deliveries(wired.shop.id) == []
    assert await wired.send() == 0


async def test_what_fails_is_tried_again_with_the_same_body_under_the_same_id(
    wired: Wired,
) -> None:
    wired.receiver.answers = [answer(500, b"no"), answer(302, location="http://127.0.0.1/"), OK]
    await wired.happen()
    for _ in range(3):
        assert await wired.send() == 1
        assert await wired.send() == 0  # the next is not due yet
        await wired.soon()
    assert await wired.send() == 0

    bodies = {got.body for got in wired.receiver.got}
    assert len(wired.receiver.got) == 3
    assert len(bodies) == 1
    assert len({got.headers["webhook-id"] for got in wired.receiver.got}) == 1
    assert all(
        got.headers["webhook-signature"].split() == signatures(got, wired.secret)
        for got in wired.receiver.got
    )
    (delivery,) = await deliveries(wired.shop.id)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert [one["status"] for one in await tries(wired.shop.id)] == [500, 302, 200]
    assert (await the_webhook(wired.shop.id))["failing_since"] is None


async def test_after_ten_tries_it_is_given_up(wired: Wired) -> None:
    wired.receiver.answers = [answer(503)]
    await wired.happen()
    for _ in range(12):
        await wired.send()
        await wired.soon()
    (delivery,) = await deliveries(wired.shop.id)
    assert len(wired.receiver.got) == 10
    assert (delivery["state"], delivery["attempts"], delivery["next_at"]) == ("failed", 10, None)
    hook = await the_webhook(wired.shop.id)
    assert (hook["disabled_at"], hook["failing_since"] is not None) == (None, True)


@pytest.mark.parametrize(
    ("status", "state"),
    [(400, "failed"), (401, "failed"), (404, "failed"), (422, "failed"), (408, "pending"),
     (429, "pending"), (500, "pending"), (301, "pending"), (204, "delivered")],
)  # fmt: skip
async def test_of_what_a_client_did_wrong_only_408_and_429_are_tried_again(
    wired: Wired, status: int, state: str
) -> None:
    wired.receiver.answers = [answer(status)]
    await wired.happen()
    await wired.send()
    (delivery,) = await deliveries(wired.shop.id)
    assert delivery["state"] == state
    assert len(await waiting(wired.shop.id)) == (state == "pending")
    assert (await the_webhook(wired.shop.id))["disabled_at"] is None


async def test_a_receiver_may_ask_for_a_while(wired: Wired) -> None:
    wired.receiver.answers = [answer(429, retry_after="600")]
    await wired.happen()
    before = clock.now()
    await wired.send()
    (item,) = await waiting(wired.shop.id)
    assert timedelta(seconds=595) < item["due_at"] - before < timedelta(seconds=660)


async def test_a_worker_that_died_while_sending_is_made_up_for(wired: Wired) -> None:
    await wired.happen()
    (item,) = await waiting(wired.shop.id)
    held = asyncio.Event()
    wired.receiver.during = held.wait  # type: ignore[assignment]
    task = asyncio.create_task(wired.send())
    async with asyncio.timeout(10):
        while not wired.receiver.got:  # noqa: ASYNC110  (it comes by a real socket)
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    held.set()
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute("update products set name = 'Another name'")  # what is told stays
    (delivery,) = await deliveries(wired.shop.id)
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
    (again,) = await waiting(wired.shop.id)
    # It is left alone while it may be under way, and then handed out again.
    assert again["id"] == item["id"]
    assert again["due_at"] > clock.now()
    wired.receiver.during = None
    await wired.soon()
    assert await wired.send() == 1
    first, second = wired.receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert (await deliveries(wired.shop.id))[0]["state"] == "delivered"


async def test_an_answer_is_kept_in_part_and_without_what_cannot_be_stored(wired: Wired) -> None:
    wired.receiver.answers = [answer(200, b"\x00\xff" + b"x" * 40_000)]
    await wired.happen()
    await wired.send()
    (tried,) = await tries(wired.shop.id)
    assert tried["response"] == "\ufffd\ufffd" + "x" * (MAX_RESPONSE - 2)


async def test_who_does_not_answer_is_told_apart(wired: Wired) -> None:
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute("update webhooks set url = 'http://hooks.localhost:1/'")
    await wired.happen("One")
    await wired.send()
    wired.receiver.answers = [b"SSH-2.0-OpenSSH\r\n"]
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute("update webhooks set url = $1", wired.receiver.url)
    await wired.happen("Two")
    await wired.send()
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute(
            "update webhooks set url = $1", f"https://127.0.0.1:{wired.receiver.port}/"
        )
    await wired.happen("Three")
    await wired.send()
    problems = [one["problem"] for one in await tries(wired.shop.id)]
    assert problems == ["unreachable", "broken_answer", "address_refused"]
    assert wired.receiver.connections == 1
    assert {one["state"] for one in await deliveries(wired.shop.id)} == {"pending"}


async def test_a_document_that_comes_to_errors_is_told_by_their_codes(wired: Wired) -> None:
    # It was saved before the field came to need more than webhooks have.
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute(
            "update webhooks set document = 'query($id: ID!) { product(id: $id) { variants {"
            " codes { nodes { masked } } } } }'"
        )
    await wired.happen()
    await wired.send()
    (tried,) = await tries(wired.shop.id)
    assert (tried["problem"], tried["status"]) == ("payload_unrendered FORBIDDEN", None)
    assert wired.receiver.connections == 0
