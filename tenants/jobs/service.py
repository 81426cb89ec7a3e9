"""Longer work as a row: asked for in one transaction, done by a worker in others, ended here.

    queued -> running -> done | failed | canceled
    queued -> canceled

Each change is announced as `job:{id}`.
"""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from keystall.platform import clock
from keystall.tenants.errors import refuse
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.models import Job
from keystall.tenants.jobs.queries import JobView, job
from keystall.tenants.writing import Writing, writing

LIVE = ("queued", "running")


async def job_finish(
    tx: Writing,
    shop: UUID,
    job_id: UUID,
    state: Literal["done", "failed", "canceled"],
    *,
    result: Mapping[str, Any],
) -> bool:
    """Ends a job in the worker's transaction, so that end and effect commit together; answers false
    where it had ended. `result` holds counts, no code."""
    finished = await Job.filter(shop_id=shop, id=job_id, state__in=LIVE).update(
        state=state, result=dict(result), finished_at=clock.now()
    )
    tx.announce(f"job:{job_id}")
    return bool(finished)


async def job_cancel(installation: Installation, shop: UUID, job_id: UUID) -> JobView:
    """Asks a job to stop: at once where it waits, at its next step where it runs.

    Refuses NOT_FOUND; CONFLICT for one that has ended.
    """
    async with writing(installation, shop) as tx:
        stopped = await tx.execute(
            "update jobs set cancel = true,"
            " finished_at = case when state = 'queued' then $3::timestamptz end,"
            " state = case when state = 'queued' then 'canceled' else state end"
            " where shop_id = $1 and id = $2 and state = any ($4::text[])",
            shop, job_id, clock.now(), list(LIVE),
        )  # fmt: skip
        found = await job(tx, shop, job_id)
        if found is None:
            raise refuse("NOT_FOUND", "id")
        if not stopped:
            raise refuse("CONFLICT", "id")
        tx.announce(f"job:{job_id}")
        return found
