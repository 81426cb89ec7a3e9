"""The port to whoever keeps answers that are the same for everyone; a door wires it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from keystall.graphql.context import RequestContext
from keystall.tenants.shops.shop import Shop


class Keeps(Protocol):
    """Keeps whole answers, each by its shop, its address and the headers that it varies by; and the
    shops themselves."""

    async def shop(self, host: str, name: str) -> Shop | None:
        """The shop that answers at `host`, as a request has it, and without its port at `name`."""
        ...

    async def keep(self, request: Request, show: Callable[[], Awaitable[Response]]) -> Response:
        """The answer from memory; or what `show` answers, kept where it was `seen` to be for
        everyone. Many who ask for the same at once have it made once."""
        ...

    async def seen(self, request: Request, context: RequestContext) -> None:
        """Says, while what was read is still at hand, that the answer is the same for everyone."""
        ...
