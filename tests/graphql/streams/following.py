"""A server on a port of its own, and who follows its streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

import httpx2
from starlette.types import ASGIApp

from keystall.graphql.streams.places import MOST, Places
from keystall.graphql.streams.streams import Pace, Streams
from keystall.platform.asgi.application import application
from keystall.platform.live import Live
from keystall.platform.queue import Queue
from keystall.platform.settings import Settings
from keystall.platform.web.server import server_of
from keystall.tenants.installation import Installation
from keystall.tenants.orders.tokens import order_token
from keystall.tenants.shops.shop import Shop

ORDER = "subscription ($token: String!) { orderChanged(token: $token) { status number } }"
JOB = "subscription ($id: ID!) { jobChanged(id: $id) { state done total } }"
EVENTS = {"accept": "text/event-stream"}
PATIENCE = 30
SWIFT = Pace(beat=0.05, look=0.1, gap=0.01, slow=0.2, away=0.05, greeting=0.3)
"""For tests of what takes a while; elsewhere nobody should be hurried."""


@asynccontextmanager
async def listening(settings: Settings, app: ASGIApp) -> AsyncIterator[int]:
    """The product's own server of an application without a lifespan; answers its port."""
    at = socket.create_server(("127.0.0.1", 0))
    server = server_of(settings, app)
    server.config.lifespan = "off"
    running = asyncio.create_task(server.serve(sockets=[at]))
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
        yield at.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        at.close()


@dataclass(frozen=True)
class Served:
    """A server over the whole application, and what its streams share."""

    installation: Installation
    streams: Streams
    port: int

    @property
    def live(self) -> Live:
        return self.streams.live

    @property
    def topics(self) -> set[str]:
        """What is listened to."""
        return set(self.live._listeners)

    @property
    def taken(self) -> int:
        """Places that open streams hold."""
        return self.streams.places.counted["all"]

    def following(
        self, host: str, document: str, variables: dict[str, Any], **headers: str
    ) -> AbstractAsyncContextManager["Events"]:
        """The stream of a subscription."""
        return following(self.port, host, document, variables, **headers)

    async def quiet(self) -> None:
        """Returns when no stream is open."""
        async with asyncio.timeout(PATIENCE):
            while self.taken or self.topics:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)


@asynccontextmanager
async def following(
    port: int, host: str, document: str, variables: dict[str, Any], **headers: str
) -> AsyncIterator["Events"]:
    """The stream of a subscription, asked by POST at the endpoint of `host`."""
    surface = "admin" if host == "localhost" else "storefront"
    async with (
        httpx2.AsyncClient(timeout=PATIENCE) as client,
        client.stream(
            "POST",
            f"http://127.0.0.1:{port}/graphql/{surface}",
            json={"query": document, "variables": variables},
            headers={"host": f"{host}:8000", **EVENTS, **headers},
        ) as response,
    ):
        yield Events(response, response.aiter_lines())


@dataclass
class Events:
    """What comes over one stream."""

    response: httpx2.Response
    _lines: AsyncIterator[str]

    async def told(self) -> tuple[str, Any]:
        """The next event and its data, beats left out; ("", None) at the end of the stream."""
        name, data = "", None
        async for line in self._lines:
            match line.partition(":")[::2]:
                case "event", value:
                    name = value.strip()
                case "data", value:
                    data = json.loads(value) if value.strip() else None
                case "", "" if name:
                    return name, data
        return "", None

    async def answer(self) -> Any:
        """The next answer."""
        name, data = await self.told()
        assert name == "next", (name, data)
        return data

    async def beat(self) -> None:
        """Returns at the next sign of life."""
        async for line in self._lines:
            if line == ": beat":
                return
        raise AssertionError("the stream is at its end")

    async def end(self) -> list[str]:
        """What is still told, to the end of the stream."""
        names = []
        while (told := await self.told())[0]:
            names.append(told[0])
        return names


@asynccontextmanager
async def serving(
    installation: Installation, *, pace: Pace | None = None, **most: int
) -> AsyncIterator[Served]:
    """A server whose streams hear of what changes. `most` narrows the places there are."""
    live = Live(installation.queue)
    streams = Streams(live, Places({**MOST, **most}), pace or replace(Pace(), gap=0.01))
    app = application(installation, live, None, streams)
    async with live.running(), listening(installation.settings, app) as port:
        await _hearing(live, installation.queue)
        try:
            yield Served(installation, streams, port)
        finally:
            live.end()


async def _hearing(live: Live, queue: Queue) -> None:
    """Returns when the line is up: what is told before that is told to nobody."""
    with live.listening("mark") as heard:
        async with asyncio.timeout(PATIENCE):
            while not heard.is_set():
                await queue.publish("mark")
                await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Door:
    """Where a shop's order is followed."""

    shop: Shop
    token: str

    @classmethod
    def of(cls, installation: Installation, shop: Shop, order: UUID) -> Self:
        return cls(shop, order_token(installation.keys, shop.id, order))

    @property
    def host(self) -> str:
        return f"{self.shop.slug}.localhost"
