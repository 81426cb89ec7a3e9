"""Payment accounts as their merchant keeps them: connected, changed, turned off, removed.

A key is tried with the provider before it is kept. What was typed is checked and the provider is
asked outside of any transaction; the transaction then writes what was found.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from keystall.platform import database
from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.platform.payments.port import ProviderRefused, ProviderUnavailable
from keystall.platform.payments.registry import SECRET_FIELDS, stripe_account
from keystall.platform.payments.stripe.keys import (
    UnusableKey,
    check_secret_key,
    check_webhook_secret,
)
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.payments.secrets import (
    account_secrets,
    secret_hints,
    secrets_forget,
    secrets_keep,
)
from keystall.tenants.shops.shop import Shop
from keystall.tenants.writing import Writing, writing

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StripeKeys:
    """What a merchant types. Empty: as it is; a webhook secret that there is none of yet is got
    by making the endpoint."""

    secret_key: str = ""
    webhook_secret: str = ""


@dataclass(frozen=True, slots=True)
class PaymentAccountView:
    """An account. `mode`: test or live, empty where a provider has none of that; `hints`: the ends
    of its secrets by field; `webhook_by_hand`: its endpoint was entered, not made by us."""

    id: UUID
    provider: str
    enabled: bool
    mode: str
    hints: dict[str, str]
    webhook_by_hand: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """An account as it is before a change; new: without anything."""

    id: UUID
    is_new: bool
    details: dict[str, Any]
    secrets: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the provider said to the keys that were typed."""

    mode: str
    account: str
    webhook_endpoint: str
    webhook_secret: str


async def payment_accounts(db: Reads, shop: UUID) -> list[PaymentAccountView]:
    """The shop's accounts, oldest first, without removed ones."""
    rows = await db.rows(
        "select id, provider, enabled, details from payment_accounts"
        " where shop_id = $1 and removed_at is null order by id",
        shop,
    )  # fmt: skip
    hints = await secret_hints(db, shop)
    return [
        PaymentAccountView(
            id=row["id"],
            provider=row["provider"],
            enabled=row["enabled"],
            mode=row["details"].get("mode", "test" if row["provider"] == "sandbox" else ""),
            hints=hints.get(row["id"], {}),
            webhook_by_hand=not row["details"].get("webhook_endpoint"),
        )
        for row in rows
    ]


def callback_address(installation: Installation, shop: Shop, provider: str, account: UUID) -> str:
    """Where a provider calls back about an account of the shop."""
    address = installation.settings.shop_url(shop.slug)
    return f"{address}/callbacks/{provider}/{account}"


async def stripe_connect(
    installation: Installation, shop: Shop, keys: StripeKeys, *, account: UUID | None = None
) -> UUID:
    """Keeps Stripe keys, as a new account or in place of those of `account`; answers its id.

    Refuses REQUIRED, INVALID, PLACEHOLDER, KEY_REFUSED, OTHER_ACCOUNT and PROVIDER_AWAY at the
    field; WEBHOOK_REFUSED and WEBHOOK_RIGHTS where the endpoint could not be made; TAKEN where the
    shop has a Stripe account already; NOT_FOUND.
    """
    keys = StripeKeys(keys.secret_key.strip(), keys.webhook_secret.strip())
    kept = await _kept(installation, shop.id, account)
    _check(keys, kept)
    found = await _try(installation, shop, kept, keys)
    secrets = {"webhook_secret": found.webhook_secret}
    if keys.secret_key:
        secrets["secret_key"] = keys.secret_key
    details = {
        "mode": found.mode, "account": found.account, "webhook_endpoint": found.webhook_endpoint,
    }  # fmt: skip
    async with writing(installation, shop.id) as tx:
        await _write(tx, shop.id, kept, details)
        await secrets_keep(tx, installation.keys, shop.id, kept.id, secrets)
        tx.announce("shop")
    return kept.id


async def payment_account_set_enabled(
    installation: Installation, shop: UUID, account: UUID, *, enabled: bool
) -> None:
    """Opens an account to buyers, or closes it: what was begun with it goes on.

    Refuses NOT_FOUND.
    """
    async with writing(installation, shop) as tx:
        changed = await tx.execute(
            "update payment_accounts set enabled = $3 where shop_id = $1 and id = $2"
            " and removed_at is null",
            shop, account, enabled,
        )  # fmt: skip
        if not changed:
            raise refuse("NOT_FOUND", "id")
        tx.announce("shop")


async def payment_account_remove(installation: Installation, shop: UUID, account: UUID) -> None:
    """Takes an account out and forgets its keys: refunds of what it took are the merchant's to
    send, at the provider.

    Refuses NOT_FOUND; CONFLICT for one that has no keys and comes with the installation; IN_USE
    while orders wait for a payment through it.
    """
    async with writing(installation, shop) as tx:
        removed = await tx.row(
            "update payment_accounts set removed_at = now(), enabled = false"
            " where shop_id = $1 and id = $2 and removed_at is null returning provider, details",
            shop, account,
        )  # fmt: skip
        if removed is None:
            raise refuse("NOT_FOUND", "id")
        if removed["provider"] not in SECRET_FIELDS:
            raise refuse("CONFLICT", "id")
        waiting = await tx.value(
            "select count(*) from payments join orders on orders.shop_id = $1"
            " and orders.id = order_id where payments.shop_id = $1 and account_id = $2"
            " and status = 'pending'",
            shop, account,
        )  # fmt: skip
        if waiting:
            raise refuse("IN_USE", "id", count=waiting)
        secrets = await account_secrets(tx, installation.keys, shop, account)
        await secrets_forget(tx, shop, account)
        tx.announce("shop")
    await _close_endpoint(installation, secrets, removed["details"])


def _check(keys: StripeKeys, kept: _Kept) -> None:
    """What can be told from the text alone."""
    errors = []
    for field, text, check in (
        ("secret_key", keys.secret_key, check_secret_key),
        ("webhook_secret", keys.webhook_secret, check_webhook_secret),
    ):
        if not text and (field in kept.secrets or field == "webhook_secret"):
            continue
        try:
            check(text)
        except UnusableKey as error:
            errors.append(UserError(error.code, (field,)))
    if errors:
        raise Refused(*errors)


async def _kept(installation: Installation, shop: UUID, account: UUID | None) -> _Kept:
    async with database.transaction(shop) as tx:
        row = await tx.row(
            "select id, details from payment_accounts where shop_id = $1 and provider = 'stripe'"
            " and removed_at is null",
            shop,
        )  # fmt: skip
        if account is None:
            if row is not None:
                raise refuse("TAKEN", "provider")
            return _Kept(new_id(), True, {}, {})
        if row is None or row["id"] != account:
            raise refuse("NOT_FOUND", "id")
        secrets = await account_secrets(tx, installation.keys, shop, account)
    return _Kept(account, False, row["details"], secrets)


async def _try(installation: Installation, shop: Shop, kept: _Kept, keys: StripeKeys) -> _Found:
    """Asks Stripe about the keys, and makes the endpoint where there is none."""
    key = keys.secret_key or kept.secrets["secret_key"]
    at_stripe = stripe_account(key, installation.settings, installation.http)
    try:
        account = await at_stripe.account_id()
    except ProviderUnavailable:
        raise refuse("PROVIDER_AWAY", "secret_key") from None
    except ProviderRefused:
        raise refuse("KEY_REFUSED", "secret_key") from None
    before = kept.details.get("account", "")
    if account and before and account != before:
        # What was sold through the other account could not be refunded any more.
        raise refuse("OTHER_ACCOUNT", "secret_key")
    endpoint, secret = "", keys.webhook_secret
    if not secret and kept.details.get("mode") == at_stripe.mode:
        endpoint = kept.details.get("webhook_endpoint", "")
        secret = kept.secrets.get("webhook_secret", "")
    if not secret:
        address = callback_address(installation, shop, "stripe", kept.id)
        try:
            made = await at_stripe.open_endpoint(address, str(kept.id))
        except ProviderUnavailable:
            raise refuse("PROVIDER_AWAY", "secret_key") from None
        except ProviderRefused as refusal:
            code = "WEBHOOK_RIGHTS" if refusal.code == "permission" else "WEBHOOK_REFUSED"
            raise refuse(code, "webhook_secret", address=address) from None
        endpoint, secret = made.id, made.secret
    return _Found(at_stripe.mode, account or before, endpoint, secret)


async def _write(tx: Writing, shop: UUID, kept: _Kept, details: dict[str, str]) -> None:
    if not kept.is_new:
        await tx.execute(
            "update payment_accounts set details = $3 where shop_id = $1 and id = $2",
            shop, kept.id, details,
        )  # fmt: skip
        return
    made = await tx.execute(
        """
        insert into payment_accounts (shop_id, id, provider, settles_with, details)
        values ($1, $2, 'stripe', 'merchant', $3)
        on conflict (shop_id, provider) where removed_at is null do nothing
        """,
        shop, kept.id, details,
    )  # fmt: skip
    if not made:
        raise refuse("TAKEN", "provider")


async def _close_endpoint(
    installation: Installation, secrets: dict[str, str], details: dict[str, Any]
) -> None:
    """Deletes the endpoint that we made. Should that fail, Stripe calls for a while, is refused,
    and stops by itself."""
    endpoint, key = details.get("webhook_endpoint"), secrets.get("secret_key")
    if not (endpoint and key):
        return
    at_stripe = stripe_account(key, installation.settings, installation.http)
    try:
        await at_stripe.close_endpoint(endpoint)
    except (ProviderUnavailable, ProviderRefused) as error:
        _log.warning("webhook endpoint not deleted", error=type(error).__name__)
