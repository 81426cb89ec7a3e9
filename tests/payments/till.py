"""A shop that is paid through Stripe: one product, a buyer, and Stripe's events by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.platform.payments.port import ProviderUnavailable
from keystall.tenants.catalog.input import PriceInput, VariantInput
from keystall.tenants.checkout.carts import NewLine, cart_buyer_update, cart_create
from keystall.tenants.checkout.completion import cart_complete
from keystall.tenants.installation import Installation
from keystall.tenants.orders.service import expire_order
from keystall.tenants.payments.accounts import StripeKeys, stripe_connect
from keystall.tenants.payments.application import apply_callback
from keystall.tenants.payments.refunds import RefundPending, send_refund
from keystall.tenants.payments.service import receive_callback, start_payment
from keystall.tenants.shops.shop import Shop
from keystall.workers.jobs import Work
from tests.factories import a_product, a_shop, some_codes, the_variant
from tests.payments.emulator import Emulator
from tests.payments.wire import JsonObject
from tests.payments.world import World

WORK: dict[str, Work] = {
    "payment.apply": apply_callback,
    "refund.send": send_refund,
    "order.expire": expire_order,
}


@dataclass
class Till:
    """The shop, its Stripe account, and what its buyers and Stripe do. Amounts: 9.90 each."""

    installation: Installation
    emulator: Emulator
    shop: Shop
    world: World
    account: UUID
    variant: UUID
    currency: str

    async def order(self, quantity: int = 1, *, return_url: str | None = None) -> UUID:
        """An order placed, its buyer sent to Stripe."""
        cart = await cart_create(
            self.installation, self.shop, [NewLine(self.variant, quantity)],
            currency=self.currency, locale="zh-CN",
        )  # fmt: skip
        await cart_buyer_update(
            self.installation, self.shop, cart, email=f"b{new_id().hex}@x.test", locale=None,
            answers={},
        )  # fmt: skip
        return await cart_complete(
            self.installation, self.shop, cart,
            payment_account_id=self.account, idempotency_key=str(cart), return_url=return_url,
        )  # fmt: skip

    async def session(self, order: UUID) -> JsonObject:
        """The session an order is to be paid in, as Stripe has it."""
        address = await start_payment(self.installation, self.shop, order)
        assert address is not None
        return self.world.things[address.rpartition("/")[2]]

    def charge(self, session: JsonObject) -> JsonObject:
        intent = self.world.things[session["payment_intent"]]
        return self.world.things[intent["latest_charge"]]

    async def tell(self, event: JsonObject) -> tuple[int, bytes]:
        """Stripe delivers an event; it is stored, not applied."""
        (endpoint,) = self.world.of_kind("webhook_endpoint")
        headers, body = self.emulator.signed(endpoint, event)
        return await receive_callback(
            self.installation, self.shop,
            provider="stripe", account=self.account, headers=headers, body=body,
        )  # fmt: skip

    async def hear(
        self, events: Sequence[JsonObject] | None = None, *, patient: bool = False
    ) -> None:
        """Stripe delivers (what is new, in order), and the worker does what follows. `patient`:
        a provider that is away is no failure."""
        if events is None:
            events, self.world.events = self.world.events, []
        for event in events:
            await self.tell(event)
        await self.work(patient=patient)

    async def work(self, *, patient: bool = False) -> None:
        """What a worker would do, until nothing but refunds that are pending is left to do."""
        tried: set[UUID] = set()
        while rows := [row for row in await self._due() if row["id"] not in tried]:
            for row in rows:
                tried.add(row["id"])
                try:
                    await WORK[row["kind"]](self.installation, self.shop.id, row["id"])
                except RefundPending:
                    continue
                except ProviderUnavailable:
                    if not patient:
                        raise

    async def _due(self) -> Sequence[Row]:
        return await self.rows(
            "select id, kind from outbox where shop_id = $1 and done_at is null"
            " and kind in ('payment.apply', 'refund.send') order by id"
        )

    async def expire(self, order: UUID) -> None:
        """The hold of an order ends."""
        (row,) = await self.rows(
            "select id from outbox where shop_id = $1 and kind = 'order.expire'"
            " and subject_id = $2",
            order,
        )  # fmt: skip
        await expire_order(self.installation, self.shop.id, row["id"])

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        async with database.transaction(self.shop.id) as tx:
            return await tx.rows(sql, self.shop.id, *args)

    async def value(self, sql: str, *args: object) -> Any:
        async with database.transaction(self.shop.id) as tx:
            return await tx.value(sql, self.shop.id, *args)

    async def status(self, order: UUID) -> str:
        status: str = await self.value(
            "select status from orders where shop_id = $1 and id = $2", order
        )
        return status

    async def balances(self) -> dict[str, int]:
        rows = await self.rows(
            "select account, sum(amount)::bigint as amount from ledger_entries where shop_id = $1"
            " group by account having sum(amount) <> 0"
        )
        return {row["account"]: row["amount"] for row in rows}

    async def refunds(self) -> list[tuple[str, int, str]]:
        rows = await self.rows(
            "select reason, amount, state from refunds where shop_id = $1 order by id"
        )
        return [(row["reason"], row["amount"], row["state"]) for row in rows]

    async def problems(self) -> list[str | None]:
        """Of callbacks, in the order they came; None where one had its effect."""
        rows = await self.rows("select problem from inbox where shop_id = $1 order by id")
        return [row["problem"] for row in rows]


async def a_till(
    installation: Installation,
    emulator: Emulator,
    *,
    currency: str = "CNY",
    price: str = "9.90",
    codes: int = 5,
) -> Till:
    """A shop with a Stripe account of its own, its keys entered as its merchant would."""
    shop = await a_shop(installation, currency=currency)
    world = emulator.account()
    account = await stripe_connect(installation, shop, StripeKeys(secret_key=world.key))
    product = await a_product(
        installation, shop, variants=[VariantInput(prices=[PriceInput(price, currency)])]
    )
    variant = (await the_variant(shop, product)).id
    if codes:
        await some_codes(installation, shop, variant, codes)
    return Till(installation, emulator, shop, world, account, variant, currency)
