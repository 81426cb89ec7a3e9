"""Which adapter serves a payment account, and what it must be told in secret.

An adapter is loaded with its first account: Stripe's SDK alone is a tenth of a second and 8 MB
of every process, also of those whose shops never use it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx2

from keystall.platform.payments.port import PaymentProvider
from keystall.platform.payments.sandbox import SandboxProvider
from keystall.platform.payments.stripe.amounts import NotChargeable, to_stripe
from keystall.platform.settings import Settings

if TYPE_CHECKING:
    from keystall.platform.payments.stripe.account import StripeAccount

_STRIPE = "stripe"
SECRET_FIELDS: Mapping[str, tuple[str, ...]] = {_STRIPE: ("secret_key", "webhook_secret")}
"""What a merchant enters for an account of a provider, and nobody reads again."""


class UnknownProvider(LookupError):
    """No such provider in this installation, or it is switched off."""


def provider_for(
    name: str,
    merchant_id: str,
    settings: Settings,
    http: httpx2.AsyncClient,
    *,
    secrets: Mapping[str, str] | None = None,
) -> PaymentProvider:
    """The adapter `name` for one merchant account, over the process's shared `http`.

    `secrets` are those of `SECRET_FIELDS`. Cheap: make one whenever needed. Raises
    `UnknownProvider`, and `UnusableSecret` or `UnusableKey` where a secret is empty or a
    placeholder.
    """
    if name == SandboxProvider.name and settings.sandbox_url:
        return SandboxProvider(
            merchant_id, secret=settings.sandbox_secret, url=settings.sandbox_url, http=http
        )
    if name == _STRIPE:
        from keystall.platform.payments.stripe.provider import StripeProvider  # noqa: PLC0415

        return StripeProvider(merchant_id, secrets or {}, url=settings.stripe_url, http=http)
    raise UnknownProvider(name)


def stripe_account(key: str, settings: Settings, http: httpx2.AsyncClient) -> "StripeAccount":
    """What the holder of a Stripe key may ask. Raises `UnusableKey`."""
    from keystall.platform.payments.stripe.account import StripeAccount  # noqa: PLC0415

    return StripeAccount(key, url=settings.stripe_url, http=http)


def can_charge(name: str, amount: int, currency: str) -> bool:
    """Whether a provider can take this amount (minor units) at all."""
    if name != _STRIPE:
        return True
    try:
        to_stripe(amount, currency)
    except NotChargeable:
        return False
    return True
