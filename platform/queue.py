"""Redis: waking the relay, handing jobs to arq, telling pages that something changed.

Nothing here is the only record of anything. A signal that is lost costs a second (the relay sweeps
the outbox), a lost job is handed out again when its lease ends, a lost message is made up for by
polling. So none of the telling functions raises when Redis is away; `enqueue` does, because the
relay must know that it did not hand the work over.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, cast
from uuid import UUID

import structlog
from arq.connections import RedisSettings
from arq.constants import default_queue_name, expires_extra_ms, job_key_prefix
from arq.jobs import serialize_job
from redis.asyncio import Redis
from redis.exceptions import RedisError

from keystall.platform import clock

_WAKE = "keystall:wake"
_LIVE = "keystall:live:"
_CONFIRM_SECONDS = 5.0
_HEAD_START_MS = timedelta(hours=1) // timedelta(milliseconds=1)
_log = structlog.get_logger()


def encode_job(job: Any) -> bytes:
    """Jobs travel as JSON: reading one can run no code, unlike arq's pickles."""
    return json.dumps(job, default=str).encode()


def decode_job(raw: bytes) -> Any:
    """What `encode_job` wrote."""
    return json.loads(raw)


@dataclass(frozen=True, slots=True)
class Item:
    """One outbox row for arq. The same row and attempt twice is one job. `ahead`: it goes before
    what was handed over in the last hour without."""

    kind: str
    shop: UUID
    id: UUID
    attempt: int
    ahead: bool = False


class Queue:
    """One process's line to Redis."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30
        )

    @classmethod
    def arq_settings(cls, redis_url: str) -> RedisSettings:
        """The same server, in arq's own words."""
        return RedisSettings.from_dsn(redis_url)

    @property
    def redis(self) -> Redis:
        """The client itself, for throttles and health checks."""
        return self._redis

    async def close(self) -> None:
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def enqueue(self, items: Iterable[Item]) -> None:
        """Hands outbox rows to arq: all of them or, as far as is known, none. What arq's own
        `enqueue_job` writes, which takes three round trips for each job.

        Raises RedisError when Redis is away.
        """
        now = int(clock.now().timestamp() * 1000)
        async with self._redis.pipeline(transaction=True) as pipe:
            for item in items:
                job_id = f"{item.id}:{item.attempt}"
                job = serialize_job(
                    item.kind, (str(item.shop), str(item.id)), {}, None, now, serializer=encode_job
                )
                pipe.psetex(job_key_prefix + job_id, expires_extra_ms, job)
                # arq takes up jobs in the order of when they may run: one that might have run an
                # hour ago passes those that wait. One that is queued already keeps its place.
                since = now - _HEAD_START_MS if item.ahead else now
                pipe.zadd(default_queue_name, {job_id: since}, nx=True)
            await pipe.execute()

    async def signal(self) -> None:
        """Wakes a relay: there is work in the outbox."""
        await self.tell((), wake=True)

    async def tell(self, topics: Sequence[str], *, wake: bool) -> None:
        """Says that whatever each of the topics stands for has changed, and nothing more; then
        wakes a relay where there is work in the outbox. One round trip."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for topic in topics:
                    pipe.publish(_LIVE + topic, b"changed")
                if wake:
                    pipe.lpush(_WAKE, 1)
                    # One token wakes one relay, which looks for all work: a second says no more.
                    pipe.ltrim(_WAKE, 0, 0)
                await pipe.execute()
        except (RedisError, OSError) as error:
            _log.warning("live messages or a wake signal lost", error=type(error).__name__)

    async def wait(self, seconds: float) -> None:
        """Returns on the next signal, or after `seconds` (fractions allowed) without one.

        Raises RedisError when Redis is away.
        """
        await cast(Awaitable[object], self._redis.blpop([_WAKE], timeout=cast(int, seconds)))

    async def publish(self, topic: str) -> None:
        """Says that whatever `topic` stands for has changed, and nothing more."""
        await self.tell((topic,), wake=False)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[str]]:
        """The topics that change, of all shops, while inside: none that is told from then on is
        missed.

        Raises RedisError when Redis is away or goes away.
        """
        async with self._redis.pubsub() as pubsub:
            await pubsub.psubscribe(_LIVE + "*")
            # Sent is not subscribed: what is published in between would be lost.
            if await pubsub.get_message(timeout=_CONFIRM_SECONDS) is None:
                raise RedisError("the subscription was not confirmed")

            async def topics() -> AsyncIterator[str]:
                while True:
                    message = await pubsub.get_message(timeout=2.0)
                    if message is None:
                        continue
                    if message["type"] == "psubscribe":
                        raise RedisError("the line was lost and came back by itself")
                    yield message["channel"].decode().removeprefix(_LIVE)

            yield topics()
