"""The far side on a real socket, and a shop for it to call."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from keystall.platform.http import http_client
from keystall.platform.payments.port import Charge
from keystall.platform.payments.sandbox import SandboxProvider
from keystall.platform.sandbox.app import create_app

SECRET = "q8Zt0mVn3Lr7Xc1Kp5Ws9Hd2Gb6Yf4Jae"


@dataclass
class Shop:
    """A merchant's side: what was called back, in order, and how the next calls are answered."""

    url: str
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((headers, request.get_data()))
        status, body = self.answers.pop(0) if self.answers else (200, b"success")
        return Response(body, status=status)

    async def called(self, times: int) -> list[dict[str, Any]]:
        """The bodies of the first `times` calls, once there are so many."""
        async with asyncio.timeout(20):
            while len(self.calls) < times:  # noqa: ASYNC110  # they arrive on another thread
                await asyncio.sleep(0.01)
        return [json.loads(body) for _, body in self.calls[:times]]


@dataclass
class Sandbox:
    """The gateway as it runs: its address, a client, and the adapter of merchant "m1"."""

    url: str
    home: Path
    http: httpx2.AsyncClient
    provider: SandboxProvider

    async def control(self, **wanted: Any) -> httpx2.Response:
        return await self.http.post(f"{self.url}/v1/control", json=wanted)

    async def journal(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (await self.http.get(f"{self.url}/journal.json")).json()
        return entries

    async def settled(self, callbacks: int) -> dict[str, Any]:
        """The first payment, once so many of its callbacks were answered."""
        async with asyncio.timeout(20):
            while True:
                entry = (await self.journal())[0]
                told = [c for e in entry["takings"] + entry["failures"] for c in e["callbacks"]]
                if sum(c["answered_at"] is not None for c in told) >= callbacks:
                    return entry
                await asyncio.sleep(0.01)


@pytest.fixture
def shop(httpserver: HTTPServer) -> Shop:
    port = httpserver.port
    there = Shop(f"http://lulu.localhost:{port}")
    httpserver.expect_request("/callback").respond_with_handler(there.answer)
    return there


@pytest.fixture
def charge(shop: Shop) -> Charge:
    return Charge(
        reference="order-1",
        amount=1250,
        currency="CNY",
        description="Steam 充值卡 <50>",
        locale="zh-CN",
        notify_url=f"{shop.url}/callback",
        return_url=f"{shop.url}/zh/order/token",
        expires_at=datetime.now(UTC) + timedelta(minutes=15),
    )


SandboxAt = Callable[[Path], contextlib.AbstractAsyncContextManager[Sandbox]]


@contextlib.asynccontextmanager
async def _served(home: Path) -> AsyncIterator[Sandbox]:
    app = create_app(home, secret=SECRET, mail_folder=home / "mail")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://pay.localhost:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with http_client() as http, asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
            provider = SandboxProvider("m1", secret=SECRET, url=url, http=http)
            yield Sandbox(url, home, http, provider)
    finally:
        server.should_exit = True
        await running
        listening.close()


@pytest.fixture
def sandbox_at() -> SandboxAt:
    """Starts the gateway over a home folder, as often as a test wants."""
    return _served


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with _served(tmp_path) as there:
        yield there
