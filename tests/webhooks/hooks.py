"""A shop with a webhook, and its worker's part of sending."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from keystall.platform import database
from keystall.platform.http import outside_client
from keystall.tenants.installation import Installation
from keystall.tenants.mails.merchant_posts import merchant_webhook_disabled
from keystall.tenants.mails.port import MerchantWebhookDisabled
from keystall.tenants.shops.shop import Shop
from keystall.tenants.staff.roles import Permission
from keystall.tenants.webhooks.desk import HookDesk
from keystall.tenants.webhooks.sending import send_delivery
from keystall.tenants.webhooks.service import SEND, Told, webhook_create
from keystall.workers.settings import LatePayloads
from tests.factories import a_product
from tests.webhooks.receiver import HOST, Receiver

ORDER = "query($id: ID!) { order(id: $id) { number status lines { productName quantity } } }"
PRODUCT = "query($id: ID!) { product(id: $id) { name status } }"


@dataclass
class Sender:
    """What a worker sends webhooks with."""

    installation: Installation
    desk: HookDesk

    async def send_due(self, shop: UUID) -> int:
        """Makes a try at all that is due, in the order of the outbox; answers how many."""
        rows = await _rows(
            shop,
            "select id from outbox where shop_id = $1 and kind = $2 and done_at is null"
            " and due_at <= now() order by id",
            SEND,
        )
        for row in rows:
            await self.send(shop, row["id"])
        return len(rows)

    async def send(self, shop: UUID, item: UUID) -> None:
        """Does one piece of work."""
        await send_delivery(self.installation, self.desk, shop, item)


@asynccontextmanager
async def sending(installation: Installation) -> AsyncIterator[Sender]:
    """A worker's part."""
    async with outside_client(HOST) as http:
        yield Sender(installation, HookDesk(http, LatePayloads()))


async def a_webhook(
    installation: Installation,
    shop: Shop,
    url: str,
    *events: str,
    document: str = ORDER,
    token: UUID | None = None,
) -> tuple[UUID, str]:
    """A webhook and its secret."""
    return await webhook_create(
        installation, shop.id, url=url, events=events or ["order.delivered"], token=token,
        told=Told(document, frozenset({Permission.OVERVIEW, Permission.ORDERS})),
    )  # fmt: skip


async def deliveries(shop: UUID) -> Sequence[Any]:
    """The shop's deliveries, oldest first."""
    return await _rows(shop, "select * from webhook_deliveries where shop_id = $1 order by id")


async def tries(shop: UUID) -> Sequence[Any]:
    """The shop's tries, oldest first."""
    return await _rows(shop, "select * from webhook_tries where shop_id = $1 order by id")


async def waiting(shop: UUID) -> Sequence[Any]:
    """Work of sending that is not done."""
    return await _rows(
        shop,
        "select * from outbox where shop_id = $1 and kind = $2 and done_at is null order by id",
        SEND,
    )


async def the_webhook(shop: UUID) -> Any:
    """The shop's only webhook."""
    (row,) = await _rows(shop, "select * from webhooks where shop_id = $1")
    return row


async def _rows(shop: UUID, sql: str, *args: object) -> Sequence[Any]:
    async with database.transaction(shop) as tx:
        return await tx.rows(sql, shop, *args)


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
