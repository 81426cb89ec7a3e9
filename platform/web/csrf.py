"""No other site acts through a visitor's browser.

A request that may change something must come from a page of the same origin: the browser says so in
`Sec-Fetch-Site`, or else in `Origin` (compared with Host, port included). A request that says
neither is no browser's; it passes only without cookies, so that it carries nobody's authority.
A WebSocket counts as such a request: no other rule of browsers keeps foreign pages from opening it.
Some paths are meant for strangers (gateway callbacks, the storefront API): there a foreign request
passes, but its cookies are taken off it. After OWASP's Cross-Site Request Forgery Prevention.
"""

from collections.abc import Sequence

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSAL = "This request did not come from a page of this site. Open the page again and retry.\n"


class CsrfMiddleware:
    """Refuses foreign requests with 403. `open_paths` are prefixes meant for strangers."""

    def __init__(self, app: ASGIApp, *, open_paths: Sequence[str] = ()) -> None:
        self.app = app
        self._open_paths = tuple(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get("method") in _SAFE_METHODS or _is_own(scope):
            await self.app(scope, receive, send)
        elif self._open_paths and scope["path"].startswith(self._open_paths):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse(REFUSAL, 403)(scope, receive, send)


def _is_own(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    if site is not None:
        return bool(site == b"same-origin")
    if origin is not None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        # Split by hand: what is no origin is nobody's, and no error.
        return bool(host) and origin.decode("latin-1").lower().partition("://")[2] == host
    return b"cookie" not in headers
