"""What a client of WebSockets may do to the process, on the wire."""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.server import ServerState
from websockets.frames import Close

from keystall.platform.settings import Settings
from keystall.platform.web.frames import FRAMES_A_SECOND, FramesProtocol
from keystall.platform.web.server import server_of
from tests.graphql.streams.following import PATIENCE, listening

TEXT, CONTINUED, CLOSED, PING, PONG = 1, 0, 8, 9, 10
Opened = Callable[..., AbstractAsyncContextManager["Wire"]]


def a_frame(kind: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """A client's, masked with nothing; up to 125 bytes."""
    return bytes([last << 7 | kind, 0x80 | len(payload)]) + bytes(4) + payload


def a_handshake(path: str = "/", more: str = "") -> bytes:
    key = b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\n{more}\r\n"
    ).encode()


@dataclass
class Wire:
    """A connection whose handshake was sent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> bytes:
        """The answer to the handshake."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(PATIENCE):
            kind, length = await self.reader.readexactly(2)
            return kind & 15, await self.reader.readexactly(length)

    async def close(self) -> Close:
        """The server's close frame, whatever it says before."""
        while (frame := await self.frame())[0] != CLOSED:
            pass
        return Close.parse(frame[1])


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelname == "ERROR"]


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async for text in websocket.iter_text():
            await websocket.send_text(text)


@pytest.fixture
async def wire(settings: Settings) -> AsyncIterator[Opened]:
    async def app(scope: object, receive: object, send: object) -> None:
        websocket = WebSocket(scope, receive, send)  # type: ignore[arg-type]
        if websocket.url.path == "/refused":
            await websocket.send_denial_response(PlainTextResponse("no\n", 403))
        else:
            await echo(websocket)

    async with listening(settings, app) as port:

        @asynccontextmanager
        async def opened(path: str = "/", more: str = "") -> AsyncIterator[Wire]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(a_handshake(path, more))
            try:
                yield Wire(reader, writer)
            finally:
                writer.transport.abort()

        yield opened


@pytest.mark.parametrize(
    "flood",
    [
        a_frame(PING) * 2 * FRAMES_A_SECOND,
        a_frame(PONG) * 2 * FRAMES_A_SECOND,
        a_frame(TEXT, b"x") * 2 * FRAMES_A_SECOND,
        a_frame(TEXT, b"x", last=False) + a_frame(CONTINUED, last=False) * 2 * FRAMES_A_SECOND,
    ],
    ids=["pings", "pongs", "texts", "continuations"],
)
async def test_a_flood_of_small_frames_closes_the_connection(
    wire: Opened, flood: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with wire() as client:
        await client.head()
        client.writer.write(flood)
        close = await client.close()
        async with asyncio.timeout(PATIENCE):
            assert await client.reader.read() == b""
    assert (close.code, close.reason) == (1008, f"More than {FRAMES_A_SECOND} frames in a second")
    assert failures(caplog) == []


async def test_a_text_that_is_none_closes_the_connection_and_is_no_failure_of_ours(
    wire: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    async with wire() as client:
        await client.head()
        client.writer.write(a_frame(TEXT, b"x", last=False) + a_frame(CONTINUED, b"\xff"))
        close = await client.close()
    assert (close.code, close.reason) == (1007, "A text must be UTF-8")
    assert failures(caplog) == []


async def test_as_many_frames_as_may_come_are_answered(wire: Opened) -> None:
    async with wire() as client:
        await client.head()
        client.writer.write(a_frame(PING, b"?") * (FRAMES_A_SECOND - 1) + a_frame(TEXT, b"x"))
        heard = [await client.frame() for _ in range(FRAMES_A_SECOND)]
    assert heard == [(PONG, b"?")] * (FRAMES_A_SECOND - 1) + [(TEXT, b"x")]


async def test_a_handshake_that_cannot_be_read_is_told_so(wire: Opened) -> None:
    async with wire(more=f"X-Long: {'y' * 9000}\r\n") as client:
        assert (await client.head()).startswith(b"HTTP/1.1 431 ")
        async with asyncio.timeout(PATIENCE):
            await client.reader.read()


async def test_a_refused_handshake_is_no_failure_of_ours(
    wire: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    async with wire("/refused") as client:
        assert (await client.head()).startswith(b"HTTP/1.1 403 ")
        async with asyncio.timeout(PATIENCE):
            assert await client.reader.read() == b"no\n"
    assert failures(caplog) == []


class Pipe(asyncio.Transport):
    """A transport that notes whether it reads."""

    reading, aborted = True, False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def write(self, data: object) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


def a_protocol(settings: Settings, app: ASGIApp) -> tuple[FramesProtocol, Pipe]:
    config = server_of(settings, app).config
    config.load()
    protocol, pipe = FramesProtocol(config, ServerState(), {}), Pipe()
    protocol.connection_made(pipe)
    return protocol, pipe


async def test_nothing_is_read_from_who_does_not_read(settings: Settings) -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    protocol, pipe = a_protocol(settings, app)
    protocol.pause_writing()
    assert not pipe.reading
    # A message that is taken meanwhile does not change it.
    protocol.read_paused = True
    protocol.queue.put_nowait({"type": "websocket.receive", "text": "x"})
    await protocol.receive()
    assert not pipe.reading
    protocol.resume_writing()
    assert pipe.reading


async def test_who_answers_no_ping_is_cut_off_with_what_he_was_still_to_read(
    settings: Settings,
) -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    protocol, pipe = a_protocol(settings, app)
    protocol.keepalive_timeout()
    assert pipe.aborted


async def test_frames_that_are_none_before_the_handshake_is_over_end_the_connection(
    settings: Settings,
) -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    protocol, pipe = a_protocol(settings, app)
    protocol.data_received(a_handshake())
    protocol.data_received(b"\xff\xff\xff\xff")
    assert pipe.aborted
    for task in protocol.tasks:
        task.cancel()
