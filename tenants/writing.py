"""The write path: one service call, one transaction, its consequences in the outbox.

    async with writing(installation, shop.id) as tx:
        ...decide, write rows...
        await tx.post("order.expire", order_id, due_at=expires_at)
        tx.announce(f"order:{order_id}")

Whatever was posted commits or vanishes with the rows; only after the commit is the relay woken and
are the announced topics published. No network inside. A rehearsal does all of it but the last step:
it takes the same locks, writes the same rows, is refused for the same reasons, and is rolled back.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.crypto import KeyRing
from keystall.platform.database import Row, Transaction
from keystall.platform.ids import new_id
from keystall.tenants.audit.acting import entry_opened
from keystall.tenants.installation import Installation

INSTALLATION = UUID(int=0)
"""Stands for the shop where the installation itself has work: mail to accounts, say."""


@dataclass(frozen=True, slots=True)
class Due:
    """Work of `kind` about the row `subject`, to be done at a later moment. `item` is its own id: a
    new one, or one by which it is found and ended when there is nothing to do any more."""

    kind: str
    subject: UUID
    at: datetime
    item: UUID = field(default_factory=new_id)


class _Rehearsed(Exception):
    """A rehearsal has come to its end: nothing of it is kept."""


class Writing:
    """A transaction of one shop that can post work and announce changes. `keys` open what it
    touches: codes that rest in packs, say."""

    def __init__(self, tx: Transaction, shop: UUID, keys: KeyRing) -> None:
        self.keys = keys
        self._tx = tx
        self._shop = shop
        self._works: list[Due] = []
        self._posted = False
        self._topics: list[str] = []

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        return await self._tx.rows(sql, *args)

    async def row(self, sql: str, *args: object) -> Row | None:
        return await self._tx.row(sql, *args)

    async def value(self, sql: str, *args: object) -> Any:
        return await self._tx.value(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        return await self._tx.execute(sql, *args)

    async def post(self, kind: str, subject: UUID, *, due_at: datetime | None = None) -> UUID:
        """Leaves work of `kind` about the row `subject`, due now or at `due_at`; answers its id.

        It is written with all other work of the transaction, at its end.
        """
        work = Due(kind, subject, due_at or clock.now())
        self._works.append(work)
        self._posted = self._posted or due_at is None
        return work.item

    async def post_now(self, kind: str, subjects: Sequence[UUID]) -> None:
        """Leaves work of `kind` about each of the rows, due now."""
        for subject in subjects:
            await self.post(kind, subject)

    async def post_later(self, *works: Due) -> None:
        """Leaves several."""
        self._works += works

    async def write_posted(self) -> None:
        """Writes what was posted, by one statement."""
        if self._works:
            await self._tx.execute(
                "insert into outbox (shop_id, id, kind, subject_id, due_at)"
                " select $1, * from unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])",
                self._shop,
                [work.item for work in self._works],
                [work.kind for work in self._works],
                [work.subject for work in self._works],
                [work.at for work in self._works],
            )

    def announce(self, topic: str) -> None:
        """Tells open pages, after the commit, that what `topic` stands for has changed."""
        self._topics.append(topic)

    async def tell(self, installation: Installation) -> None:
        """After the commit: wakes whoever waits for it. Losing this loses nothing but time."""
        # Who looks at a page goes first: what the signal sets going (mails) keeps a worker busy.
        topics = [f"{self._shop}:{topic}" for topic in self._topics]
        if topics or self._posted:
            await installation.queue.tell(topics, wake=self._posted)


@asynccontextmanager
async def writing(
    installation: Installation, shop: UUID, *, rehearsal: bool = False, few: bool = False
) -> AsyncIterator[Writing]:
    """One unit of work on the rows of `shop`, recorded as the deed of whoever is at work.

    A `rehearsal` is rolled back at its end, and nobody is told of anything. `few` is that of
    `database.transaction`.
    """
    try:
        async with database.transaction(shop, few=few) as tx:
            work = Writing(tx, shop, installation.keys)
            if shop != INSTALLATION:
                await entry_opened(tx, shop)
            yield work
            await work.write_posted()
            if rehearsal:
                raise _Rehearsed
    except _Rehearsed:
        return
    await work.tell(installation)
