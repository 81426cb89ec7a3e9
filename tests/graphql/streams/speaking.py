"""A client of graphql-transport-ws."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from keystall.graphql.streams.sockets import PROTOCOL
from tests.graphql.streams.following import PATIENCE

INIT = {"type": "connection_init"}


@dataclass
class Socket:
    """One connection, as a client has it."""

    connection: ClientConnection

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def heard(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def follow(self, name: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.say(type="subscribe", id=name, payload=payload)

    async def answer(self, name: str) -> Any:
        """The payload of the next answer, which is to be the one of `name`."""
        message = await self.heard()
        assert (message["type"], message["id"]) == ("next", name), message
        return message["payload"]

    async def closed(self) -> tuple[int | None, str]:
        """Code and reason with which the server closes it, whatever is said before."""
        async with asyncio.timeout(PATIENCE):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason or ""


@asynccontextmanager
async def opened(
    port: int, host: str, *, protocol: str = PROTOCOL, greet: bool = True, **headers: str
) -> AsyncIterator[Socket]:
    """A connection to the endpoint of `host`, greeted unless it is told not to be."""
    surface = "admin" if host == "localhost" else "storefront"
    async with connect(
        f"ws://{host}:8000/graphql/{surface}",
        host="127.0.0.1",
        port=port,
        subprotocols=[Subprotocol(protocol)] if protocol else None,
        additional_headers=headers,
        proxy=None,
    ) as connection:
        socket = Socket(connection)
        if greet:
            await socket.say(**INIT)
            assert await socket.heard() == {"type": "connection_ack"}
        yield socket
