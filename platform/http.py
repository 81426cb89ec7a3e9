"""Our outgoing HTTP: one client a process, short timeouts, no redirects unless asked for.

Two kinds of client. `http_client` asks whom we chose: gateways, providers. `outside_client` asks
where a stranger told us to, and reaches nothing inside, whatever the stranger's names resolve to.

Names below `.localhost` are this machine by RFC 6761, section 6.3, but Python's resolver does not
know it: requests to them connect to 127.0.0.1, and the Host header keeps the name that was meant.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import httpx2

from keystall.platform.addresses import is_outside
from keystall.platform.settings import Settings

LOOPBACK = "127.0.0.1"
_TIMEOUT = httpx2.Timeout(5.0, connect=2.0)
OUTSIDE_PORTS = frozenset({443, 8443})
"""Ports of strangers' servers. No other: what answers there is hardly meant to be posted to."""
OUTSIDE_SECONDS = 15.0
"""As long as a request to a stranger may take in all."""
_OUTSIDE_TIMEOUT = httpx2.Timeout(OUTSIDE_SECONDS, connect=5.0)
_ADDRESSES_TRIED = 3
_RESOLVING = ThreadPoolExecutor(8, thread_name_prefix="resolve")
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


@cache
def _system_trust() -> ssl.SSLContext:
    """The system's certificates: 20 ms to read, so once a process."""
    return httpx2.create_ssl_context()


Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address of a host, A and AAAA. Raises OSError where it has none."""


class NotOutside(Exception):
    """A stranger named an address that is not to be connected to; nothing was sent."""


@dataclass(frozen=True, slots=True)
class OutsideAnswer:
    """What a stranger's server answered: headers by lower-case name, of the body the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def outside_client(
    inside: str = "", resolve: Resolve | None = None, trust: ssl.SSLContext | None = None
) -> httpx2.AsyncClient:
    """A client for addresses that strangers name, to share and to `aclose()` at the end.

    Each request resolves its host once, and goes to the very address that was judged: https, on one
    of OUTSIDE_PORTS, every address of the host outside, the certificate of the host's name. What
    is not so is NotOutside. It follows no redirects, uses no proxy, and no connection a second
    time, which could be of another host at the same address.
    `inside` is one host, for tests and demos, that may be on this machine, by http and on any port.
    `resolve` stands in for the system's resolver, `trust` for its certificates.
    """
    return httpx2.AsyncClient(
        transport=_Outside(inside, resolve or resolved, trust or _system_trust()),
        timeout=_OUTSIDE_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
    )


async def post_outside(
    client: httpx2.AsyncClient, url: str, *, headers: Mapping[str, str], body: bytes, most: int
) -> OutsideAnswer:
    """Posts to a stranger's address and reads at most `most` bytes of the answer.

    A body that is longer, or dribbles, is cut short; the status counts. Raises NotOutside, and
    httpx2.HTTPError or TimeoutError where no answer came in OUTSIDE_SECONDS.
    """
    read = bytearray()
    answered: httpx2.Response | None = None
    try:
        async with asyncio.timeout(OUTSIDE_SECONDS):
            sent = {**headers, "accept-encoding": "identity"}
            async with client.stream("POST", url, headers=sent, content=body) as response:
                answered = response
                async for piece in response.aiter_raw():
                    read += piece
                    if len(read) >= most:
                        break
    except (httpx2.HTTPError, TimeoutError):
        if answered is None:
            raise
    except httpx2.InvalidURL as error:
        raise NotOutside("no address at all") from error
    return OutsideAnswer(answered.status_code, dict(answered.headers), bytes(read[:most]))


def client_from(settings: Settings) -> httpx2.AsyncClient:
    """The client of a web or worker process: as `http_client`, and `sandbox_connect` obeyed."""
    if not (settings.sandbox_url and settings.sandbox_connect):
        return http_client()
    return http_client({httpx2.URL(settings.sandbox_url).netloc.decode(): settings.sandbox_connect})


class _Redirected(httpx2.AsyncHTTPTransport):
    """Connects elsewhere than the URL says, where the rules above say so."""

    def __init__(self, connect_to: Mapping[str, str]) -> None:
        super().__init__(verify=_system_trust(), limits=_LIMITS)
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


async def resolved(host: str, port: int) -> Sequence[str]:
    """Every address of a host, by the system's resolver; of a literal one its plain form.

    In threads of its own: a stranger's name server may take its time, and nothing can be told to
    stop waiting for it.
    """
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_RESOLVING, _addresses, host, port)
    return list(dict.fromkeys(found))


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class _Outside(httpx2.AsyncHTTPTransport):
    """Connects to nothing but what was judged, by the rules of `outside_client`."""

    def __init__(self, inside: str, resolve: Resolve, trust: ssl.SSLContext) -> None:
        limits = httpx2.Limits(max_keepalive_connections=0)
        super().__init__(verify=trust, limits=limits, trust_env=False)
        self._inside, self._resolve = inside, resolve

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.raw_host.decode("ascii")
        refused: httpx2.ConnectError | None = None
        for address in (await self._judged(request.url, host))[:_ADDRESSES_TRIED]:
            moved = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await super().handle_async_request(moved)
            except httpx2.ConnectError as error:
                refused = error
        raise refused or httpx2.ConnectError("the host has no address")

    async def _judged(self, url: httpx2.URL, host: str) -> Sequence[str]:
        if self._inside and host == self._inside and url.scheme in ("http", "https"):
            return [LOOPBACK]
        if url.scheme != "https" or (url.port or 443) not in OUTSIDE_PORTS or url.userinfo:
            raise NotOutside("neither https nor one of its ports")
        try:
            async with asyncio.timeout(_OUTSIDE_TIMEOUT.connect):
                addresses = await self._resolve(host, url.port or 443)
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError("the host is not known") from error
        # One that is inside is enough: which of them a client takes is the stranger's choice.
        if not all(is_outside(address) for address in addresses):
            raise NotOutside("the host has an address inside")
        return addresses
