"""Longer work as a row: asked for in one transaction, done by a worker in others.

    queued -> running -> done | failed | canceled
    queued -> canceled

Each change is announced as `job:{id}`. The worker's calls take its own transaction, so that
progress and effect commit together.
"""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.tenants.errors import refuse
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.models import Job
from keystall.tenants.jobs.queries import JobView, job
from keystall.tenants.writing import Writing, writing

LIVE = ("queued", "running")


async def job_create(
    tx: Writing, shop: UUID, kind: str, *, asked: Mapping[str, Any], total: int = 0
) -> UUID:
    """Leaves a job in `tx` and the work on it in the outbox, as `job.<kind>`. `asked` holds ids."""
    job_id = new_id()
    await Job.create(
        id=job_id, shop_id=shop, kind=kind, state="queued", input=dict(asked), total=total
    )
    await tx.post(f"job.{kind}", job_id)
    tx.announce(f"job:{job_id}")
    return job_id


async def job_claim(tx: Writing, shop: UUID, job_id: UUID) -> JobView | None:
    """Starts a job, or goes on with one that a dead worker left; None where it has ended.

    The row stays locked until the end of `tx`.
    """
    claimed = await tx.execute(
        "update jobs set state = case when cancel then 'canceled' else 'running' end,"
        " finished_at = case when cancel then $3::timestamptz end"
        " where shop_id = $1 and id = $2 and state = any ($4::text[])",
        shop, job_id, clock.now(), list(LIVE),
    )  # fmt: skip
    if not claimed:
        return None
    tx.announce(f"job:{job_id}")
    found = await job(tx, shop, job_id)
    return found if found is not None and found.state == "running" else None


async def job_progress(tx: Writing, shop: UUID, job_id: UUID, *, done: int, total: int) -> bool:
    """Says how far a running job is; answers whether to go on."""
    going_on: bool | None = await tx.value(
        "update jobs set done = $3, total = $4"
        " where shop_id = $1 and id = $2 and state = 'running' returning not cancel",
        shop, job_id, done, total,
    )  # fmt: skip
    tx.announce(f"job:{job_id}")
    return bool(going_on)


async def job_finish(
    tx: Writing,
    shop: UUID,
    job_id: UUID,
    state: Literal["done", "failed", "canceled"],
    *,
    result: Mapping[str, Any],
) -> bool:
    """Ends a job that runs; answers false where it had ended. `result` holds counts, no code."""
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
