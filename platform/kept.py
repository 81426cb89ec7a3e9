"""Answers kept in the memory of one process, given again while nothing they were made of changed.

An answer belongs to a *scope* (what it is about; this module knows no shop), was made of one
*version* of it and is good *until* a moment. Only the newest version known is given out: news of
another one, by `learn` or `doubt`, drops what was made of those before. Nothing is kept or given
while the line by which news arrive is down.

What was read before some news came must not be kept after it: whoever makes an answer says so
first (`making`), and what came up meanwhile about its scope is held against it. Many who ask for
one missing answer have it made once.

Memory is bounded in bytes. What was asked for once makes room first, so that no flood of addresses
which nobody asks for again drives out the pages that everybody does.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keystall.platform import clock
from keystall.platform.metrics import KEPT_BYTES, KEPT_EVICTIONS, KEPT_HITS, KEPT_MISSES

OVERHEAD = 700
"""Bytes that an entry takes beside its value: keys, headers' tuples, places in the tables."""

_OFTEN_SHARE = 0.8
"""How much of the memory is for what was asked for more than once."""


@dataclass(slots=True)
class _Entry:
    scope: Hashable
    until: datetime
    value: Any
    size: int


class Making:
    """The making of one answer. `found`: there is nothing to make, somebody else just did.

    `floors` are the versions that were heard of meanwhile; an answer of an older one is not kept.
    """

    def __init__(self, kept: "Kept", key: Hashable, scope: Hashable, found: Any = None) -> None:
        self.found = found
        self.key, self.scope = key, scope
        self.floors: dict[Hashable, float] = {}
        self.spoiled = False
        self.over = asyncio.Event()
        self.made: Any = None
        self._kept = kept

    def keep(
        self, value: Any, size: int, *, scope: Hashable, version: int, until: datetime
    ) -> bool:
        """Hands `value` to those who wait for it, and keeps it if it is still true; answers whether
        it was kept. `size` in bytes."""
        self.made = value
        entry = _Entry(scope, until, value, size + OVERHEAD)
        if self.spoiled or version < self.floors.get(scope, 0):
            return False
        return self._kept.put(self.key, entry, version)


class Kept:
    """What one process keeps; `limit` in bytes, 0 keeps nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._up = False
        self._once: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._often: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._bytes = self._often_bytes = self._hits = 0
        self._versions: dict[Hashable, int] = {}
        self._keys: dict[Hashable, set[Hashable]] = {}
        self._makings: set[Making] = set()
        self._awaited: dict[Hashable, Making] = {}

    @property
    def up(self) -> bool:
        """Whether anything may be kept: the line is up."""
        return self._up and self._limit > 0

    @property
    def bytes(self) -> int:
        """What all of it takes."""
        return self._bytes

    def hit(self) -> None:
        """Notes a request that was answered from here, for `count`."""
        self._hits += 1

    def find(self, key: Hashable) -> Any:
        """The answer kept under `key`, None where there is none that is still good."""
        often = True
        entry = self._often.get(key)
        if entry is None:
            often = False
            entry = self._once.get(key)
            if entry is None:
                return None
        if entry.until <= clock.now():
            self._drop(key)
            return None
        if often:
            self._often.move_to_end(key)
        else:
            self._promote(key, entry)
        return entry.value

    def count(self) -> None:
        """Tells the metrics how much was given out since they were last told: one by one it would
        cost as much as finding it."""
        KEPT_HITS.inc(self._hits)
        self._hits = 0

    @asynccontextmanager
    async def making(self, key: Hashable, scope: Hashable = None) -> AsyncIterator[Making]:
        """Inside, make the answer of `key` and `keep` it; or take what is `found`, where it is kept
        or somebody else was making it already. Where that came to nothing each makes their own.
        `scope` None: not known yet."""
        known = self.find(key) if self.up else None
        if known is not None:
            self.hit()
            yield Making(self, key, scope, known)
            return
        other = self._awaited.get(key)
        if other is not None:
            await other.over.wait()
            if other.made is not None:
                yield Making(self, key, scope, other.made)
                return
        KEPT_MISSES.inc()
        mine = Making(self, key, scope)
        mine.spoiled = not self.up
        self._makings.add(mine)
        if self.up:
            self._awaited.setdefault(key, mine)
        try:
            yield mine
        finally:
            self._makings.discard(mine)
            if self._awaited.get(key) is mine:
                del self._awaited[key]
            mine.over.set()

    def put(self, key: Hashable, entry: _Entry, version: int) -> bool:
        """Keeps an entry, unless its scope is known to be further on, or it fits nowhere."""
        scope = entry.scope
        if not self.up or entry.size > self._limit // 4 or entry.until <= clock.now():
            return False
        self.learn(scope, version)
        if version < self._versions.get(scope, version):
            return False
        self._drop(key)
        self._versions[scope] = version
        self._keys.setdefault(scope, set()).add(key)
        self._once[key] = entry
        self._bytes += entry.size
        self._make_room()
        KEPT_BYTES.set(self._bytes)
        return True

    def learn(self, scope: Hashable, version: int) -> None:
        """The scope has come to `version`: what was made of older ones goes."""
        for making in self._makings:
            making.floors[scope] = max(making.floors.get(scope, 0), version)
        if version > self._versions.get(scope, version):
            self._drop_scope(scope)

    def doubt(self, scope: Hashable) -> None:
        """Something of the scope has changed: all of it goes, and what is being made stays out."""
        for making in self._makings:
            making.floors[scope] = math.inf
        self._drop_scope(scope)

    def line_up(self) -> None:
        """News arrive from now on."""
        self._up = True

    def line_down(self) -> None:
        """News may be missed from now on: everything goes."""
        self._up = False
        for making in self._makings:
            making.spoiled = True
        self._awaited.clear()
        for scope in list(self._keys):
            self._drop_scope(scope)

    def scopes(self) -> list[Any]:
        """Everything of which something is kept; what is over goes first."""
        now = clock.now()
        for entries in (self._once, self._often):
            self._drop_all([key for key, entry in entries.items() if entry.until <= now])
        KEPT_BYTES.set(self._bytes)
        return list(self._keys)

    def _promote(self, key: Hashable, entry: _Entry) -> None:
        del self._once[key]
        self._often[key] = entry
        self._often_bytes += entry.size
        while self._often_bytes > self._limit * _OFTEN_SHARE:
            oldest, demoted = self._often.popitem(last=False)
            self._often_bytes -= demoted.size
            self._once[oldest] = demoted

    def _make_room(self) -> None:
        while self._bytes > self._limit:
            self._drop(next(iter(self._once or self._often)))
            KEPT_EVICTIONS.inc()

    def _drop_scope(self, scope: Hashable) -> None:
        # Who asks from now on must not be handed what was read before.
        stale = [key for key, making in self._awaited.items() if making.scope in (scope, None)]
        for key in stale:
            del self._awaited[key]
        self._drop_all(list(self._keys.get(scope, ())))
        KEPT_BYTES.set(self._bytes)

    def _drop_all(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        entry = self._once.pop(key, None)
        if entry is None:
            entry = self._often.pop(key, None)
            if entry is None:
                return
            self._often_bytes -= entry.size
        self._bytes -= entry.size
        keys = self._keys[entry.scope]
        keys.discard(key)
        if not keys:
            del self._keys[entry.scope], self._versions[entry.scope]
