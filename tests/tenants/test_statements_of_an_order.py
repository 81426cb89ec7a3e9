"""What an order costs the database: statements counted, so that none comes back unseen.

`begin` with its settings, and `commit`, come on top of the statements of a transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.mail import FolderMailer
from keystall.tenants.checkout.carts import CartBuyer, NewLine, cart_create
from keystall.tenants.checkout.completion import cart_complete
from keystall.tenants.installation import Installation
from keystall.tenants.mails.service import HANDLERS, MailDesk
from keystall.tenants.payments.application import apply_callback
from keystall.themes.mail.texts import ThemedMails
from tests.factories import a_shop
from tests.tenants.purchases import Purchase


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements with parameters that any connection runs inside."""
    ran: list[str] = []
    run = asyncpg.Connection._do_execute

    async def noted(self: Any, query: str, *args: Any, **kwargs: Any) -> Any:
        # Not the driver's own, which looks types up once a connection.
        if "typeinfo" not in query and "'jit'" not in query:
            ran.append(query)
        return await run(self, query, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "_do_execute", noted)
        yield ran


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    made = Purchase(installation, await a_shop(installation))
    await made.stock(*(f"CODE-{number:04}" for number in range(40)))
    return made


async def test_a_cart_is_one_statement_and_an_order_seven(
    purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted(monkeypatch) as ran:
        cart = await cart_create(
            purchase.installation, purchase.shop, [NewLine(purchase.variant, 1)],
            currency="CNY", locale="en", buyer=CartBuyer("b@x.test"),
        )  # fmt: skip
        assert len(ran) == 1
        ran.clear()
        await cart_complete(
            purchase.installation, purchase.shop, cart,
            payment_account_id=purchase.account, idempotency_key=str(cart), address="192.0.2.1",
        )  # fmt: skip
        assert len(ran) == 7


async def test_a_payment_is_applied_by_eight_statements_and_each_mail_takes_few(
    purchase: Purchase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order = await purchase.order()
    item = await purchase.told(order)
    with counted(monkeypatch) as ran:
        await apply_callback(purchase.installation, purchase.shop.id, item)
    assert await purchase.status(order) == "delivered"
    assert len(ran) == 8

    desk = MailDesk(FolderMailer(tmp_path, "shop@x.test"), ThemedMails())
    for kind in ("mail.order_delivered", "mail.merchant_order"):
        async with database.transaction(purchase.shop.id) as tx:
            mail = await tx.value(
                "select id from outbox where shop_id = $1 and kind = $2 and subject_id = $3",
                purchase.shop.id, kind, order,
            )  # fmt: skip
        with counted(monkeypatch) as ran:
            await HANDLERS[kind](purchase.installation, desk, purchase.shop.id, mail)
        assert len(ran) == 4
