"""Taking jobs up from a real Redis: each once, no more than there is room for, all in one go."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from arq.connections import ArqRedis
from arq.worker import Retry, func
from redis.asyncio.client import Pipeline

from keystall.platform.ids import new_id
from keystall.platform.queue import Item, decode_job, encode_job
from keystall.tenants.installation import Installation
from keystall.workers.taking import JobWorker

SHOP = UUID(int=7)
KIND = "order.expire"
Work = Callable[[str], Awaitable[None]]


class Crew:
    """Workers on one queue, and what they did."""

    def __init__(self, installation: Installation) -> None:
        self.queue = installation.queue
        self.done: list[str] = []
        self._pools: list[ArqRedis] = []

    def worker(self, work: Work | None = None, *, most: int = 32) -> JobWorker:
        async def job(ctx: dict[str, Any], shop: str, item: str) -> None:
            if work is not None:
                await work(item)
            self.done.append(item)

        pool: ArqRedis = ArqRedis(
            connection_pool=self.queue.redis.connection_pool,
            job_serializer=encode_job, job_deserializer=decode_job,
        )  # fmt: skip
        self._pools.append(pool)
        return JobWorker(
            [func(job, name=KIND)], redis_pool=pool, max_jobs=most, keep_result=0,
            job_serializer=encode_job, job_deserializer=decode_job, handle_signals=False,
        )  # fmt: skip

    async def post(self, count: int) -> set[str]:
        items = [Item(KIND, SHOP, new_id(), attempt=1) for _ in range(count)]
        await self.queue.enqueue(items)
        return {str(item.id) for item in items}

    async def left(self) -> list[bytes]:
        keys: list[bytes] = await self.queue.redis.keys("arq:*")
        return sorted(key for key in keys if not key.endswith(b":health-check"))


@pytest.fixture
async def crew(installation: Installation) -> AsyncIterator[Crew]:
    await installation.queue.redis.flushdb()
    yield Crew(installation)
    await installation.queue.redis.flushdb()


async def looked(*workers: JobWorker) -> None:
    """All of them look at the queue at once, and finish what they took."""
    await asyncio.gather(*(worker._poll_iteration() for worker in workers))
    for worker in workers:
        await asyncio.gather(*worker.tasks.values())


async def test_two_workers_take_each_job_once_and_leave_nothing(crew: Crew) -> None:
    wanted = await crew.post(20)
    one, other = crew.worker(), crew.worker()

    await looked(one, one, other)

    assert sorted(crew.done) == sorted(wanted)
    assert await crew.left() == []
    assert (one.job_counter, other.job_counter) == (0, 0)


async def test_no_more_jobs_are_taken_than_there_is_room_for(crew: Crew) -> None:
    wanted = await crew.post(5)
    gate = asyncio.Event()

    async def waits(_: str) -> None:
        await gate.wait()

    worker = crew.worker(waits, most=2)
    for _ in range(2):
        await worker._poll_iteration()
    assert worker.job_counter == 2
    gate.set()
    for _ in range(3):
        await looked(worker)

    assert sorted(crew.done) == sorted(wanted)
    assert (await crew.left(), worker.job_counter) == ([], 0)


async def test_a_job_that_was_put_off_or_is_done_is_not_taken(crew: Crew) -> None:
    (job,) = await crew.post(1)
    tries: list[str] = []

    async def later(item: str) -> None:
        tries.append(item)
        raise Retry(defer=60)

    worker = crew.worker(later)
    for _ in range(3):
        await looked(worker)
    await worker.start_jobs([f"{job}:1".encode(), b"gone:1"])

    assert tries == [job]
    assert b"arq:queue" in await crew.left()
    assert not any(b"in-progress" in key for key in await crew.left())
    assert worker.job_counter == 0


async def test_all_jobs_are_taken_up_in_one_round_trip(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crew.post(10)
    gate = asyncio.Event()

    async def waits(_: str) -> None:
        await gate.wait()

    worker = crew.worker(waits)
    asked: list[int] = []
    execute = Pipeline.execute

    async def counted(pipe: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(len(pipe.command_stack))
        return await execute(pipe, *args, **kwargs)

    monkeypatch.setattr(Pipeline, "execute", counted)
    queued: list[bytes] = await crew.queue.redis.zrange("arq:queue", 0, -1)
    await worker.start_jobs(queued)
    await worker.start_jobs(queued)  # it is at work on all of them: there is nothing to ask

    assert asked == [20]
    gate.set()
    await asyncio.gather(*worker.tasks.values())
    assert len(crew.done) == 10
