import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from keystall.platform import bucket
from keystall.platform.bucket import Bucket, Level, take
from keystall.platform.ids import new_id
from keystall.platform.queue import Queue

UNREACHABLE = "redis://127.0.0.1:1/0"
HUNDRED = Bucket(size=100, restore=1)


async def test_a_bucket_holds_so_many_points(redis_url: str) -> None:
    key = new_id().hex
    async with Queue(redis_url) as queue:
        levels = [await take(queue, key, points, HUNDRED) for points in (60, 30, 20, 10)]
        left = await queue.redis.pttl("keystall:bucket:" + key)

    assert [level.taken for level in levels] == [True, True, False, True]
    assert [level.left for level in levels] == [40, 10, 10, 0]
    assert levels[2].wait_seconds == 10
    assert levels[0].wait_seconds == 0
    assert 99_000 < left <= 100_000


async def test_points_come_back(redis_url: str) -> None:
    key = new_id().hex
    quick = Bucket(size=100, restore=100_000)
    async with Queue(redis_url) as queue:
        assert (await take(queue, key, 100, quick)).taken
        await asyncio.sleep(0.005)
        assert (await take(queue, key, 100, quick)).taken


async def test_a_bucket_may_be_as_good_as_endless(redis_url: str) -> None:
    """What is taken is less time than Redis can tell apart, or keep anything for."""
    endless = Bucket(size=10**9, restore=10**9)
    async with Queue(redis_url) as queue:
        levels = [await take(queue, new_id().hex, 1, endless) for _ in range(3)]

    assert [level.taken for level in levels] == [True] * 3
    assert bucket._alone.lasts() is False


async def test_processes_take_from_one_bucket(redis_url: str) -> None:
    key = new_id().hex
    async with Queue(redis_url) as one, Queue(redis_url) as two:
        levels = await asyncio.gather(*(take(queue, key, 30, HUNDRED) for queue in [one, two] * 4))

    assert sum(level.taken for level in levels) == 3


async def test_who_asks_again_and_again_has_some_taken_ahead(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(bucket, "time", SimpleNamespace(monotonic=lambda: now))
    wide, key = Bucket(size=1_000, restore=50), new_id().hex
    async with Queue(redis_url) as queue:
        asked = 0
        evalsha: Any = queue.redis.evalsha

        async def counted(*given: Any) -> Any:
            nonlocal asked
            asked += 1
            return await evalsha(*given)

        monkeypatch.setattr(queue.redis, "evalsha", counted)
        levels = [await take(queue, key, 10, wide) for _ in range(12)]
        spare = bucket._ahead._held[key].spare
        now += 1.0
        await take(queue, key, 10, wide)

    assert all(level.taken for level in levels)
    # One alone; then 50 points beside each one that asks: five more come of them.
    assert asked == 1 + 2 + 1
    # What was not used within a second is gone.
    assert (spare, bucket._ahead._held[key].spare) == (200.0, 0.0)


async def test_what_is_taken_ahead_is_never_more_than_there_is(redis_url: str) -> None:
    key = new_id().hex
    each, whole = 1_000.0, 100_000.0
    processes = [bucket._Ahead(), bucket._Ahead(), bucket._Ahead()]
    async with Queue(redis_url) as queue:
        taken = [
            (await processes[number % 3].take(queue, key, 2 * each, whole))[0]
            for number in range(60)
        ]

    # A bucket of 100 for 60 times 2 points: each process may keep less than it is asked for.
    assert 46 <= sum(taken) <= 50


async def test_nobody_is_refused_what_was_taken_ahead_meanwhile(redis_url: str) -> None:
    key = new_id().hex
    slow = Bucket(size=400, restore=1)
    async with Queue(redis_url) as queue:
        for _ in range(4):  # from the second on some is taken ahead
            levels = await asyncio.gather(*(take(queue, key, 1, slow) for _ in range(99)))
            assert all(level.taken for level in levels)
        level = await take(queue, key, 4, slow)
    assert (level.taken, level.left) == (True, 0)


async def test_those_who_ask_at_once_have_a_seconds_worth_taken_ahead_together(
    redis_url: str,
) -> None:
    key, here, elsewhere = new_id().hex, bucket._Ahead(), bucket._Ahead()
    each, whole = 1.0, 20_000.0
    async with Queue(redis_url) as queue:
        for _ in range(2):
            await asyncio.gather(*(here.take(queue, key, each, whole) for _ in range(20)))
        _, missing = await elsewhere.take(queue, key, each, whole)
    assert missing <= 41 * each + 1_000


async def test_what_was_taken_ahead_for_nothing_is_given_back(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a bucket that is used a little, by several processes, runs dry."""
    now = 1000.0
    monkeypatch.setattr(bucket, "time", SimpleNamespace(monotonic=lambda: now))
    key, whole, each = new_id().hex, 20_000.0, 1.0
    processes = [bucket._Ahead(), bucket._Ahead()]
    refused = 0
    async with Queue(redis_url) as queue:
        for _ in range(40):
            for process in processes * 3:
                taken, _ = await process.take(queue, key, each, whole)
                refused += not taken
            now += 1.5
        told = [await process.take(queue, key, each, whole) for process in processes]
    assert refused == 0
    # 242 were asked for; one process holds at most a second's worth, of which the other knows not.
    assert [taken for taken, _ in told] == [True, True]
    assert max(missing for _, missing in told) <= 242 + 1000


async def test_no_more_is_given_back_than_a_full_bucket_holds(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(bucket, "time", SimpleNamespace(monotonic=lambda: now))
    key, here = new_id().hex, bucket._Ahead()
    async with Queue(redis_url) as queue:
        for _ in range(2):
            assert (await here.take(queue, key, 1.0, 2000.0))[0]
        assert here._held[key].spare == 100.0
        await queue.redis.delete("keystall:bucket:" + key)  # full again
        now += 2.0
        taken, missing = await here.take(queue, key, 1.0, 2000.0)
        assert (taken, round(missing), here._held[key].spare) == (True, 1, 0.0)


async def test_buckets_are_apart(redis_url: str) -> None:
    async with Queue(redis_url) as queue:
        levels = [await take(queue, new_id().hex, 100, HUNDRED) for _ in range(2)]

    assert levels == [Level(True, 0, 100, 0)] * 2


async def test_redis_may_forget_its_scripts(redis_url: str) -> None:
    async with Queue(redis_url) as queue:
        assert (await take(queue, new_id().hex, 1, HUNDRED)).taken
        await queue.redis.script_flush()
        assert (await take(queue, new_id().hex, 1, HUNDRED)).taken


async def test_without_redis_a_process_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(bucket, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(bucket, "_alone", bucket._Alone())
    key = new_id().hex
    async with Queue(UNREACHABLE) as queue:
        levels = [await take(queue, key, 60, HUNDRED) for _ in range(2)]
        now += 20
        after = await take(queue, key, 60, HUNDRED)

    assert [(level.taken, level.left) for level in levels] == [(True, 40), (False, 40)]
    assert levels[1].wait_seconds == 20
    assert (after.taken, after.left) == (True, 0)


async def test_without_redis_it_is_asked_again_after_a_while(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(bucket, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(bucket, "_alone", bucket._Alone())
    key = new_id().hex
    async with Queue(UNREACHABLE) as away, Queue(redis_url) as here:
        await take(away, key, 60, HUNDRED)
        alone = await take(here, key, 40, HUNDRED)
        now += bucket._ALONE_SECONDS
        again = await take(here, key, 100, HUNDRED)

    assert (alone.taken, alone.left) == (True, 0)
    assert (again.taken, again.left) == (True, 0)


async def test_counting_alone_remembers_a_bounded_number_of_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bucket, "_MOST_KEYS", 2)
    alone = bucket._Alone()
    for key in "abc":
        alone.take(key, 1.0, 10.0)
    assert list(alone._full) == ["b", "c"]
