"""Which adapter serves a payment account."""

import httpx2

from keystall.platform.payments.port import PaymentProvider
from keystall.platform.payments.sandbox import SandboxProvider
from keystall.platform.settings import Settings


class UnknownProvider(LookupError):
    """No such provider in this installation, or it is switched off."""


def provider_for(
    name: str, merchant_id: str, settings: Settings, http: httpx2.AsyncClient
) -> PaymentProvider:
    """The adapter `name` for one merchant account, over the process's shared `http`.

    Cheap: make one whenever needed. Raises `UnknownProvider`, and `UnusableSecret` where the
    provider's secret is empty or a placeholder.
    """
    if name == SandboxProvider.name and settings.sandbox_url:
        return SandboxProvider(
            merchant_id, secret=settings.sandbox_secret, url=settings.sandbox_url, http=http
        )
    raise UnknownProvider(name)
