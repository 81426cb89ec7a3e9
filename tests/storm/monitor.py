"""Looking on as a superuser, by SQL, through every restart of the database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

_NOW = """
select (select count(*) from orders where status = 'delivered') as delivered,
       (select count(*) from orders where status in ('pending', 'refunding')) as open,
       (select count(*) from codes where variant_id = $1 and state = 'available')
         + (select coalesce(sum(codes), 0) from code_packs where variant_id = $1) as available,
       (select count(*) from outbox where done_at is null and failed_at is null
          and not (due_at > now() and (kind in ('payment.check', 'codes.forget_rejects')
            or kind = 'order.expire' and $2)))
          as undone,
       (select count(*) from inbox where applied_at is null) as unapplied
"""
_PAUSE = 0.25


class Monitor:
    """The newest look at the shops' state. `waits`: every hold's end is waited for. `away`
    counts why it could not look."""

    def __init__(self, url: str, variant: UUID, *, waits: bool) -> None:
        self._url, self._variant, self._waits = url, variant, waits
        self._looked = asyncio.Condition()
        self.away: Counter[str] = Counter()
        self.now: Mapping[str, Any] = {
            "delivered": 0, "open": 0, "available": 1, "undone": 0, "unapplied": 0,
        }  # fmt: skip

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Monitor"]:
        """Looks on while inside."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def next_look(self) -> Mapping[str, Any]:
        """State as it was after this was called."""
        async with self._looked:
            await self._looked.wait()  # this one may have begun before
            await self._looked.wait()
        return self.now

    async def hopeful(self, quantity: int) -> bool:
        """Whether `quantity` codes may still come to be had: they are there, or held unpaid."""
        now = await self.next_look()
        return bool(now["available"] >= quantity or now["open"])

    async def delivered(self, count: int) -> None:
        """Returns when so many orders are delivered."""
        while self.now["delivered"] < count:
            await self.next_look()

    async def quiet(self) -> None:
        """Returns when nothing is under way any more."""
        while True:
            now = await self.next_look()
            if not (now["open"] or now["undone"] or now["unapplied"]):
                return

    async def _run(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._url, timeout=5, command_timeout=10)
                try:
                    while True:
                        self.now = await connection.fetchrow(_NOW, self._variant, not self._waits)
                        async with self._looked:
                            self._looked.notify_all()
                        await asyncio.sleep(_PAUSE)
                finally:
                    connection.terminate()
            except Exception as error:  # whatever it is: it must look on to the end
                self.away[type(error).__name__] += 1
                await asyncio.sleep(_PAUSE)
