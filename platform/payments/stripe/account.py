"""A merchant's Stripe account: whether its keys work, and the webhook endpoint we keep there."""

from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic import BaseModel

from keystall.platform.payments.port import ProviderRefused
from keystall.platform.payments.stripe.keys import check_secret_key
from keystall.platform.payments.stripe.provider import EVENTS
from keystall.platform.payments.stripe.reading import ACCOUNT, read
from keystall.platform.payments.stripe.transport import asked, client


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint of ours, and the secret its events are signed with."""

    id: str
    secret: str


class _Account(BaseModel):
    id: str


class _Endpoint(BaseModel):
    id: str
    url: str
    secret: str = ""


class _Endpoints(BaseModel):
    data: list[_Endpoint]


class StripeAccount:
    """What the holder of a secret or restricted key may ask. Raises `UnusableKey` at once.

    Every method raises `ProviderUnavailable`, and `ProviderRefused`, whose code is
    "authentication" for a key that Stripe does not know (any more) and "permission" where a
    restricted key may not do that.
    """

    def __init__(self, key: str, *, url: str, http: httpx2.AsyncClient) -> None:
        self.mode = check_secret_key(key)
        self._client = client(key, url=url, http=http)

    async def account_id(self) -> str:
        """Which account the key belongs to; empty where a restricted key may not know."""
        try:
            found = await asked(self._client.v1.accounts.retrieve_current_async())
        except ProviderRefused as refusal:
            if refusal.code == "permission":
                return ""
            raise
        return read(_Account, found).id

    async def open_endpoint(self, address: str, account: str) -> Endpoint:
        """A new endpoint at `address`, in place of any that we had there."""
        for old in await self._endpoints(address):
            await self.close_endpoint(old)
        events: list[Any] = list(EVENTS)
        made = await asked(
            self._client.v1.webhook_endpoints.create_async(
                {
                    "url": address,
                    "enabled_events": events,
                    "description": "Keystall",
                    "metadata": {ACCOUNT: account},
                }
            )
        )
        endpoint = read(_Endpoint, made)
        return Endpoint(endpoint.id, endpoint.secret)

    async def close_endpoint(self, endpoint: str) -> None:
        """Deletes an endpoint; one that is gone already is no fault."""
        try:
            await asked(self._client.v1.webhook_endpoints.delete_async(endpoint))
        except ProviderRefused as refusal:
            if refusal.code != "resource_missing":
                raise

    async def _endpoints(self, address: str) -> list[str]:
        found = await asked(self._client.v1.webhook_endpoints.list_async({"limit": 100}))
        return [one.id for one in read(_Endpoints, found).data if one.url == address]
