"""arq's worker, but for how it takes jobs up: all that wait in one round trip.

arq 0.28 asks four times for each job of its queue, one after the other, and for those too that this
very worker is at work on. And it believes the mark that a job is in progress for as long as the
longest kind of job may take, an import's hour, though nothing but the mark may be left of a worker
that died. Here a mark lasts two minutes, and who is at work renews it. A mark only spares work:
that a job has its effect once is what `tenants.outbox.claims` is for.

Pinned: the tests must run with every update of arq.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any, cast

from arq.constants import in_progress_key_prefix
from arq.utils import timestamp_ms
from arq.worker import Worker
from redis.exceptions import RedisError

MARK_SECONDS = 120
RENEWED_SECONDS = 30
"""Between two renewals. What outlives a dead worker, 90 s at least, is longer than it takes until
short work that is handed out again is done; then its old job finds nothing to do."""

# The queue's key and the jobs' marks; how many to take at most, the time, how long a mark lasts
# (milliseconds), and the jobs. A job that is done meanwhile or put off is not to be done now.
_TAKE = """
local taken = {}
for place = 2, #KEYS do
  local job = ARGV[place + 2]
  local due = redis.call('ZSCORE', KEYS[1], job)
  if due and tonumber(due) <= tonumber(ARGV[2])
    and redis.call('SET', KEYS[place], '1', 'NX', 'PX', ARGV[3])
  then
    taken[#taken + 1] = {job, due}
    if #taken == tonumber(ARGV[1]) then break end
  end
end
return taken
"""


class JobWorker(Worker):
    """A worker that takes jobs up together. A job is taken by the mark that it is in progress,
    which one worker alone can set."""

    _renewed = 0.0

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Starts the first of the jobs that nobody is at work on, as many as there is room for."""
        wanted = [job for job in map(bytes.decode, job_ids) if not self._at_work(job)]
        room = min(self.max_jobs - self.job_counter, len(wanted))
        if room <= 0:
            return
        # Before anything is waited for: the relay and arq's own loop both call this.
        self.job_counter += room
        taken: dict[str, int] = {}
        try:
            taken = await self._taken(wanted, room)
        finally:
            self.job_counter -= room - len(taken)
        for job, score in taken.items():
            await self.sem.acquire()  # There is room: it does not wait, and no cancel comes in.
            self.tasks[job] = task = self.loop.create_task(self.run_job(job, score))
            task.add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())

    async def heart_beat(self) -> None:
        """Renews the marks of what this worker is at work on. arq calls it at each look."""
        if monotonic() - self._renewed >= RENEWED_SECONDS:
            self._renewed = monotonic()
            async with self.pool.pipeline(transaction=False) as pipe:
                for mark in _marks(filter(self._at_work, self.tasks)):
                    pipe.pexpire(mark, MARK_SECONDS * 1000)  # One that is gone stays gone.
                await pipe.execute()
        await super().heart_beat()

    def _at_work(self, job: str) -> bool:
        task = self.tasks.get(job)
        return task is not None and not task.done()

    async def _taken(self, wanted: list[str], room: int) -> dict[str, int]:
        """Those that are ours now, with when they were due. Cancelled, it leaves none marked."""
        asking = asyncio.ensure_future(self._take(wanted, room))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            # Redis marks them all the same, and nobody would run them.
            with suppress(RedisError, OSError):
                if taken := await asking:
                    await self.pool.delete(*_marks(taken))
            raise

    async def _take(self, wanted: list[str], room: int) -> dict[str, int]:
        keys = [self.queue_name, *_marks(wanted)]
        asked: list[Any] = [*keys, room, timestamp_ms(), MARK_SECONDS * 1000, *wanted]
        taken = await cast("Awaitable[list[Any]]", self.pool.eval(_TAKE, len(keys), *asked))
        return {job.decode(): int(float(due)) for job, due in taken}


def _marks(jobs: Iterable[str]) -> list[str]:
    return [in_progress_key_prefix + job for job in jobs]
