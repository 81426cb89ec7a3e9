"""arq's worker, but for how it takes jobs up: all that wait in one round trip.

arq 0.28 asks four times for each job of its queue, one after the other, and for those too that this
very worker is at work on. Pinned: the tests must run with every update of arq.
"""

import asyncio

from arq.constants import in_progress_key_prefix
from arq.utils import timestamp_ms
from arq.worker import Worker


class JobWorker(Worker):
    """A worker that takes jobs up together. A job is taken by the mark that it is in progress,
    which one worker alone can set."""

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Starts those of the jobs that nobody is at work on, as many as there is room for."""
        wanted = [job for job in map(bytes.decode, job_ids) if not self._at_work(job)]
        wanted = wanted[: self.max_jobs - self.job_counter]
        if not wanted:
            return
        # Before anything is waited for: the relay and arq's own loop both call this.
        self.job_counter += len(wanted)
        taken: dict[str, int] = {}
        try:
            taken = await self._taken(wanted)
        finally:
            self.job_counter -= len(wanted) - len(taken)
        for job, score in taken.items():
            await self.sem.acquire()
            self.tasks[job] = task = self.loop.create_task(self.run_job(job, score))
            task.add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())

    def _at_work(self, job: str) -> bool:
        task = self.tasks.get(job)
        return task is not None and not task.done()

    async def _taken(self, wanted: list[str]) -> dict[str, int]:
        """Those that are ours now, with when they were due."""
        marks = [in_progress_key_prefix + job for job in wanted]
        lasting = int(self.in_progress_timeout_s * 1000)
        async with self.pool.pipeline(transaction=True) as pipe:
            for job, mark in zip(wanted, marks, strict=True):
                pipe.set(mark, b"1", px=lasting, nx=True)
                pipe.zscore(self.queue_name, job)
            told = await pipe.execute()
        now = timestamp_ms()
        answers = zip(wanted, told[::2], told[1::2], strict=True)
        ours = {job: score for job, set_by_us, score in answers if set_by_us}
        # Done meanwhile by another worker, or put off: not to be done now.
        over = [job for job, score in ours.items() if score is None or score > now]
        if over:
            await asyncio.shield(self.pool.delete(*(in_progress_key_prefix + job for job in over)))
        return {job: int(score) for job, score in ours.items() if job not in over}
