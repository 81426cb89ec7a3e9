"""What may be told, where to, and what of it happens when."""

from typing import Any
from uuid import RFC_4122, UUID

import pytest

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants.catalog.input import ProductChanges
from keystall.tenants.catalog.service import product_archive, product_update
from keystall.tenants.code_reports.service import Answer, Complaint, code_report, report_reject
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.stock.low_stock import stock_has_risen
from keystall.tenants.webhooks.events import EVENTS
from keystall.tenants.webhooks.service import (
    MAX_WEBHOOKS,
    WebhookChanges,
    webhook_update,
)
from keystall.tenants.writing import writing
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
from tests.webhooks.receiver import receiving


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
    """What was told, in the order of the moments; what one transaction told, by name."""
    rows = sorted(await deliveries(shop), key=lambda row: (row["happened_at"], row["event"]))
    return [row["event"] for row in rows]


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
        "order.placed", "order.placed", "order.expired", "refund.requested", "order.delivered",
        "order.paid", "stock.low",
    ]  # fmt: skip
    last = await bought.order(email="d@x.test")
    await bought.pay(last)
    await bought.restock("CODE-3", "CODE-4", "CODE-5")
    more = (await told_of(shop.id))[before + 7 :]
    assert more == ["order.placed", "order.delivered", "order.paid", "stock.sold_out"]
    ids = {row["subject_id"] for row in await deliveries(shop.id) if row["event"] == "order.paid"}
    assert ids == {canceled, last}


async def test_refunds_disputes_and_reports_are_told_as_they_go_on(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    bought = Purchase(installation, shop)
    await bought.stock("CODE-1")
    order = await bought.order()
    await bought.pay(order)
    async with database.transaction(shop.id) as tx:
        code = await tx.value("select id from codes")
        taking = await tx.value("select id from takings")
        await tx.execute("update variants set low_stock = 1, low_since = null")
    for kinds in (("order", "dispute"), ("refund",), ("code_report",), ("stock",)):
        events = [event for event in EVENTS if event.startswith(kinds)]
        await a_webhook(installation, shop, "https://example.com/", *events)

    report = await code_report(installation, shop.id, order, code, Complaint("used", ""))
    answered = Answer("merchant", str(new_id()), "It is not.")
    await report_reject(installation, shop.id, report, answer=answered)
    await bought.pay(order, transaction="t2")  # paid twice
    dispute = new_id()
    async with database.transaction(shop.id) as tx:
        await tx.execute(
            "insert into disputes (shop_id, id, order_id, taking_id, account_id,"
            " provider_reference, status, reason, amount, currency, opened_at, asked_at)"
            " values ($1, $2, $3, $4, $5, 'd', 'needs_response', 'fraudulent', 990, 'CNY', now(),"
            " now())",
            shop.id, dispute, order, taking, bought.account,
        )  # fmt: skip
        again = await tx.value("select id from refunds")
        for status in ("under_review", "under_review", "won"):
            await tx.execute("update disputes set status = $1", status)
        for state in ("due", "due", "succeeded"):
            await tx.execute("update refunds set state = $1", state)
        await tx.execute("update orders set status = 'refunded'")
        await tx.execute("update variants set low_since = now()")
    await bought.restock("CODE-2", "CODE-3")
    async with writing(installation, shop.id) as work:
        await stock_has_risen(work, shop.id, [bought.variant])

    told = [(row["event"], row["subject_id"]) for row in await deliveries(shop.id)]
    assert sorted(told) == sorted([
        ("code_report.opened", report), ("code_report.answered", report),
        ("refund.requested", again), ("dispute.opened", order), ("dispute.changed", order),
        ("dispute.closed", order), ("refund.due", again), ("refund.succeeded", again),
        ("order.refunded", order), ("stock.low", bought.variant),
        ("stock.restocked", bought.variant),
    ])  # fmt: skip


async def test_ids_that_the_database_makes_are_in_the_order_of_their_making(
    installation: Installation,
) -> None:
    async with database.transaction(None) as tx:
        # Each by a statement of its own inside, as triggers make them.
        rows = await tx.rows(
            "select row_id() as id, pg_sleep(0.00001) from generate_series(1, 500)"
        )
    ids = [row["id"] for row in rows]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}
    assert {one.variant for one in ids} == {RFC_4122}
    made = ids[0].int >> 80
    assert abs(made / 1000 - clock.now().timestamp()) < 60


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
    told = {got.json()["type"] for got in receiver.got}
    assert told == {"order.placed", "order.paid", "order.delivered"}
    parts = [canary[start : start + 8] for start in range(len(canary) - 7)]
    sent: Any = [got.body.decode() + str(got.headers) for got in receiver.got]
    kept = [str(dict(row)) for row in [*await deliveries(shop.id), *await tries(shop.id)]]
    assert [part for part in parts for text in (*sent, *kept) if part in text] == []
