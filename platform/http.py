"""Our outgoing HTTP: one client a process, short timeouts, no redirects unless asked for.

Names below `.localhost` are this machine by RFC 6761, section 6.3, but Python's resolver does not
know it: requests to them connect to 127.0.0.1, and the Host header keeps the name that was meant.
"""

from collections.abc import Mapping

import httpx2

from keystall.platform.settings import Settings

LOOPBACK = "127.0.0.1"
_TIMEOUT = httpx2.Timeout(5.0, connect=2.0)
_LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=20)


def http_client(connect_to: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
    """A client to share and to `aclose()` at the end.

    `connect_to` maps an authority as it stands in URLs ("pay.example:8443", or without the port
    where the URL has none) to the "address:port" that is really connected to; Host and the name
    asked for in TLS stay.
    Timeouts: 2 s to connect, 5 s for each read and write; a call may ask for shorter ones.
    """
    return httpx2.AsyncClient(
        transport=_Redirected(connect_to or {}), timeout=_TIMEOUT, follow_redirects=False
    )


def client_from(settings: Settings) -> httpx2.AsyncClient:
    """The client of a web or worker process: as `http_client`, and `sandbox_connect` obeyed."""
    if not (settings.sandbox_url and settings.sandbox_connect):
        return http_client()
    return http_client({httpx2.URL(settings.sandbox_url).netloc.decode(): settings.sandbox_connect})


class _Redirected(httpx2.AsyncHTTPTransport):
    """Connects elsewhere than the URL says, where the rules above say so."""

    def __init__(self, connect_to: Mapping[str, str]) -> None:
        super().__init__(limits=_LIMITS)
        self._connect_to = dict(connect_to)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        target = self._target(request.url)
        if target is None:
            return await super().handle_async_request(request)
        moved = httpx2.Request(
            request.method,
            target,
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return await super().handle_async_request(moved)

    def _target(self, url: httpx2.URL) -> httpx2.URL | None:
        elsewhere = self._connect_to.get(url.netloc.decode("ascii"))
        if elsewhere is not None:
            address, _, port = elsewhere.rpartition(":")
            return url.copy_with(host=address, port=int(port))
        if url.host == "localhost" or url.host.endswith(".localhost"):
            return url.copy_with(host=LOOPBACK)
        return None
