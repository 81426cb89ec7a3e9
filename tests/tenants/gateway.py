"""The sandbox gateway on a port of its own, for an installation that is told of it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn

from keystall.platform import database
from keystall.platform.sandbox.app import create_app
from keystall.tenants.installation import Installation


@dataclass
class Gateway:
    """The gateway, and an installation whose payments go there."""

    url: str
    installation: Installation

    async def control(self, shop: UUID, order: UUID, mode: str, *, callbacks: int = 0) -> None:
        """Plays `mode` for an order's payment; unless told otherwise nobody hears of it."""
        async with database.transaction(shop) as tx:
            payment = await tx.value("select id from payments where order_id = $1", order)
        answer = await self.installation.http.post(
            f"{self.url}/v1/control",
            json={"reference": str(payment), "mode": mode, "callbacks": callbacks},
        )
        assert answer.status_code == 200, answer.text

    async def journal(self) -> list[dict[str, Any]]:
        answer = await self.installation.http.get(f"{self.url}/journal.json")
        entries: list[dict[str, Any]] = answer.json()
        return entries


@contextlib.asynccontextmanager
async def a_gateway(installation: Installation, home: Path) -> AsyncIterator[Gateway]:
    """Runs the gateway over `home` while inside."""
    secret = installation.settings.sandbox_secret
    app = create_app(home, secret=secret, mail_folder=home / "mail")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://pay.localhost:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
        settings = installation.settings.model_copy(update={"sandbox_url": url})
        yield Gateway(url, replace(installation, settings=settings))
    finally:
        server.should_exit = True
        await running
        listening.close()
