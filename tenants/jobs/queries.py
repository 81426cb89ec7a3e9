"""Reading jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from keystall.platform.database import Reads

JobState = Literal["queued", "running", "done", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class JobView:
    """Longer work: `done` of `total` items; `cancel` says that it was asked to stop."""

    id: UUID
    kind: str
    state: JobState
    done: int
    total: int
    cancel: bool
    input: Mapping[str, Any]
    result: Mapping[str, Any]
    created_at: datetime
    finished_at: datetime | None


async def job(db: Reads, shop: UUID, job_id: UUID) -> JobView | None:
    """One job of the shop."""
    row = await db.row(
        "select id, kind, state, done, total, cancel, input, result, created_at, finished_at"
        " from jobs where shop_id = $1 and id = $2",
        shop, job_id,
    )  # fmt: skip
    return None if row is None else JobView(**row)
