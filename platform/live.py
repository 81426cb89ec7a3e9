"""Who wants to hear of which topic, in one process: open streams, and whoever keeps answers.

One subscription to Redis serves all. When the line is lost, every stream is told "changed" once it
is back: a reader that asks again for nothing loses nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import structlog
from redis.exceptions import RedisError

from keystall.platform.queue import Queue

_RETRY_SECONDS = 0.5
_log = structlog.get_logger()


class Watcher(Protocol):
    """Hears of every topic, and of whether it may have missed some."""

    def line_up(self) -> None: ...

    def line_down(self) -> None: ...

    def told(self, topic: str) -> None: ...


class Live:
    """The hub of one process."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._watchers: list[Watcher] = []
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._at_end: set[Callable[[], None]] = set()
        self.ending = False
        """Whether the process stops: whoever listens is woken, and is to come to an end."""

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

    def end(self) -> None:
        """Has all that is open come to its end: the process is about to stop."""
        self.ending = True
        self._wake_all()
        for told in tuple(self._at_end):
            told()

    @contextmanager
    def telling_of_end(self, told: Callable[[], None]) -> Iterator[None]:
        """Calls `told` when the process is about to stop; for who waits for something else."""
        self._at_end.add(told)
        try:
            yield
        finally:
            self._at_end.discard(told)

    def watch(self, watcher: Watcher) -> None:
        """Tells `watcher` everything from the next time on that the line is up."""
        self._watchers.append(watcher)

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
                    for watcher in self._watchers:
                        watcher.line_up()
                    async for topic in topics:
                        for event in self._listeners.get(topic, ()):
                            event.set()
                        for watcher in self._watchers:
                            watcher.told(topic)
            except (RedisError, OSError) as error:
                _log.warning("live line lost", error=type(error).__name__)
            except Exception:
                # Nothing may end the line for good: open pages would wait for ever.
                _log.exception("live line broken")
            finally:
                for watcher in self._watchers:
                    watcher.line_down()
            await asyncio.sleep(_RETRY_SECONDS)

    def _wake_all(self) -> None:
        for events in self._listeners.values():
            for event in events:
                event.set()
