"""Reading for many at once: all keys asked for in one moment, in one call."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
Found = TypeVar("Found")


class Loader(Generic[KeyT, Found]):
    """Keeps what it read for as long as it lives, which is a request or a part of one. Nothing has
    the key None.

    `read` answers a mapping by the keys it was given; what is missing from it is None.
    """

    def __init__(self, read: Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, Found]]]) -> None:
        self._read = read
        self._known: dict[Any, Found | None] = {None: None}
        self._coming: dict[KeyT, asyncio.Future[None]] = {}
        self._next: list[KeyT] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def load(self, keys: Sequence[KeyT | None]) -> list[Found | None]:
        """What there is for each key, in their order. Raises what `read` raised."""
        known = self._known
        missing = [key for key in keys if key is not None and key not in known]
        if missing:
            self._ask([key for key in missing if key not in self._coming])
            for told in dict.fromkeys(self._coming[key] for key in missing):
                await asyncio.shield(told)  # it is others' too
        return [known[key] for key in keys]

    def known(self, keys: Sequence[KeyT | None]) -> list[Found | None] | None:
        """What there is for each key, where all of it is known; None where something is not."""
        known = self._known
        try:
            return [known[key] for key in keys]
        except KeyError:
            return None

    def prime(self, found: Mapping[KeyT, Found | None]) -> None:
        """Keeps what was read by other means."""
        self._known.update(found)

    def _ask(self, keys: Sequence[KeyT]) -> None:
        if not keys:
            return
        loop = asyncio.get_running_loop()
        if self._next:
            told = self._coming[self._next[0]]
        else:
            told = loop.create_future()
            # Whoever asks before the loop comes round is asked for in the same call.
            loop.call_soon(self._dispatch)
        self._next += dict.fromkeys(keys)
        self._coming.update(dict.fromkeys(keys, told))

    def _dispatch(self) -> None:
        keys, self._next = self._next, []
        reading = asyncio.ensure_future(self._answer(keys, self._coming[keys[0]]))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    async def _answer(self, keys: Sequence[KeyT], told: asyncio.Future[None]) -> None:
        error: Exception | None = None
        try:
            found = await self._read(keys)
            self._known.update((key, found.get(key)) for key in keys)
        except Exception as raised:
            error = raised
        for key in keys:
            del self._coming[key]
        if error is None:
            told.set_result(None)
        else:
            told.set_exception(error)
