"""Reading for many at once: all keys asked for in one moment, in one call."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
Found = TypeVar("Found")


class Loader(Generic[KeyT, Found]):
    """Keeps what it read for as long as it lives, which is a request or a part of one.

    `read` answers a mapping by the keys it was given; what is missing from it is None.
    """

    def __init__(self, read: Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, Found]]]) -> None:
        self._read = read
        self._known: dict[KeyT, Found | None] = {}
        self._asked: list[tuple[Sequence[KeyT], asyncio.Future[None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def load(self, keys: Sequence[KeyT]) -> list[Found | None]:
        """What there is for each key, in their order. Raises what `read` raised."""
        known = self._known
        if not all(key in known for key in keys):
            loop = asyncio.get_running_loop()
            told: asyncio.Future[None] = loop.create_future()
            if not self._asked:
                # Whoever asks before the loop comes round is asked for in the same call.
                loop.call_soon(self._dispatch)
            self._asked.append((keys, told))
            await told
        return [known[key] for key in keys]

    def _dispatch(self) -> None:
        asked, self._asked = self._asked, []
        self._reading = asyncio.ensure_future(self._answer(asked))

    async def _answer(self, asked: Sequence[tuple[Sequence[KeyT], asyncio.Future[None]]]) -> None:
        wanted = dict.fromkeys(
            key for keys, _ in asked for key in keys if key not in self._known
        )  # each once, in the order asked
        error: BaseException | None = None
        try:
            found: Mapping[KeyT, Any] = await self._read(list(wanted)) if wanted else {}
            self._known.update((key, found.get(key)) for key in wanted)
        except BaseException as raised:
            error = raised
        for _, told in asked:
            if told.done():
                continue  # whoever asked was cancelled
            if error is None:
                told.set_result(None)
            else:
                told.set_exception(error)
