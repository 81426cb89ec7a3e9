"""Sending again, and sending to try."""

import asyncio

import pytest

from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.webhooks.service import (
    WebhookChanges,
    deliveries_replay,
    delivery_replay,
    webhook_test,
    webhook_update,
)
from tests.webhooks.hooks import (
    Wired,
    deliveries,
    the_webhook,
)
from tests.webhooks.receiver import OK, answer


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


async def test_who_has_the_log_open_is_told_of_a_test_and_of_what_came_of_it(wired: Wired) -> None:
    shop = wired.shop.id
    log = f"{shop}:webhook:{wired.webhook}"
    async with wired.installation.queue.subscribe() as heard, asyncio.timeout(20):
        # All databases of a Valkey share its messages, those of other workers' tests included.
        topics = (topic async for topic in heard if topic.startswith(str(shop)))
        row = await webhook_test(wired.installation, shop, wired.webhook)
        assert [await anext(topics)] == [log]
        await wired.send()
        assert [await anext(topics) for _ in range(2)] == [log, f"{shop}:webhook_delivery:{row}"]
        await delivery_replay(wired.installation, shop, row)
        assert [await anext(topics) for _ in range(2)] == [log, f"{shop}:webhook_delivery:{row}"]
