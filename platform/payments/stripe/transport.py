"""Stripe's SDK over our own HTTP client, its errors as the port's.

The SDK would open connections of its own through libraries that we do not ship; ours has the
timeouts, the pool and the names of this machine.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import httpx2
import stripe
from stripe import HTTPClient, StripeClient

from keystall.platform.payments.port import ProviderRefused, ProviderUnavailable

# Sent once, and once more where the line broke: the key of idempotency makes that harmless.
_RETRIES = 1
_TIMEOUT = httpx2.Timeout(4.0, connect=2.0)
Answer = TypeVar("Answer")

# It would name this machine to Stripe, and write a file into the home of whoever runs us.
stripe.enable_telemetry = False


class SharedHttp(HTTPClient):
    """The SDK's requests through a client that others use, too, and that is never closed here."""

    name = "httpx2"

    def __init__(self, http: httpx2.AsyncClient) -> None:
        super().__init__()
        self._http = http

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self._http.request(
                method, url, headers=dict(headers), content=post_data, timeout=_TIMEOUT
            )
        except httpx2.TransportError as error:
            # Without the cause: its request holds the key.
            raise _broken(type(error).__name__) from None
        return answer.content, answer.status_code, answer.headers

    async def sleep_async(self, secs: float) -> None:
        """No pause before the second try: somebody waits for the answer."""


def _broken(reason: str) -> Exception:
    make: Any = stripe.APIConnectionError  # without types
    error: Exception = make(reason, should_retry=True)
    return error


def client(key: str, *, url: str, http: httpx2.AsyncClient) -> StripeClient:
    """Stripe as the holder of `key` sees it, at `url` (https://api.stripe.com, but for tests)."""
    return StripeClient(
        key,
        base_addresses={"api": url.rstrip("/")},
        max_network_retries=_RETRIES,
        http_client=SharedHttp(http),
    )


async def asked(call: Awaitable[Answer]) -> Answer:
    """The answer to an SDK call. Raises `ProviderUnavailable` and `ProviderRefused`, whose code is
    Stripe's (such as charge_already_refunded), its kind of error where it gives none."""
    try:
        return await call
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise ProviderUnavailable(type(error).__name__) from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderRefused(_KINDS[type(error)]) from None
    except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
        raise ProviderRefused(error.code or _KINDS[type(error)]) from None
    except stripe.StripeError as error:
        # Its own trouble (5xx), a lock (409), or no JSON at all: worth asking again.
        raise ProviderUnavailable(f"status {error.http_status}") from None


_KINDS: Mapping[type[stripe.StripeError], str] = {
    stripe.AuthenticationError: "authentication",
    stripe.PermissionError: "permission",
    stripe.InvalidRequestError: "invalid_request",
    stripe.CardError: "card",
    stripe.IdempotencyError: "idempotency",
}
