"""Which open streams want to hear of which topic, in one process.

One subscription to Redis serves all streams. When the line is lost, every stream is told
"changed" once it is back: a reader that asks again for nothing loses nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from redis.exceptions import RedisError

from keystall.platform.queue import Queue

_RETRY_SECONDS = 0.5
_log = structlog.get_logger()


class Live:
    """The hub of one process."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def listening(self, topic: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever `topic` changes; the listener clears it."""
        event = asyncio.Event()
        self._listeners[topic].add(event)
        try:
            yield event
        finally:
            self._listeners[topic].discard(event)
            if not self._listeners[topic]:
                del self._listeners[topic]

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Whether `event` was set within `seconds`; clears it."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listens to Redis while inside."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._queue.subscribe() as topics:
                    self._wake_all()
                    async for topic in topics:
                        for event in self._listeners.get(topic, ()):
                            event.set()
            except (RedisError, OSError) as error:
                _log.warning("live line lost", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:
                # Nothing may end the line for good: open pages would wait for ever.
                _log.exception("live line broken")
                await asyncio.sleep(_RETRY_SECONDS)

    def _wake_all(self) -> None:
        for events in self._listeners.values():
            for event in events:
                event.set()
