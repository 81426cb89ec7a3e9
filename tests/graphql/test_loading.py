"""Loaders ask for all that is wanted at one moment in one call."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from keystall.graphql.loading import Loader


class Shelf:
    """Knows the squares of numbers below 10, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.away = False

    async def read(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError
        return {key: key * key for key in keys if key < 10}


async def test_what_is_asked_at_one_moment_is_read_in_one_call() -> None:
    shelf = Shelf()
    loader = Loader(shelf.read)
    found = await asyncio.gather(*(loader.load(keys) for keys in ([3, 4], [4, 12], [])))
    assert found == [[9, 16], [16, None], []]
    assert shelf.asked == [[3, 4, 12]]


async def test_what_is_known_is_not_read_again_even_where_there_was_nothing() -> None:
    shelf = Shelf()
    loader = Loader(shelf.read)
    await loader.load([3, 12])
    assert await loader.load([12, 3, 5]) == [None, 9, 25]
    assert shelf.asked == [[3, 12], [5]]


async def test_a_failure_reaches_all_who_asked_and_is_not_kept() -> None:
    shelf = Shelf()
    shelf.away = True
    loader = Loader(shelf.read)
    found = await asyncio.gather(loader.load([1]), loader.load([2]), return_exceptions=True)
    assert [type(one) for one in found] == [ConnectionError, ConnectionError]
    shelf.away = False
    assert await loader.load([1, 2]) == [1, 4]


async def test_who_is_cancelled_takes_nobody_along() -> None:
    shelf = Shelf()
    loader = Loader(shelf.read)
    first = asyncio.ensure_future(loader.load([1]))
    second = asyncio.ensure_future(loader.load([2]))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == [4]
    assert await loader.load([1]) == [1]


async def test_what_is_being_read_is_not_asked_for_again() -> None:
    shelf = Shelf()
    loader = Loader(shelf.read)
    first = asyncio.ensure_future(loader.load([3]))
    for _ in range(3):  # asked, dispatched, reading
        await asyncio.sleep(0)
    assert shelf.asked == [[3]]
    assert await loader.load([3, 4]) == [9, 16]
    assert await first == [9]
    assert shelf.asked == [[3], [4]]
