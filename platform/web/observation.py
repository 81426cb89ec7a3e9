"""Every request gets an id, a log line and a measurement.

The id is made here or taken from `X-Request-Id`, goes back in the answer, stands in every log line
of the request and in `scope["state"]["request_id"]`. The log line carries the path with whatever
looks like a secret hidden (an order's address is its key), and never the query or the body.
"""

import re
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keystall.platform.ids import new_request_id
from keystall.platform.metrics import REQUEST_SECONDS

_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_TOKEN = re.compile(r"(?=[^/]*[A-Z0-9])[A-Za-z0-9_=-]{16,}")
_QUIET = frozenset({"/healthz", "/readyz"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = structlog.get_logger("keystall.access")
_timers: dict[tuple[str, str, int], Any] = {}


def loggable_path(path: str) -> str:
    """`path` with every segment hidden that may hold a token: long, and not plain words."""
    return "/".join("*" if _TOKEN.search(part) else part for part in path[:500].split("/"))


class Ready(NamedTuple):
    """An answer that is known without asking further: `headers` are complete but for the request's
    id; `route` and `path` are what is measured and logged, and `facts` what stands beside them."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    route: str
    path: str
    facts: Mapping[str, str]


Known: TypeAlias = Callable[[Scope], Ready | None]
"""What answers a request by itself, before any other layer; None where it does not."""


class ObservationMiddleware:
    """The outermost layer: what it does not see did not happen."""

    def __init__(self, app: ASGIApp, known: Known | None = None) -> None:
        self.app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._watch_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        ready = self._known(scope) if self._known is not None else None
        if ready is not None:
            await _give(ready, scope, send, began)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        header = (b"x-request-id", request_id.encode())
        status = 500
        first_byte = 0.0

        async def send_with_id(message: Message) -> None:
            nonlocal status, first_byte
            if message["type"] == "http.response.start":
                status = message["status"]
                first_byte = perf_counter()
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            _log.exception("request failed", method=scope["method"])
            raise
        finally:
            route = getattr(scope.get("route"), "path", "other")
            path = "" if scope["path"] in _QUIET else loggable_path(scope["path"])
            _record(scope["method"], route, path, status, (first_byte or perf_counter()) - began)

    async def _watch_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket has an id and a log line as requests have; the line comes at its end."""
        began = perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        code = 0

        async def receive_noting() -> Message:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = code or message.get("code", 0)
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal code
            if message["type"] in ("websocket.accept", "websocket.http.response.start"):
                header = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), header]
            code = message.get("code", message.get("status", code))
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive_noting, send_with_id)
        finally:
            seconds = round(perf_counter() - began, 1)
            _log.info("websocket", path=loggable_path(scope["path"]), code=code, seconds=seconds)


async def _give(ready: Ready, scope: Scope, send: Send, began: float) -> None:
    """Sends what is known. No line but the one below is logged on the way, so the request's id
    stands in this one alone and is bound to nothing."""
    request_id = _request_id(scope)
    headers = [*ready.headers, (b"x-request-id", request_id.encode())]
    await send({"type": "http.response.start", "status": ready.status, "headers": headers})
    seconds = perf_counter() - began
    await send({"type": "http.response.body", "body": ready.body})
    _record(
        scope["method"], ready.route, ready.path, ready.status, seconds,
        request_id=request_id, **ready.facts,
    )  # fmt: skip


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTED_ID.fullmatch(value):
            given: str = value.decode()
            return given
    return new_request_id()


def _record(method: str, route: str, path: str, status: int, seconds: float, **facts: str) -> None:
    """Measures a request, and logs it unless its `path` is empty."""
    if method not in _METHODS:
        method = "other"
    key = (method, route, status)
    timer = _timers.get(key)
    if timer is None:
        timer = _timers[key] = REQUEST_SECONDS.labels(method, route, str(status))
    timer.observe(seconds)
    if path:
        ms = round(seconds * 1000, 2)
        _log.info("request", method=method, path=path, status=status, ms=ms, **facts)
