import asyncio
from types import SimpleNamespace

import pytest

from keystall.platform import throttle
from keystall.platform.ids import new_id
from keystall.platform.queue import Queue
from keystall.platform.throttle import allow, network

UNREACHABLE = "redis://127.0.0.1:1/0"


async def test_a_window_lets_so_many_tries_through(redis_url: str) -> None:
    key = new_id().hex
    async with Queue(redis_url) as queue:
        answers = [await allow(queue, key, 3, 60) for _ in range(5)]
        other = await allow(queue, new_id().hex, 3, 60)
        left = await queue.redis.pttl("keystall:throttle:" + key)

    assert answers == [True, True, True, False, False]
    assert other is True
    assert 0 < left <= 60_000


async def test_processes_count_together(redis_url: str) -> None:
    key = new_id().hex
    async with Queue(redis_url) as one, Queue(redis_url) as two:
        answers = await asyncio.gather(*(allow(queue, key, 4, 60) for queue in [one, two] * 5))

    assert sum(answers) == 4


async def test_a_window_ends(redis_url: str) -> None:
    key = new_id().hex
    async with Queue(redis_url) as queue:
        assert await allow(queue, key, 1, 60) is True
        assert await allow(queue, key, 1, 60) is False
        await queue.redis.pexpire("keystall:throttle:" + key, 0)
        assert await allow(queue, key, 1, 60) is True


async def test_without_redis_a_process_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: now))
    key = new_id().hex
    async with Queue(UNREACHABLE) as queue:
        answers = [await allow(queue, key, 2, 60) for _ in range(3)]
        now = 160.0
        after = await allow(queue, key, 2, 60)

    assert answers == [True, True, False]
    assert after is True


async def test_counting_alone_remembers_a_bounded_number_of_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "_MOST_KEYS", 2)
    monkeypatch.setattr(throttle, "_counted", type(throttle._counted)())
    async with Queue(UNREACHABLE) as queue:
        for key in ("a", "b", "a", "c"):
            await allow(queue, key, 1, 60)

    assert list(throttle._counted) == ["a", "c"]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_a_subscriber_is_counted_as_one(address: str, counted: str) -> None:
    assert network(address) == counted
