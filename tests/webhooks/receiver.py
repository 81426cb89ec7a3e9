"""A merchant's own server on a real socket: it keeps what it is sent, and answers as told."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

HOST = "hooks.localhost"
"""The host that tests let webhooks reach on this machine."""
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthere"


@dataclass(frozen=True)
class Got:
    """One request: its line, headers by lower-case name, body."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """`answers` are sent in turn, the last one again and again; `connections` counts all."""

    port: int = 0
    answers: list[bytes] = field(default_factory=lambda: [OK])
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    during: Callable[[], Awaitable[None]] | None = None
    """Awaited before the answer."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = (line.partition(":") for line in head[1:] if line)
            headers = {name.lower(): value.strip() for name, _, value in fields}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.got.append(Got(head[0], headers, body))
            if self.during is not None:
                await self.during()
            writer.write(self.answers[0] if len(self.answers) == 1 else self.answers.pop(0))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A running receiver at any free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An answer as it goes over the wire; underscores in names are hyphens."""
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def signatures(got: Got, secret: str) -> list[str]:
    """What `secret` should have signed the request with, by the specification alone; and the
    library that receivers are told to use takes it."""
    assert Webhook(secret).verify(got.body, dict(got.headers)) == got.json()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    return ["v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()]


def verified(got: Got, secret: str) -> bool:
    """Whether a request was signed with the secret."""
    try:
        Webhook(secret).verify(got.body, dict(got.headers))
    except WebhookVerificationError:
        return False
    return True
