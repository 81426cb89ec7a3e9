"""Webhooks from the business transaction to a receiver on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants.catalog.input import ProductChanges
from keystall.tenants.catalog.service import product_archive, product_update
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.key_locks import only_command
from keystall.tenants.keys.destruction import destroy_shop_keys
from keystall.tenants.keys.shop_rotation import Keeper, rotate_shop
from keystall.tenants.mails.merchant_posts import merchant_webhook_disabled
from keystall.tenants.mails.port import MerchantWebhookDisabled
from keystall.tenants.retention.sweep import _sweep, days_kept
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create, api_token_revoke
from keystall.tenants.webhooks import sending as sending_module
from keystall.tenants.webhooks.events import EVENTS
from keystall.tenants.webhooks.schedule import LASTING
from keystall.tenants.webhooks.sending import (
    LONGEST_WAIT,
    MAX_AT_ONCE,
    MAX_OF_SHOP,
    MAX_RESPONSE,
)
from keystall.tenants.webhooks.service import (
    MAX_WEBHOOKS,
    WebhookChanges,
    deliveries_replay,
    delivery_replay,
    webhook_delete,
    webhook_secret_rotate,
    webhook_test,
    webhook_update,
)
from keystall.tenants.webhooks.signing import new_signing_secret
from tests.factories import a_product, a_shop
from tests.tenants.hooks import (
    PRODUCT,
    Sender,
    a_webhook,
    deliveries,
    sending,
    the_webhook,
    tries,
    waiting,
)
from tests.tenants.purchases import Purchase
from tests.tenants.receiver import OK, Receiver, answer, receiving, signatures


@dataclass
class Wired:
    """A shop whose products are told to a receiver."""

    installation: Installation
    shop: Shop
    receiver: Receiver
    sender: Sender
    webhook: UUID
    secret: str

    async def send(self) -> int:
        return await self.sender.send_due(self.shop.id)

    async def happen(self, name: str = "Moon card") -> None:
        """One event."""
        await a_product(self.installation, self.shop, name)

    async def soon(self) -> None:
        """Makes what waits due now."""
        async with database.transaction(self.shop.id) as tx:
            await tx.execute("update outbox set due_at = now() where done_at is null")

    async def mailed(self) -> list[MerchantWebhookDisabled]:
        """The letters about it that were posted."""
        async with database.transaction(self.shop.id) as tx:
            rows = await tx.rows(
                "select subject_id from outbox where kind = 'mail.merchant_webhook_disabled'"
            )
            posts = [
                post
                for row in rows
                for post in await merchant_webhook_disabled(
                    tx, self.installation, self.shop.id, row["subject_id"]
                )
            ]
        letters = [post.letter for post in posts]
        assert all(isinstance(letter, MerchantWebhookDisabled) for letter in letters)
        return letters  # type: ignore[return-value]


@pytest.fixture
async def wired(installation: Installation) -> AsyncIterator[Wired]:
    shop = await a_shop(installation)
    async with receiving() as receiver, sending(installation) as sender:
        webhook, secret = await a_webhook(
            installation, shop, receiver.url, "product.created", document=PRODUCT
        )
        yield Wired(installation, shop, receiver, sender, webhook, secret)


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


async def test_410_ends_the_webhook_and_its_owner_is_written_to(wired: Wired) -> None:
    wired.receiver.answers = [answer(410)]
    await wired.happen("One")
    await wired.happen("Two")
    assert await wired.send() == 2
    hook = await the_webhook(wired.shop.id)
    assert hook["disabled_reason"] == "gone"
    assert [letter.reason for letter in await wired.mailed()] == ["gone"]
    # The second was not even sent, and what happens from now on is not told.
    assert len(wired.receiver.got) == 1
    states = [(one["state"], one["problem"]) for one in await deliveries(wired.shop.id)]
    assert states == [("failed", ""), ("failed", "disabled")]
    await wired.happen("Three")
    assert len(await deliveries(wired.shop.id)) == 2

    changes = WebhookChanges(token=None, enabled=True)
    await webhook_update(wired.installation, wired.shop.id, wired.webhook, changes)
    wired.receiver.answers = [OK]
    await wired.happen("Four")
    assert await deliveries_replay(wired.installation, wired.shop.id, wired.webhook) == 2
    assert await wired.send() == 3
    assert {one["state"] for one in await deliveries(wired.shop.id)} == {"delivered"}
    assert await wired.mailed() == []


async def test_what_lasts_three_days_ends_the_webhook_and_a_shorter_while_does_not(
    wired: Wired,
) -> None:
    wired.receiver.answers = [answer(404)]
    for since, disabled in ((LASTING - timedelta(hours=1), False), (LASTING, True)):
        async with database.transaction(wired.shop.id) as tx:
            await tx.execute("update webhooks set failing_since = $1", clock.now() - since)
        await wired.happen(f"After {since}")
        await wired.send()
        hook = await the_webhook(wired.shop.id)
        assert (hook["disabled_reason"] == "failing") is disabled
    (letter,) = await wired.mailed()
    assert (letter.reason, letter.host) == ("failing", "hooks.localhost")


async def test_a_try_that_may_be_repeated_does_not_end_a_webhook(wired: Wired) -> None:
    wired.receiver.answers = [answer(500)]
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute("update webhooks set failing_since = $1", clock.now() - 2 * LASTING)
    await wired.happen()
    await wired.send()
    assert (await the_webhook(wired.shop.id))["disabled_at"] is None


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


async def test_two_secrets_sign_for_a_day(wired: Wired) -> None:
    second = await webhook_secret_rotate(wired.installation, wired.shop.id, wired.webhook)
    await wired.happen("One")
    await wired.send()
    third = await webhook_secret_rotate(wired.installation, wired.shop.id, wired.webhook)
    await wired.happen("Two")
    await wired.send()
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute(
            "update webhook_secrets set expires_at = now() - interval '1 second'"
            " where expires_at is not null"
        )
    await wired.happen("Three")
    await wired.send()

    one, two, three = wired.receiver.got
    assert one.headers["webhook-signature"].split() == [
        *signatures(one, second), *signatures(one, wired.secret),
    ]  # fmt: skip
    assert two.headers["webhook-signature"].split() == [
        *signatures(two, third), *signatures(two, second),
    ]  # fmt: skip
    assert three.headers["webhook-signature"].split() == signatures(three, third)
    assert len({wired.secret, second, third}) == 3
    assert all(secret.startswith("whsec_") for secret in (wired.secret, second, third))


async def test_what_was_altered_or_signed_by_another_is_refused_by_the_library(
    wired: Wired,
) -> None:
    await wired.happen()
    await wired.send()
    (got,) = wired.receiver.got
    hook, headers = Webhook(wired.secret), dict(got.headers)
    assert hook.verify(got.body, headers) == got.json()
    altered = got.body.replace(b"Moon", b"Mooo")
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    other = {**headers, "webhook-id": str(new_id())}
    for body, given, secret in (
        (altered, headers, wired.secret),
        (got.body, later, wired.secret),
        (got.body, other, wired.secret),
        (got.body, headers, new_signing_secret()),
    ):
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(secret).verify(body, given)


async def test_a_rotation_of_the_shops_keys_leaves_signatures_as_they_were(
    wired: Wired,
) -> None:
    settings = wired.installation.settings
    async with only_command(settings.owner_database_url) as connection:
        keeper = Keeper(connection, wired.installation.keys, wired.installation.files, print)
        await rotate_shop(keeper, wired.shop.id, "shop")
        left = await connection.fetch(
            "select version from shop_keys where shop_id = $1", wired.shop.id
        )
        assert [row["version"] for row in left] == [2]
        await wired.happen("After a rotation")
        await wired.send()
        (got,) = wired.receiver.got
        assert got.headers["webhook-signature"].split() == signatures(got, wired.secret)

        await destroy_shop_keys(keeper, wired.shop.id, "shop")
    await webhook_test(wired.installation, wired.shop.id, wired.webhook)
    await wired.send()
    assert (await tries(wired.shop.id))[-1]["problem"] == "secret_unreadable"
    assert len(wired.receiver.got) == 1


async def test_old_deliveries_go_with_their_tries_and_what_waits_stays(
    wired: Wired,
) -> None:
    for name in ("Old", "Young", "Waiting"):
        await wired.happen(name)
    old, young, waits = [row["id"] for row in await deliveries(wired.shop.id)]
    await wired.send()
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute(
            "update webhook_deliveries set happened_at = now() - interval '15 days',"
            " state = case id when $2 then 'pending' else state end where id = any ($1::uuid[])",
            [old, waits], waits,
        )  # fmt: skip
    kept = days_kept(wired.installation.settings)["webhook_deliveries"]
    assert kept == 14
    assert await _sweep("webhook_deliveries", kept) == 1
    assert [row["id"] for row in await deliveries(wired.shop.id)] == [young, waits]
    assert {row["delivery_id"] for row in await tries(wired.shop.id)} == {young, waits}
    shorter = wired.installation.settings.model_copy(update={"keep_buyers_days": 3})
    assert days_kept(shorter)["webhook_deliveries"] == 3


async def test_secrets_rest_sealed(wired: Wired, superuser_url: str) -> None:
    connection = await asyncpg.connect(superuser_url)
    rows = await connection.fetch("select * from webhook_secrets where shop_id = $1", wired.shop.id)
    await connection.close()
    (row,) = rows
    bare = wired.secret.removeprefix("whsec_")
    assert bare.encode() not in row["sealed"]
    assert bare not in str(dict(row))
    assert row["hint"] == bare.rstrip("=")[-4:]


async def test_a_test_is_sent_once_about_the_newest_thing_to_a_disabled_webhook_too(
    wired: Wired,
) -> None:
    await wired.happen("Older")
    await wired.happen("Newest")
    await wired.send()
    wired.receiver.got.clear()
    changes = WebhookChanges(token=None, enabled=False)
    await webhook_update(wired.installation, wired.shop.id, wired.webhook, changes)
    assert (await the_webhook(wired.shop.id))["disabled_reason"] == "merchant"
    wired.receiver.answers = [answer(500)]
    row = await webhook_test(wired.installation, wired.shop.id, wired.webhook)
    await wired.send()
    await wired.soon()
    assert await wired.send() == 0
    (got,) = wired.receiver.got
    assert got.json()["test"] is True
    assert got.json()["data"]["product"]["name"] == "Newest"
    delivery = (await deliveries(wired.shop.id))[-1]
    assert (delivery["id"], delivery["state"], delivery["attempts"]) == (row, "failed", 1)
    assert (await the_webhook(wired.shop.id))["failing_since"] is None
    assert await wired.mailed() == []


async def test_a_range_of_time_is_replayed_and_what_waits_is_not(wired: Wired) -> None:
    shop = wired.shop.id
    wired.receiver.answers = [answer(404), answer(404), OK, answer(500)]
    for name in ("One", "Two", "Three", "Four"):
        await wired.happen(name)
        await wired.send()
    one, two, three, four = await deliveries(shop)
    assert [row["state"] for row in (one, two, three, four)] == [
        "failed", "failed", "delivered", "pending",
    ]  # fmt: skip
    wired.receiver.answers = [OK]
    wired.receiver.got.clear()

    again = deliveries_replay
    ranged = {"since": two["happened_at"], "until": four["happened_at"]}
    assert await again(wired.installation, shop, wired.webhook, **ranged) == 1
    assert await again(wired.installation, shop, wired.webhook, **ranged) == 0
    assert await again(
        wired.installation, shop, wired.webhook, failed_only=False, **ranged
    ) == 1  # fmt: skip
    await wired.send()
    assert [got.headers["webhook-id"] for got in wired.receiver.got] == [
        str(two["id"]), str(three["id"]),
    ]  # fmt: skip
    assert [got.body.decode() for got in wired.receiver.got] == [two["body"], three["body"]]
    await delivery_replay(wired.installation, shop, one["id"])
    with pytest.raises(Refused, match="CONFLICT"):
        await delivery_replay(wired.installation, shop, one["id"])
    with pytest.raises(Refused, match="CONFLICT"):
        await delivery_replay(wired.installation, shop, four["id"])
    with pytest.raises(Refused, match="NOT_FOUND"):
        await delivery_replay(wired.installation, shop, new_id())
    await wired.send()
    states = [row["state"] for row in await deliveries(shop)]
    assert states == ["delivered", "delivered", "delivered", "pending"]


async def test_a_webhook_that_a_token_saved_ends_with_the_token(installation: Installation) -> None:
    shop = await a_shop(installation)
    token, _ = await api_token_create(installation, shop.id, "ERP")
    async with receiving() as receiver, sending(installation) as sender:
        webhook, _ = await a_webhook(
            installation, shop, receiver.url, "product.created", document=PRODUCT, token=token.id
        )
        wired = Wired(installation, shop, receiver, sender, webhook, "")
        await wired.happen("One")
        await wired.send()
        await api_token_revoke(installation, shop.id, token.id)
        await wired.happen("Two")
        await wired.send()
        assert len(receiver.got) == 1
        assert (await the_webhook(shop.id))["disabled_reason"] == "token"
        assert [letter.reason for letter in await wired.mailed()] == ["token"]
        # A person who changes it makes it theirs.
        changes = WebhookChanges(token=None, enabled=True)
        await webhook_update(installation, shop.id, webhook, changes)
        await wired.happen("Three")
        await wired.send()
        assert len(receiver.got) == 2


async def test_few_are_spoken_to_at_once_and_of_one_shop_fewer(wired: Wired) -> None:
    for number in range(MAX_OF_SHOP + 2):
        await wired.happen(f"Card {number}")
    items = [row["id"] for row in await waiting(wired.shop.id)]
    held = asyncio.Event()
    wired.receiver.during = held.wait  # type: ignore[assignment]

    from_here = [asyncio.create_task(wired.sender.send(wired.shop.id, item)) for item in items]
    async with asyncio.timeout(10):
        while len(wired.receiver.got) < MAX_OF_SHOP:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.gather(*from_here[MAX_OF_SHOP:])
    assert len(wired.receiver.got) == MAX_OF_SHOP
    put_back = [row for row in await waiting(wired.shop.id) if row["id"] in items[MAX_OF_SHOP:]]
    assert len(put_back) == 2
    assert all(row["due_at"] > clock.now() and row["attempts"] == 0 for row in put_back)
    held.set()
    await asyncio.gather(*from_here)
    states = sorted(one["state"] for one in await deliveries(wired.shop.id))
    assert states == ["delivered"] * MAX_OF_SHOP + ["pending"] * 2
    assert wired.sender.desk.speaking.total() == 0

    wired.sender.desk.speaking.update({new_id(): 1 for _ in range(MAX_AT_ONCE)})
    await wired.soon()
    await wired.send()
    assert len(wired.receiver.got) == MAX_OF_SHOP


async def test_what_finds_no_place_comes_again_as_fast_as_its_receiver_takes_it(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, shop, now = wired.sender.desk, new_id(), 1000.0
    monkeypatch.setattr(sending_module, "monotonic", lambda: now)
    desk.takes[shop] = 15.0  # it never answers

    waits = [desk.appointment(shop).total_seconds() for _ in range(2000)]
    assert waits[:3] == [2.0, 7.0, 12.0]
    assert max(waits) == LONGEST_WAIT.total_seconds()
    # Another shop's come at once all the same, and a receiver that is quick is told quickly.
    other = new_id()
    desk.takes[other] = 0.03
    quick = [desk.appointment(other).total_seconds() for _ in range(101)]
    assert quick[0] == 2.0
    assert quick[100] == pytest.approx(3.0)
    # What was learnt goes when nobody waits any more.
    now = 10_000.0
    async with desk.place(shop) as free:
        assert free
    assert shop not in desk.takes
    assert shop not in desk.booked


async def test_a_deleted_webhook_takes_its_secrets_and_its_log_along(wired: Wired) -> None:
    await wired.happen("One")
    await wired.send()
    await wired.happen("Two")
    await webhook_delete(wired.installation, wired.shop.id, wired.webhook)
    assert await wired.send() == 1  # there is nothing to be done any more
    assert len(wired.receiver.got) == 1
    async with database.transaction(wired.shop.id) as tx:
        for table in ("webhooks", "webhook_secrets", "webhook_deliveries", "webhook_tries"):
            assert await tx.value(f"select count(*) from {table}") == 0
    with pytest.raises(Refused, match="NOT_FOUND"):
        await webhook_delete(wired.installation, wired.shop.id, wired.webhook)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://example.com:22/", "https://user@example.com/",
     "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://localhost/",
     "https://printer.local/", "https://db.internal/", "https://erp/", "https://example.com/#here",
     "ftp://example.com/", "example.com", "https://[/"],
)  # fmt: skip
async def test_an_address_that_is_not_outside_is_refused_when_it_is_saved(
    wired: Wired, url: str
) -> None:
    with pytest.raises(Refused, match="url: WEBHOOK_ADDRESS"):
        await a_webhook(wired.installation, wired.shop, url)
    changes = WebhookChanges(token=None, url=url)
    with pytest.raises(Refused, match="url: WEBHOOK_ADDRESS"):
        await webhook_update(wired.installation, wired.shop.id, wired.webhook, changes)
    assert (await the_webhook(wired.shop.id))["url"] == wired.receiver.url


async def test_a_shop_has_so_many_webhooks_and_no_more(wired: Wired) -> None:
    for _ in range(MAX_WEBHOOKS - 1):
        await a_webhook(wired.installation, wired.shop, "https://example.com:8443/a?b=c")
    with pytest.raises(Refused, match="LIMIT_REACHED"):
        await a_webhook(wired.installation, wired.shop, "https://example.com/")
    for events in (["order.paid", "stock.low"], ["order.eaten"]):
        with pytest.raises(Refused, match=r"events: (EVENTS_MIXED|INVALID)"):
            await a_webhook(wired.installation, wired.shop, "https://example.com/", *events)


async def told_of(shop: UUID) -> list[str]:
    return [row["event"] for row in await deliveries(shop)]


async def test_every_event_of_a_product_and_an_order_is_told_once(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    for kind in ("order", "refund", "product", "stock"):
        events = [event for event in EVENTS if event.startswith(f"{kind}.")]
        await a_webhook(installation, shop, "https://example.com/", *events)
    product = await a_product(installation, shop)
    await product_update(installation, shop, product.id, ProductChanges(name="Another"))
    await product_archive(installation, shop, product.id)
    assert await told_of(shop.id) == ["product.created", "product.changed", "product.archived"]

    bought = Purchase(installation, shop)
    await bought.stock("CODE-1", "CODE-2")
    async with database.transaction(shop.id) as tx:
        await tx.execute("update variants set low_stock = 1 where id = $1", bought.variant)
    before = len(await deliveries(shop.id))
    expired, canceled = await bought.order(), await bought.order(email="c@x.test")
    await bought.expire(expired)
    await bought.pay(canceled, amount=989)  # a wrong amount buys nothing
    await bought.pay(canceled, transaction="t2")
    assert (await told_of(shop.id))[before:] == [
        "order.placed", "order.placed", "order.expired", "refund.requested", "order.paid",
        "order.delivered", "stock.low",
    ]  # fmt: skip
    last = await bought.order(email="d@x.test")
    await bought.pay(last)
    await bought.restock("CODE-3", "CODE-4", "CODE-5")
    more = (await told_of(shop.id))[before + 7 :]
    assert more == ["order.placed", "order.paid", "order.delivered", "stock.sold_out"]
    ids = {row["subject_id"] for row in await deliveries(shop.id) if row["event"] == "order.paid"}
    assert ids == {canceled, last}


async def test_of_a_shop_without_webhooks_an_event_is_one_look_at_an_index(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    async with database.transaction(shop.id) as tx:
        await tx.execute("set local enable_seqscan = off")
        plan = await tx.rows(
            "explain select from webhooks where shop_id = $1 and disabled_at is null"
            " and $2::text = any (events)", shop.id, "order.paid",
        )  # fmt: skip
    assert "webhooks_pkey" in "\n".join(row["QUERY PLAN"] for row in plan)
    await a_product(installation, shop)
    assert await deliveries(shop.id) == []
    assert await waiting(shop.id) == []


async def test_no_code_is_ever_in_what_is_told(installation: Installation) -> None:
    """Everything that a webhook may read of an order that was delivered with this very code."""
    shop = await a_shop(installation)
    bought = Purchase(installation, shop)
    canary = "WXYZ-CANARY-7Q4M-0XKD"
    await bought.stock(canary)
    document = """
        query($id: ID!) { order(id: $id) { number email statusNote buyerFields { value }
          lines { productName variantName quantity } timeline { message }
          payments { methodName } disputes { id } refunds { id } } }
        """
    async with receiving() as receiver, sending(installation) as sender:
        events = [event for event in EVENTS if event.startswith("order.")]
        await a_webhook(installation, shop, receiver.url, *events, document=document)
        await bought.pay(await bought.order())
        assert await sender.send_due(shop.id) == 3
    assert [got.json()["type"] for got in receiver.got] == [
        "order.placed", "order.paid", "order.delivered",
    ]  # fmt: skip
    parts = [canary[start : start + 8] for start in range(len(canary) - 7)]
    sent: Any = [got.body.decode() + str(got.headers) for got in receiver.got]
    kept = [str(dict(row)) for row in [*await deliveries(shop.id), *await tries(shop.id)]]
    assert [part for part in parts for text in (*sent, *kept) if part in text] == []
