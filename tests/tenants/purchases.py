"""A shop and a buyer of its one product, through the services; the provider is a signed notice."""

from datetime import timedelta
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.platform.payments.port import Notice
from keystall.tenants.checkout.carts import NewLine, cart_buyer_update, cart_create
from keystall.tenants.checkout.completion import cart_complete
from keystall.tenants.installation import Installation
from keystall.tenants.orders.queries import order_by_id, refunds_of_orders
from keystall.tenants.orders.service import expire_order
from keystall.tenants.payments.application import apply_callback
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock.sealing import shop_cipher
from keystall.tenants.writing import writing


class Purchase:
    """A shop with one product, and a buyer."""

    def __init__(self, installation: Installation, shop: Shop) -> None:
        self.installation = installation
        self.shop = shop
        self.variant = new_id()
        self.account = UUID(int=0)

    async def stock(self, *codes: str) -> None:
        async with writing(self.installation, self.shop.id) as tx:
            product = new_id()
            await tx.execute(
                "insert into products (shop_id, id, slug, name, status)"
                " values ($1, $2, $3, 'Steam card', 'active')",
                self.shop.id, product, f"steam-{product}",
            )  # fmt: skip
            await tx.execute(
                "insert into variants (shop_id, id, product_id, name) values ($1, $2, $3, '')",
                self.shop.id, self.variant, product,
            )  # fmt: skip
            await tx.execute(
                "insert into prices (shop_id, variant_id, currency, amount)"
                " values ($1, $2, 'CNY', 990)",
                self.shop.id, self.variant,
            )  # fmt: skip
            self.account = await tx.value(
                "select id from payment_accounts where shop_id = $1", self.shop.id
            )
        await self.restock(*codes)

    async def restock(self, *codes: str) -> None:
        """More codes of the same product."""
        async with writing(self.installation, self.shop.id) as tx:
            batch = new_id()
            await tx.execute(
                "insert into batches (shop_id, id, variant_id, source) values ($1, $2, $3, 'test')",
                self.shop.id, batch, self.variant,
            )  # fmt: skip
            cipher = await shop_cipher(tx, self.installation.keys, self.shop.id)
            for text in codes:
                code = new_id()
                await tx.execute(
                    "insert into codes (shop_id, id, variant_id, batch_id, state, sealed,"
                    " key_version, lookup) values ($1, $2, $3, $4, 'available', $5, $6, $7)",
                    self.shop.id, code, self.variant, batch,
                    cipher.seal_code(self.variant, code, text), cipher.version,
                    cipher.lookup(self.variant, text),
                )  # fmt: skip

    async def order(
        self,
        quantity: int = 1,
        *,
        key: str | None = None,
        email: str = "b@x.test",
        address: str = "",
    ) -> UUID:
        cart = await cart_create(
            self.installation, self.shop, [NewLine(self.variant, quantity)],
            currency="CNY", locale="en",
        )  # fmt: skip
        await cart_buyer_update(
            self.installation, self.shop, cart, email=email, locale=None, answers={}
        )
        return await cart_complete(
            self.installation, self.shop, cart,
            payment_account_id=self.account, idempotency_key=key or str(cart),
            address=address,
        )  # fmt: skip

    async def pay(self, order: UUID, *, amount: int = 990, transaction: str = "t1") -> None:
        item = await self.told(order, amount=amount, transaction=transaction)
        await apply_callback(self.installation, self.shop.id, item)

    async def told(self, order: UUID, *, amount: int = 990, transaction: str = "t1") -> UUID:
        """Stores the callback of a payment; answers the work of applying it."""
        async with writing(self.installation, self.shop.id) as tx:
            payment = await tx.value(
                "select id from payments where shop_id = $1 and order_id = $2", self.shop.id, order
            )
            notice = Notice(
                event_key=str(new_id()), kind="payment.succeeded", reference=str(payment),
                provider_reference=f"{order}-{transaction}", amount=amount, currency="CNY", fee=6,
                merchant_id=str(self.account), occurred_at=clock.now(),
            )  # fmt: skip
            inbox, item = new_id(), new_id()
            await tx.execute(
                "insert into inbox (shop_id, id, account_id, event_key, body, notice)"
                " values ($1, $2, $3, $4, '', $5)",
                self.shop.id, inbox, self.account, notice.event_key,
                {name: getattr(notice, name) for name in notice.__slots__ if name != "occurred_at"},
            )  # fmt: skip
            await tx.execute(
                "insert into outbox (shop_id, id, kind, subject_id, due_at)"
                " values ($1, $2, 'payment.apply', $3, $4)",
                self.shop.id, item, inbox, clock.now() + timedelta(days=1),
            )  # fmt: skip
        return item

    async def expire(self, order: UUID) -> None:
        async with database.transaction(self.shop.id) as tx:
            item = await tx.value(
                "select id from outbox where shop_id = $1 and kind = 'order.expire'"
                " and subject_id = $2",
                self.shop.id, order,
            )  # fmt: skip
        await expire_order(self.installation, self.shop.id, item)

    async def status(self, order: UUID) -> str:
        async with database.transaction(self.shop.id) as tx:
            found = await order_by_id(tx, self.shop.id, order)
        assert found is not None
        return found.status

    async def states(self) -> list[str]:
        async with database.transaction(self.shop.id) as tx:
            rows = await tx.rows(
                "select state from codes where shop_id = $1 order by position", self.shop.id
            )
        return [row["state"] for row in rows]

    async def balances(self) -> dict[str, int]:
        async with database.transaction(self.shop.id) as tx:
            rows = await tx.rows(
                "select account, sum(amount)::bigint as amount from ledger_entries"
                " where shop_id = $1 group by account",
                self.shop.id,
            )  # fmt: skip
        return {row["account"]: row["amount"] for row in rows}

    async def refund_reasons(self, order: UUID) -> list[tuple[str, int]]:
        async with database.transaction(self.shop.id) as tx:
            refunds = await refunds_of_orders(tx, self.shop.id, [order])
        return [(refund.reason, refund.amount) for refund in refunds.get(order, [])]
