"""Work that failed: seen, tried anew or given up by the operator, and by whom.

In trouble is what was tried TROUBLED times in a row and failed. What may be given up is, after
MAX_ATTEMPTS (`given up`); what moves money or goods goes on (`failing`), and can be tried at once
but never dropped.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, columns
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.texts import text_errors
from keystall.tenants.writing import INSTALLATION, writing

NOTE_LIMIT = 500
CHUNK = 500
"""Rows of one transaction, where many are tried anew or dropped."""


@dataclass(frozen=True, slots=True)
class FailedWork:
    """One piece of work in trouble. The shop's three are None for the installation's own work, and
    may be UNREAD; `failed_at` is None while it is still tried, next at `due_at`."""

    id: UUID
    kind: str
    problem: str
    attempts: int
    created_at: datetime
    failed_at: datetime | None
    due_at: datetime
    shop_id: UUID | None = UNREAD
    shop_slug: str | None = UNREAD
    shop_name: str | None = UNREAD


@dataclass(frozen=True, slots=True)
class FailedWorkCount:
    """How much work of a kind is in trouble, and since when the oldest of it waits."""

    kind: str
    given_up: int
    failing: int
    oldest_at: datetime


async def failed_work(
    db: Reads,
    viewer: Viewer,
    *,
    kind: str | None,
    after: UUID | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[FailedWork]:
    """Work in trouble, newest first, `limit` at most, older than `after`."""
    rows = await db.rows(
        f"select {columns(FailedWork, without)} from operator_work($1, null, $2, $3, $4, $5)",  # noqa: S608
        viewer.secret_hash, kind or None, after, limit, list(without),
    )  # fmt: skip
    return [FailedWork(**row) for row in rows]


async def failed_work_item(
    db: Reads, viewer: Viewer, item: UUID, *, without: frozenset[str] = NOTHING
) -> FailedWork | None:
    """One piece of work, while it is in trouble."""
    row = await db.row(
        f"select {columns(FailedWork, without)} from operator_work($1, $2, null, null, 1, $3)",  # noqa: S608
        viewer.secret_hash, item, list(without),
    )  # fmt: skip
    return None if row is None else FailedWork(**row)


async def failed_work_counts(db: Reads, viewer: Viewer) -> list[FailedWorkCount]:
    """The same counted, by kind."""
    rows = await db.rows("select * from operator_work_counts($1)", viewer.secret_hash)
    return [FailedWorkCount(**row) for row in rows]


async def work_retry(installation: Installation, viewer: Viewer, item: UUID) -> int:
    """Has one piece of work tried anew at once. Answers 1, or 0 where it is in no trouble any more:
    done, dropped or retried meanwhile, so asking twice is asking once."""
    return await _retry(installation, viewer, item, None)


async def work_retry_kind(installation: Installation, viewer: Viewer, kind: str) -> int:
    """Has all work of a kind that is in trouble tried anew; answers how much it was."""
    return await _retry(installation, viewer, None, kind)


async def work_drop(installation: Installation, viewer: Viewer, item: UUID, *, note: str) -> int:
    """Gives one piece of work up for good; answers 1, or 0 where it is in no trouble any more.

    Refuses REQUIRED, TOO_LONG, INVALID for the note; CONFLICT while it is still tried.
    """
    note = _noted(note)
    async with writing(installation, INSTALLATION) as tx:
        dropped: int = await tx.value(
            "select operator_work_drop($1, $2, null, $3, 1)", viewer.secret_hash, item, note
        )
        if not dropped and await failed_work_item(tx, viewer, item):
            raise refuse("CONFLICT", "id")
    return dropped


async def work_drop_kind(
    installation: Installation, viewer: Viewer, kind: str, *, note: str
) -> int:
    """Gives all work of a kind up that is tried no more; answers how much it was.

    Refuses what `work_drop` refuses of a note.
    """
    note, count = _noted(note), 0
    while True:
        async with writing(installation, INSTALLATION) as tx:
            dropped: int = await tx.value(
                "select operator_work_drop($1, null, $2, $3, $4)",
                viewer.secret_hash, kind, note, CHUNK,
            )  # fmt: skip
        count += dropped
        if dropped < CHUNK:
            return count


async def _retry(
    installation: Installation, viewer: Viewer, item: UUID | None, kind: str | None
) -> int:
    count = 0
    while True:
        async with writing(installation, INSTALLATION) as tx:
            retried: int = await tx.value(
                "select operator_work_retry($1, $2, $3, $4)",
                viewer.secret_hash, item, kind, CHUNK,
            )  # fmt: skip
        if retried:
            await installation.queue.signal()
        count += retried
        if retried < CHUNK:
            return count


def _noted(note: str) -> str:
    errors = text_errors(note, "note", limit=NOTE_LIMIT, required=True, lines=True)
    if errors:
        raise Refused(*errors)
    return note.strip()
