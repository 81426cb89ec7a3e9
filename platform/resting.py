"""Rests for threads that compute for long.

A thread that computed on and on would keep whoever wants its processor, a page that somebody waits
for, waiting as long as the system lets it, some milliseconds. One that rests each millisecond has
them on their way before the next.
"""

from collections.abc import Iterable, Iterator
from time import sleep
from typing import TypeVar

Item = TypeVar("Item")

_REST_SECONDS = 0.0001


def resting(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each after a rest. To be read in a thread that may wait; what is done with
    one should take no more than about a millisecond."""
    for item in items:
        sleep(_REST_SECONDS)
        yield item
