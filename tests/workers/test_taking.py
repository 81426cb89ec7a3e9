"""Taking jobs up from a real Redis: each once, no more than there is room for, all in one go."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from arq.connections import ArqRedis
from arq.worker import Retry, func
from redis.asyncio.connection import AbstractConnection

from keystall.platform.ids import new_id
from keystall.platform.queue import Item, decode_job, encode_job
from keystall.tenants.installation import Installation
from keystall.workers.taking import MARK_SECONDS, JobWorker

SHOP = UUID(int=7)
KIND = "order.expire"
Work = Callable[[str], Awaitable[None]]


class Crew:
    """Workers on one queue, and what they did."""

    def __init__(self, installation: Installation) -> None:
        self.queue = installation.queue
        self.done: list[str] = []
        self._workers: list[JobWorker] = []

    def worker(self, work: Work | None = None, *, most: int = 32) -> JobWorker:
        async def job(ctx: dict[str, Any], shop: str, item: str) -> None:
            if work is not None:
                await work(item)
            self.done.append(item)

        pool: ArqRedis = ArqRedis(
            connection_pool=self.queue.redis.connection_pool,
            job_serializer=encode_job, job_deserializer=decode_job,
        )  # fmt: skip
        worker = JobWorker(
            [func(job, name=KIND)], redis_pool=pool, max_jobs=most, keep_result=0,
            job_serializer=encode_job, job_deserializer=decode_job, handle_signals=False,
        )  # fmt: skip
        self._workers.append(worker)
        return worker

    async def end(self) -> None:
        """Ends what a test that failed has left at work."""
        tasks = [task for worker in self._workers for task in worker.tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def post(self, count: int) -> set[str]:
        items = [Item(KIND, SHOP, new_id(), attempt=1) for _ in range(count)]
        await self.queue.enqueue(items)
        return {str(item.id) for item in items}

    async def others(self, count: int) -> None:
        """As many jobs at the head of the queue that somebody else is at work on, or was."""
        for job in await self.post(count):
            await self.queue.redis.set(f"arq:in-progress:{job}:1", b"1", ex=3600)
            await self.queue.redis.zincrby("arq:queue", -1000, f"{job}:1")

    async def marks(self) -> list[bytes]:
        return [key for key in await self.left() if b"in-progress" in key]

    async def queued(self) -> list[bytes]:
        jobs: list[bytes] = await self.queue.redis.zrange("arq:queue", 0, -1)
        return jobs

    async def left(self) -> list[bytes]:
        keys: list[bytes] = await self.queue.redis.keys("arq:*")
        return sorted(key for key in keys if not key.endswith(b":health-check"))


@pytest.fixture
async def crew(installation: Installation) -> AsyncIterator[Crew]:
    await installation.queue.redis.flushdb()
    crew = Crew(installation)
    yield crew
    await crew.end()
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
    assert await crew.marks() == []
    assert worker.job_counter == 0


@pytest.mark.parametrize("others", [2, 90])
async def test_jobs_that_others_are_at_work_on_keep_nothing_back(crew: Crew, others: int) -> None:
    await crew.others(others)
    wanted = await crew.post(3)
    worker = crew.worker(most=2)

    await looked(worker)
    assert len(crew.done) == 2
    await looked(worker)

    assert sorted(crew.done) == sorted(wanted)
    assert (len(await crew.marks()), worker.job_counter) == (others, 0)


async def test_a_worker_that_is_full_keeps_no_other_from_the_rest(crew: Crew) -> None:
    await crew.post(2)
    gate = asyncio.Event()

    async def waits(_: str) -> None:
        await gate.wait()

    full, other = crew.worker(waits, most=2), crew.worker(most=2)
    await full._poll_iteration()
    rest = await crew.post(3)
    await looked(other)
    await looked(other)

    assert sorted(crew.done) == sorted(rest)
    gate.set()
    await looked(full)
    assert (len(crew.done), await crew.left()) == (5, [])


async def test_who_is_cancelled_while_taking_leaves_no_job_that_nobody_runs(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = await crew.post(3)
    worker, queued = crew.worker(), await crew.queued()
    answered, gate = asyncio.Event(), asyncio.Event()
    read = AbstractConnection.read_response

    async def held(connection: Any, *args: Any, **kwargs: Any) -> Any:
        answer = await read(connection, *args, **kwargs)
        answered.set()
        await gate.wait()
        return answer

    with monkeypatch.context() as slow:
        slow.setattr(AbstractConnection, "read_response", held)
        taking = asyncio.create_task(worker.start_jobs(queued))
        await answered.wait()
        taking.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await taking

    assert (await crew.marks(), worker.tasks, worker.job_counter) == ([], {}, 0)
    await looked(crew.worker())
    assert sorted(crew.done) == sorted(wanted)


async def test_the_mark_of_a_job_lasts_as_long_as_its_worker_lives_and_little_longer(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crew.post(1)
    gate = asyncio.Event()

    async def waits(_: str) -> None:
        await gate.wait()

    worker, redis = crew.worker(waits), crew.queue.redis
    await worker._poll_iteration()
    (mark,) = await crew.marks()
    assert 0 < await redis.pttl(mark) <= MARK_SECONDS * 1000
    await redis.pexpire(mark, 5000)
    await worker._poll_iteration()  # not yet
    assert await redis.pttl(mark) <= 5000
    monkeypatch.setattr("keystall.workers.taking.RENEWED_SECONDS", 0)
    await worker._poll_iteration()
    assert 5000 < await redis.pttl(mark) <= MARK_SECONDS * 1000

    gate.set()
    await looked(worker)
    assert await crew.left() == []


async def test_all_jobs_are_taken_up_in_one_round_trip(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crew.others(10)
    await crew.post(10)
    gate = asyncio.Event()

    async def waits(_: str) -> None:
        await gate.wait()

    worker, queued = crew.worker(waits), await crew.queued()
    sent: list[Any] = []
    send = AbstractConnection.send_packed_command

    async def counted(connection: Any, command: Any, *args: Any, **kwargs: Any) -> None:
        sent.append(command)
        await send(connection, command, *args, **kwargs)

    with monkeypatch.context() as counting:
        counting.setattr(AbstractConnection, "send_packed_command", counted)
        await worker.start_jobs(queued)
        await worker.start_jobs(queued[10:])  # at work on all of them: there is nothing to ask
        assert len(sent) == 1

    gate.set()
    await asyncio.gather(*worker.tasks.values())
    assert len(crew.done) == 10
