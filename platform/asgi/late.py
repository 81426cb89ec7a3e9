"""An application that is put together in a thread, while the process answers for others already."""

import asyncio
from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from keystall.platform.collection import nothing_is_garbage
from keystall.platform.web.health import Unready

_log = structlog.get_logger()


class Late:
    """What `build` makes; requests that come before it is there wait for it."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._building: asyncio.Task[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = await self.built()
        await app(scope, receive, send)

    async def built(self) -> ASGIApp:
        """The application, begun with the first call. Raises what `build` raises, each time."""
        if self._building is None:
            self._building = asyncio.create_task(asyncio.to_thread(self._built))
        # Who waits may go away; the others still want it.
        return await asyncio.shield(self._building)

    async def check(self) -> None:
        """For `/readyz`. Raises Unready where it could not be put together."""
        building = self._building
        if building and building.done() and not building.cancelled() and building.exception():
            raise Unready("could not be put together")

    def _built(self) -> ASGIApp:
        with nothing_is_garbage():
            try:
                return self._build()
            except Exception:
                _log.exception("a part of the application could not be put together")
                raise
