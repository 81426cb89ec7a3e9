"""Leaky buckets of points, kept in Redis for all processes together.

A bucket holds `size` points and gets `restore` of them back a second. What is taken is counted as
the moment at which the bucket will be full again (GCRA, as ATM networks count cells; ITU-T I.371):
one number, one script, one round trip, by Redis's own clock. Who asks again within a second has a
second's worth taken ahead, and the next requests need no round trip.

Redis away never stops anyone nor opens the gate: this process then counts by itself, and asks Redis
again after a few seconds, so that a line that hangs does not hold up every request.
"""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, cast

import structlog
from redis.exceptions import NoScriptError, RedisError

from keystall.platform.queue import Queue

_PREFIX = "keystall:bucket:"
_MOST_KEYS = 10_000
_ALONE_SECONDS = 5.0
_AHEAD_SECONDS = 1.0
# Milliseconds throughout: of the moment when the bucket is full again, of what is taken, of what is
# taken beside it where there is as much, of a whole bucket, and of what was taken before and comes
# back. Answers whether it was taken, how long until the bucket is full, and what was taken beside;
# where it was not, nothing has come back either.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[4]), now)
local whole = tonumber(ARGV[3])
local after = full + tonumber(ARGV[1])
if after - now > whole + 0.5 then return {0, math.ceil(full - now + tonumber(ARGV[4])), '0'} end
local beside = math.max(0, math.min(tonumber(ARGV[2]), whole - (after - now)))
after = after + beside
local keep = math.max(1, math.ceil(after - now))
redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', keep)
return {1, math.ceil(after - now), string.format('%.3f', beside)}
"""
_SHA = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bucket:
    """`size` points at most, `restore` of them back a second."""

    size: int
    restore: int

    @property
    def window_seconds(self) -> int:
        """How long an empty bucket takes to be full."""
        return math.ceil(self.size / self.restore)


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket after somebody wanted points. `wait_seconds`: until there are as many as were
    wanted; 0 where they were taken."""

    taken: bool
    left: int
    full_in_seconds: int
    wait_seconds: int


async def take(queue: Queue, key: str, points: int, bucket: Bucket) -> Level:
    """Takes `points` (at most the size) of the bucket of `key`, or nothing where fewer are left.

    Put no secret in keys: hash what is private.
    """
    each = 1000 / bucket.restore
    wanted, whole = points * each, bucket.size * each
    taken, missing = await _ahead.take(queue, key, wanted, whole)
    waiting = 0 if taken else max(1, math.ceil((missing + wanted - whole) / 1000))
    return Level(
        taken=taken,
        left=max(0, math.floor((whole - missing) / each + 0.001)),
        full_in_seconds=max(0, math.ceil(missing / 1000)),
        wait_seconds=waiting,
    )


@dataclass(slots=True)
class _Held:
    """What this process took ahead of a key's bucket and has not given out: `spare`, all of it
    counted as taken of a bucket that is full at `full`. It is given out until `until`; what is left
    then goes back with whatever is asked of the bucket next. Milliseconds of this process's clock.
    `asking`: somebody is having more taken ahead just now."""

    spare: float
    full: float
    until: float
    asking: bool = False


class _Ahead:
    """What was taken ahead for callers who ask again and again, so that not each of their requests
    asks Redis: a second's worth at most, and nothing for who asks once in a second. What was not
    used comes back with what is asked for next, or else by the bucket's filling up; never is more
    given than the bucket has."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def take(self, queue: Queue, key: str, wanted: float, whole: float) -> tuple[bool, float]:
        now = time.monotonic() * 1000
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(0.0, now, now)
        if held.until <= now:
            beside = 0.0
        elif wanted <= held.spare:
            held.spare -= wanted
            return True, max(0.0, held.full - now - held.spare)
        else:
            # Once for all who ask while Redis answers: the bucket is theirs together.
            beside = 0.0 if held.asking else min(_AHEAD_SECONDS * 1000, whole / 20)
        used = held.spare
        held.spare = 0.0  # before anybody else asks while Redis answers
        held.asking = held.asking or beside > 0
        try:
            taken, missing, got = await _take(queue, key, wanted, beside, whole, used)
        finally:
            held.asking = held.asking and not beside
        held.spare += got if taken else used
        held.full, held.until = now + missing, now + _AHEAD_SECONDS * 1000
        if not taken and wanted <= held.spare:
            # Others of this process had some taken ahead while Redis answered.
            held.spare -= wanted
            taken = True
        self._held[key] = held
        self._held.move_to_end(key)
        if len(self._held) > _MOST_KEYS:
            self._held.popitem(last=False)
        return taken, max(0.0, missing - held.spare)


async def _take(
    queue: Queue, key: str, wanted: float, beside: float, whole: float, back: float
) -> tuple[bool, float, float]:
    if _alone.lasts():
        return *_alone.take(key, max(0.0, wanted - back), whole), 0.0
    asked = (1, _PREFIX + key, f"{wanted:.3f}", f"{beside:.3f}", f"{whole:.3f}", f"{back:.3f}")
    try:
        try:
            found = await cast("Awaitable[list[Any]]", queue.redis.evalsha(_SHA, *asked))
        except NoScriptError:
            found = await cast("Awaitable[list[Any]]", queue.redis.eval(_TAKE, *asked))
    except (RedisError, OSError) as error:
        _log.warning("bucket counts alone", error=type(error).__name__)
        _alone.begin()
        return *_alone.take(key, max(0.0, wanted - back), whole), 0.0
    return bool(found[0]), float(found[1]), float(found[2])


class _Alone:
    """What one process counts by itself, by its own clock."""

    def __init__(self) -> None:
        self._until = 0.0
        self._full: OrderedDict[str, float] = OrderedDict()

    def begin(self) -> None:
        self._until = time.monotonic() + _ALONE_SECONDS

    def lasts(self) -> bool:
        return time.monotonic() < self._until

    def take(self, key: str, wanted: float, whole: float) -> tuple[bool, float]:
        now = time.monotonic() * 1000
        full = max(self._full.pop(key, 0.0), now)
        taken = full + wanted - now <= whole
        self._full[key] = full + wanted if taken else full
        if len(self._full) > _MOST_KEYS:
            self._full.popitem(last=False)  # the key that was quiet longest
        return taken, self._full[key] - now


_alone = _Alone()
_ahead = _Ahead()
