"""Webhooks from the business transaction to a receiver on a real socket."""

from datetime import timedelta

from keystall.platform import clock
from keystall.tenants.installation import Installation
from tests.factories import a_shop
from tests.tenants.hooks import a_webhook, deliveries, sending, tries, waiting
from tests.tenants.purchases import Purchase
from tests.tenants.receiver import receiving, signatures


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
