"""One web process: uvicorn on uvloop and httptools.

    python -m keystall.platform.web.server APP [--bind ADDR] [--port N] [--fd N]

APP is `module:name` of an ASGI application. Several processes serve one address by inheriting one
listening socket (`--fd`): whatever one of them leaves unanswered when it dies, another accepts.
"""

import argparse
import asyncio
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from keystall.platform.collection import nothing_is_garbage
from keystall.platform.logs import configure_logs
from keystall.platform.metrics import serve_metrics
from keystall.platform.settings import Settings, load_settings
from keystall.platform.web.frames import FramesProtocol

STOP_SECONDS = 2
"""How long answers that have begun may take to end. Open streams are told before that."""

MESSAGE_BYTES = 64 * 1024
"""What one message over a WebSocket may have; a longer one closes it (1009). Uncompressed, so that
none is longer than it came."""

PING_SECONDS = 20
"""How often a WebSocket is pinged, and how long it may take to answer."""

END_STREAMS = "keystall.end_streams"
"""Where an application leaves, in the state of its lifespan, what has its open streams end."""

_LAST_WORDS_SECONDS = 0.1

SWITCH_SECONDS = 0.0005
"""How long a thread at work may keep the loop waiting each time that it wakes up. Python's own is
ten times that: a page that needs twenty steps of the loop would wait for 0.1 s while a file is
looked at in a thread."""


class _Server(uvicorn.Server):
    """Has open streams end before uvicorn closes what is open: each says so in its own words."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end = self.lifespan.state.get(END_STREAMS)
        if end is not None:
            end()
            await asyncio.sleep(_LAST_WORDS_SECONDS)
        await super().shutdown(sockets)


def serve(settings: Settings, app: str, *, bind: str, port: int, fd: int | None = None) -> None:
    """Serve `app` until SIGTERM or SIGINT. Logs and metrics are set up here."""
    configure_logs(settings)
    if settings.metrics_port:
        serve_metrics(settings.metrics_port)
    sys.setswitchinterval(SWITCH_SECONDS)
    server = server_of(settings, app, bind=bind, port=port)
    with nothing_is_garbage():
        server.config.load()
    server.run(sockets=[socket.socket(fileno=fd)] if fd is not None else None)
    if not server.started:
        raise SystemExit(3)


def server_of(
    settings: Settings, app: ASGIApp | str, *, bind: str = "127.0.0.1", port: int = 0
) -> uvicorn.Server:
    """The server of `app`, not running yet."""
    config = uvicorn.Config(
        app,
        host=bind,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=FramesProtocol,
        ws_max_size=MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips or None,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="on",
    )
    return _Server(config)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m keystall.platform.web.server")
    parser.add_argument("app")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fd", type=int)
    asked = parser.parse_args()
    serve(load_settings(), asked.app, bind=asked.bind, port=asked.port, fd=asked.fd)


if __name__ == "__main__":
    main()
