"""Reading jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, columns

JobState = Literal["queued", "running", "done", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class JobView:
    """Longer work: `done` of `total` items; `cancel` says that it was asked to stop. What has a
    default may be UNREAD."""

    id: UUID
    kind: str
    state: JobState
    done: int
    total: int
    cancel: bool
    created_at: datetime
    finished_at: datetime | None
    input: Mapping[str, Any] = UNREAD
    result: Mapping[str, Any] = UNREAD


async def job(
    db: Reads, shop: UUID, job_id: UUID, *, without: frozenset[str] = NOTHING
) -> JobView | None:
    """One job of the shop."""
    row = await db.row(
        f"select {columns(JobView, without)} from jobs where shop_id = $1 and id = $2",  # noqa: S608
        shop, job_id,
    )  # fmt: skip
    return None if row is None else JobView(**row)
