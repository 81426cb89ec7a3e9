"""Whom a request asks: the host's name, which decides over the shop."""

from functools import lru_cache

from starlette.datastructures import URL
from starlette.types import Scope

_LONGEST = 300
"""A name has 253 characters at most (RFC 1035, 2.3.4), a port six; a longer one is not kept."""


def host_name(scope: Scope) -> str:
    """The name of the host that a request or a WebSocket asks, in small letters and without its
    port, as starlette reads it; empty where none is told. What was read before is known: reading an
    address takes longer than all else that is to be known of who asks."""
    told = next((value for name, value in scope["headers"] if name == b"host"), b"")
    server = scope.get("server")
    read = _read if len(told) <= _LONGEST else _read.__wrapped__
    name: str = read(told, tuple(server) if server else None)
    return name


@lru_cache(maxsize=1024)
def _read(told: bytes, server: tuple[str, int | None] | None) -> str:
    headers = [(b"host", told)] if told else []
    return URL(scope={"path": "/", "headers": headers, "server": server}).hostname or ""
