"""GraphQL over HTTP by somebody who knows that servers die, and asks again."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2

PATIENCE_SECONDS = 120.0


class Hopeless(Exception):
    """What was asked was refused where it must not be, or not answered for two minutes."""


class From(httpx2.AsyncHTTPTransport):
    """Comes from one address of this machine (Linux has all of 127.0.0.0/8) and goes to another,
    whatever host the URL names."""

    def __init__(self, address: str) -> None:
        super().__init__(local_address=address)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(host="127.0.0.1")
        return await super().handle_async_request(request)


class _Again(Exception):
    """The answer of a server that is dying or just back: worth asking again."""


@dataclass
class Asking:
    """One address and its client. `retries` counts why something was asked again."""

    http: httpx2.AsyncClient
    url: str
    slots: asyncio.Semaphore
    headers: dict[str, str] = field(default_factory=dict)
    retries: Counter[str] = field(default_factory=Counter)

    async def __call__(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of the answer; `document` must be safe to send again. Raises Hopeless."""
        answer = await self.post(self.url, {"query": document, "variables": variables})
        data: dict[str, Any] = answer["data"]
        return data

    async def post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a JSON body, asked for again while servers are dead."""
        pause = 0.1
        reason = ""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    try:
                        return await self._try(url, body)
                    except (httpx2.TransportError, _Again) as error:
                        reason = str(error) if isinstance(error, _Again) else type(error).__name__
                        self.retries[reason] += 1
                    await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                    pause = min(pause * 1.6, 2.0)
        except TimeoutError:
            raise Hopeless(f"no answer from {url} in {PATIENCE_SECONDS:.0f} s: {reason}") from None

    async def _try(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self.slots:
            response = await self.http.post(url, json=body, headers=self.headers)
        if response.status_code >= 500:
            raise _Again(f"status {response.status_code}")
        if response.status_code >= 400:
            raise Hopeless(f"{url}: {response.status_code} {response.text[:300]}")
        answer: dict[str, Any] = response.json()
        for error in answer.get("errors", ()):
            if error["extensions"]["code"] not in ("INTERNAL", "UNAVAILABLE"):
                raise Hopeless(str(error))
            raise _Again(error["extensions"]["code"])
        return answer
