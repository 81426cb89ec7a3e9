"""Asking a provider for money, and taking in what it says.

A callback is verified, stored once and answered; `application.py` applies it in a job. A payment
is announced to its provider outside of any transaction, and may be announced again at will.
"""

from collections.abc import Mapping
from uuid import UUID

import structlog

from keystall.platform import database
from keystall.platform.database import Reads
from keystall.platform.payments.port import (
    Charge,
    PaymentProvider,
    ProviderRefused,
    ProviderUnavailable,
)
from keystall.platform.payments.registry import SECRET_FIELDS, UnknownProvider, provider_for
from keystall.platform.payments.stripe.keys import UnusableKey
from keystall.tenants.installation import Installation
from keystall.tenants.orders.tokens import order_token
from keystall.tenants.payments.inbox import receive_notice
from keystall.tenants.payments.returning import TOKEN, return_address
from keystall.tenants.payments.secrets import account_secrets
from keystall.tenants.shops.shop import Shop

_log = structlog.get_logger()


async def provider_of(
    installation: Installation, shop: UUID, account: UUID, *, provider: str
) -> PaymentProvider:
    """The adapter of a payment account; the account's id is the merchant id at the sandbox.

    Raises UnknownProvider, also where the account's keys were taken out or cannot be read.
    """
    secrets: dict[str, str] = {}
    if provider in SECRET_FIELDS:
        async with database.transaction(shop) as tx:
            secrets = await account_secrets(tx, installation.keys, shop, account)
    try:
        return provider_for(
            provider, str(account), installation.settings, installation.http, secrets=secrets
        )
    except UnusableKey as error:
        raise UnknownProvider(provider) from error


async def can_send(installation: Installation, shop: UUID, account: UUID, *, provider: str) -> bool:
    """Whether the account's provider can be asked to send money back, as things stand here; it is
    not asked."""
    try:
        return (await provider_of(installation, shop, account, provider=provider)).can_refund
    except UnknownProvider:
        return False


async def start_payment(installation: Installation, shop: Shop, order: UUID) -> str | None:
    """Announces an order's payment; answers where the buyer pays.

    Safe to repeat: a provider that knows the payment answers the same address. None where the
    order is not waiting for payment or the provider does not answer; the order stands either way.
    """
    row = await database.alone(shop.id).row(
        """
        select payments.id, payments.amount, payments.currency, redirect_url, return_url,
               provider, account_id, number, locale, expires_at
        from orders join payments on payments.shop_id = $1 and order_id = orders.id
        join payment_accounts on payment_accounts.shop_id = $1
          and payment_accounts.id = account_id
        where orders.shop_id = $1 and orders.id = $2 and status = 'pending' and {named}
        order by payments.id desc limit 1
        """,
        shop.id, order,
    )  # fmt: skip
    if row is None or row["redirect_url"]:
        return row["redirect_url"] if row else None
    address = installation.settings.shop_url(shop.slug)
    token = order_token(installation.keys, shop.id, order)
    charge = Charge(
        reference=str(row["id"]),
        amount=row["amount"],
        currency=row["currency"],
        description=f"{shop.name} {row['number']}",
        locale=row["locale"],
        notify_url=f"{address}/callbacks/{row['provider']}/{row['account_id']}",
        return_url=return_address(row["return_url"] or f"{address}/order/{TOKEN}", token),
        expires_at=row["expires_at"],
    )
    try:
        provider = await provider_of(
            installation, shop.id, row["account_id"], provider=row["provider"]
        )
        started = await provider.start(charge)
    except (ProviderUnavailable, ProviderRefused, UnknownProvider) as error:
        _log.warning("payment not started", shop=str(shop.id), error=type(error).__name__)
        return None
    await database.alone(shop.id).execute(
        "update payments set redirect_url = $3, provider_reference = $4"
        " where shop_id = $1 and id = $2 and {named}",
        shop.id, row["id"], started.redirect_url, started.provider_reference,
    )  # fmt: skip
    return started.redirect_url


async def receive_callback(
    installation: Installation,
    shop: Shop,
    *,
    provider: str,
    account: UUID,
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[int, bytes]:
    """Verifies a callback and stores it once; answers the status and body the provider expects.

    A repeat is answered like the first. Raises UnknownAccount, and the port's ForgedNotice and
    MalformedNotice, with nothing stored.
    """
    adapter = await provider_of(installation, shop.id, account, provider=provider)
    notice = adapter.verify(headers, body)
    if notice is None:
        return adapter.acknowledgement
    if await receive_notice(shop.id, notice, provider=provider, account=account, body=body):
        await installation.queue.signal()
    return adapter.acknowledgement


async def open_payment_accounts(db: Reads, shop: UUID) -> list[tuple[UUID, str, bool]]:
    """Accounts (id, provider, whether it takes play money) through which buyers can pay now."""
    rows = await db.rows(
        """
        select id, provider, provider = 'sandbox' or details ->> 'mode' = 'test' as play
        from payment_accounts where shop_id = $1 and enabled and removed_at is null order by id
        """,
        shop,
    )
    return [(row["id"], row["provider"], bool(row["play"])) for row in rows]
