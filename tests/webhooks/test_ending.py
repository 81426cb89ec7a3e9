"""When a webhook is told no more, and what goes with it."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from keystall.platform import clock, database
from keystall.tenants.desk.work import work_drop, work_retry
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import MAX_ATTEMPTS
from keystall.tenants.retention.sweep import _sweep, days_kept
from keystall.tenants.shops.tokens import api_token_create, api_token_revoke
from keystall.tenants.webhooks.schedule import LASTING
from keystall.tenants.webhooks.service import (
    SEND,
    WebhookChanges,
    deliveries_replay,
    webhook_delete,
    webhook_update,
)
from keystall.workers.jobs import Handler, run
from tests.factories import a_shop, a_viewer
from tests.webhooks.hooks import (
    PRODUCT,
    Wired,
    a_webhook,
    deliveries,
    sending,
    the_webhook,
    tries,
    waiting,
)
from tests.webhooks.receiver import OK, answer, receiving


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


async def given_up(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A bug of ours met by every try; answers the work that waits for the operator."""

    async def broken(*_: object) -> str:
        raise RuntimeError("a bug")

    await wired.happen()
    (item,) = await waiting(wired.shop.id)
    async with database.transaction(wired.shop.id) as tx:
        await tx.execute("update outbox set attempts = $2 where id = $1", item["id"], MAX_ATTEMPTS)
    with monkeypatch.context() as patched:
        patched.setattr(wired.sender.desk.payloads, "render", broken)
        handler = Handler(partial(_send, wired))
        await run(wired.installation, SEND, handler, wired.shop.id, item["id"])
    found: UUID = item["id"]
    return found


async def _send(wired: Wired, _: Installation, shop: UUID, item: UUID) -> None:
    await wired.sender.send(shop, item)


async def test_a_delivery_whose_sending_was_given_up_says_so_and_goes_on_when_it_is_tried_anew(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = await given_up(wired, monkeypatch)
    (one,) = await deliveries(wired.shop.id)
    assert (one["state"], one["problem"], one["next_at"]) == ("failed", "given_up", None)
    assert one["finished_at"] is not None
    assert wired.receiver.got == []

    operator = await a_viewer(wired.installation, operator=True)
    assert await work_retry(wired.installation, operator, item) == 1
    (one,) = await deliveries(wired.shop.id)
    assert (one["state"], one["problem"], one["finished_at"]) == ("pending", "", None)
    wired.receiver.answers = [OK]
    assert await wired.send() == 1
    assert [one["state"] for one in await deliveries(wired.shop.id)] == ["delivered"]


async def test_a_delivery_whose_sending_was_dropped_stays_failed_until_it_is_sent_again(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = await given_up(wired, monkeypatch)
    operator = await a_viewer(wired.installation, operator=True)
    assert await work_drop(wired.installation, operator, item, note="A bug, mended.") == 1
    (one,) = await deliveries(wired.shop.id)
    assert (one["state"], one["problem"]) == ("failed", "given_up")
    wired.receiver.answers = [OK]
    assert await deliveries_replay(wired.installation, wired.shop.id, wired.webhook) == 1
    assert await wired.send() == 1
    assert [one["state"] for one in await deliveries(wired.shop.id)] == ["delivered"]


async def test_work_that_is_tried_anew_leaves_a_delivery_alone_that_was_sent_again_meanwhile(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = await given_up(wired, monkeypatch)
    wired.receiver.answers = [OK]
    await deliveries_replay(wired.installation, wired.shop.id, wired.webhook)
    await wired.send()
    operator = await a_viewer(wired.installation, operator=True)
    assert await work_retry(wired.installation, operator, item) == 1
    await wired.send()
    assert len(wired.receiver.got) == 1
    assert [one["state"] for one in await deliveries(wired.shop.id)] == ["delivered"]
