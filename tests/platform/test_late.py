"""The part of the application that is put together while the rest answers already."""

import asyncio
import threading
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from keystall.platform.asgi.late import Late
from keystall.platform.web.health import Unready

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def asked(app: ASGIApp) -> bytes:
    """The body of its answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    await app(dict(SCOPE), receive, send)
    body: bytes = sent[1]["body"]
    return body


async def test_requests_wait_for_it_and_it_is_put_together_once() -> None:
    may_go_on, built = threading.Event(), []

    def build() -> ASGIApp:
        may_go_on.wait(10)
        built.append(threading.current_thread())
        return PlainTextResponse("console")

    late = Late(build)
    first, gone, second = (asyncio.create_task(asked(late)) for _ in range(3))
    await asyncio.sleep(0)
    gone.cancel()  # whoever goes away takes nobody along
    await late.check()
    may_go_on.set()

    assert [await first, await second, await asked(late)] == [b"console"] * 3
    assert len(built) == 1
    assert built[0] is not threading.main_thread()


async def test_what_cannot_be_put_together_is_told_to_whoever_asks_and_by_the_check() -> None:
    def build() -> ASGIApp:
        raise FileNotFoundError("home.graphql")

    late = Late(build)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            await asked(late)

    with pytest.raises(Unready, match="could not be put together"):
        await late.check()
