"""What is kept in memory, and what must not be."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from keystall.platform import clock
from keystall.platform.kept import OVERHEAD, Kept

LULU, MOMO = "lulu", "momo"


def open_kept(limit: int = 1_000_000) -> Kept:
    kept = Kept(limit)
    kept.line_up()
    return kept


async def put(
    kept: Kept, key: str, *, scope: str = LULU, version: int = 1, size: int = 100, seconds: int = 60
) -> bool:
    async with kept.making(key, scope) as making:
        until = clock.now() + timedelta(seconds=seconds)
        return making.keep(key.upper(), size, scope=scope, version=version, until=until)


async def test_an_answer_is_given_until_its_version_is_over() -> None:
    kept = open_kept()
    assert await put(kept, "a")
    assert await put(kept, "b", scope=MOMO)
    assert (kept.find("a"), kept.find("b"), kept.find("c")) == ("A", "B", None)
    kept.learn(LULU, 1)
    assert kept.find("a") == "A"
    kept.learn(LULU, 2)
    assert (kept.find("a"), kept.find("b")) == (None, "B")
    kept.doubt(MOMO)
    assert (kept.find("b"), kept.bytes) == (None, 0)


async def test_an_answer_is_over_when_its_time_is() -> None:
    kept = open_kept()
    with time_machine.travel("2026-11-23T12:00:00+00:00", tick=False) as moment:
        await put(kept, "a", seconds=5)
        moment.shift(4.9)
        assert kept.find("a") == "A"
        moment.shift(0.1)
        assert kept.find("a") is None
    assert kept.bytes == 0


async def test_an_older_answer_never_takes_the_place_of_a_newer_version() -> None:
    kept = open_kept()
    assert await put(kept, "a", version=5)
    assert not await put(kept, "b", version=4)
    assert (kept.find("a"), kept.find("b")) == ("A", None)


@pytest.mark.parametrize("news", ["learnt", "doubted", "line lost and back"])
async def test_what_was_read_before_news_is_not_kept_after_it(news: str) -> None:
    kept = open_kept()
    async with kept.making("a", LULU) as making, kept.making("b", MOMO) as other:
        if news == "learnt":
            kept.learn(LULU, 2)
        elif news == "doubted":
            kept.doubt(LULU)
        else:
            kept.line_down()
            kept.line_up()
        until = clock.now() + timedelta(seconds=60)
        assert not making.keep("A", 100, scope=LULU, version=1, until=until)
        kept_beside = other.keep("B", 100, scope=MOMO, version=1, until=until)
    assert kept_beside == (news != "line lost and back")
    assert kept.find("a") is None


async def test_nothing_is_kept_while_the_line_is_down_or_without_memory() -> None:
    down, none = Kept(1000), open_kept(0)
    assert not await put(down, "a")
    assert not await put(none, "a")
    kept = open_kept()
    await put(kept, "a")
    kept.line_down()
    assert (kept.up, kept.find("a"), kept.bytes) == (False, None, 0)


async def test_many_who_ask_at_once_have_it_made_once() -> None:
    kept, made = open_kept(), list[int]()

    async def ask(number: int) -> Any:
        async with kept.making("a", LULU) as making:
            if making.found is not None:
                return making.found
            made.append(number)
            await asyncio.sleep(0)
            until = clock.now() + timedelta(seconds=60)
            making.keep("A", 100, scope=LULU, version=1, until=until)
            return "A"

    assert await asyncio.gather(*(ask(number) for number in range(50))) == ["A"] * 50
    assert made == [0]


async def test_a_failure_is_nobody_elses() -> None:
    kept, tries = open_kept(), list[int]()

    async def ask(number: int) -> Any:
        async with kept.making("a", LULU) as making:
            assert making.found is None
            tries.append(number)
            await asyncio.sleep(0)
            raise OSError

    failed = await asyncio.gather(*(ask(number) for number in range(3)), return_exceptions=True)
    assert [type(error) for error in failed] == [OSError] * 3
    assert tries == [0, 1, 2]
    assert await put(kept, "a")


async def test_who_asks_after_news_is_not_handed_what_was_read_before_it() -> None:
    kept = open_kept()
    async with kept.making("a", LULU) as before:
        kept.doubt(LULU)
        async with asyncio.timeout(5), kept.making("a", LULU) as after:
            assert after.found is None
        before.keep("A", 1, scope=LULU, version=1, until=clock.now() + timedelta(seconds=60))
    assert kept.find("a") is None


async def test_memory_is_bounded_and_what_is_asked_for_again_stays() -> None:
    kept = open_kept(10 * (OVERHEAD + 100))
    for key in "abcd":
        await put(kept, key)
        kept.find(key)
    for number in range(200):
        await put(kept, f"flood-{number}")
        assert kept.bytes <= 10 * (OVERHEAD + 100)
    assert [kept.find(key) for key in "abcd"] == ["A", "B", "C", "D"]
    assert kept.find("flood-199") == "FLOOD-199"
    assert kept.find("flood-0") is None


async def test_what_would_push_out_much_else_is_not_kept() -> None:
    kept = open_kept(100_000)
    assert not await put(kept, "a", size=30_000)
    assert await put(kept, "b", size=20_000)


async def test_of_what_something_is_kept_is_told_and_what_is_over_goes() -> None:
    kept = open_kept()
    with time_machine.travel("2026-11-23T12:00:00+00:00", tick=False) as moment:
        await put(kept, "a", seconds=5)
        await put(kept, "b", seconds=60)
        await put(kept, "c", scope=MOMO, seconds=5)
        kept.find("c")
        assert kept.scopes() == [LULU, MOMO]
        moment.shift(5)
        assert kept.scopes() == [LULU]
        assert kept.bytes == OVERHEAD + 100
    kept.doubt(LULU)
    assert kept.scopes() == []
