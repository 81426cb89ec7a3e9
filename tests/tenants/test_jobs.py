from typing import Literal
from uuid import UUID

import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.queries import JobView, job
from keystall.tenants.jobs.service import (
    job_cancel,
    job_claim,
    job_create,
    job_finish,
    job_progress,
)
from keystall.tenants.writing import writing
from tests.factories import a_shop


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[tuple[str, ...], str]]:
    return [(error.path, error.code) for error in refused.value.errors]


async def a_job(installation: Installation) -> tuple[UUID, UUID]:
    """Shop and job."""
    shop = (await a_shop(installation)).id
    async with writing(installation, shop) as tx:
        return shop, await job_create(tx, shop, "codes_import", asked={"batch": "b1"}, total=9)


async def read(shop: UUID, job_id: UUID, *, at: UUID | None = None) -> JobView | None:
    async with database.transaction(at or shop) as db:
        return await job(db, shop, job_id)


async def claimed(installation: Installation, shop: UUID, job_id: UUID) -> JobView | None:
    async with writing(installation, shop) as tx:
        return await job_claim(tx, shop, job_id)


async def finished(
    installation: Installation, shop: UUID, job_id: UUID, state: Literal["done", "failed"]
) -> bool:
    async with writing(installation, shop) as tx:
        return await job_finish(tx, shop, job_id, state, result={"added": 9})


async def test_a_job_is_asked_for_together_with_its_work(installation: Installation) -> None:
    shop, job_id = await a_job(installation)

    found = await read(shop, job_id)
    async with database.transaction(shop) as db:
        work = await db.rows("select kind, subject_id from outbox where shop_id = $1", shop)

    assert found is not None
    assert (found.kind, found.state, found.done, found.total) == ("codes_import", "queued", 0, 9)
    assert (found.input, found.result, found.finished_at) == ({"batch": "b1"}, {}, None)
    assert [dict(row) for row in work] == [{"kind": "job.codes_import", "subject_id": job_id}]


async def test_a_job_runs_tells_its_progress_and_ends_once(installation: Installation) -> None:
    shop, job_id = await a_job(installation)

    first = await claimed(installation, shop, job_id)
    again = await claimed(installation, shop, job_id)
    async with writing(installation, shop) as tx:
        going_on = await job_progress(tx, shop, job_id, done=4, total=10)
    halfway = await read(shop, job_id)
    ended = await finished(installation, shop, job_id, "done")
    twice = await finished(installation, shop, job_id, "failed")
    async with writing(installation, shop) as tx:
        after_end = await job_progress(tx, shop, job_id, done=1, total=1)
    last = await read(shop, job_id)

    assert first is not None
    assert first.state == "running"
    assert again == first
    assert halfway is not None
    assert (going_on, halfway.done, halfway.total) == (True, 4, 10)
    assert (ended, twice, after_end) == (True, False, False)
    assert last is not None
    assert (last.state, last.done, last.result) == ("done", 4, {"added": 9})
    assert last.finished_at is not None
    assert await claimed(installation, shop, job_id) is None


async def test_a_waiting_job_is_canceled_at_once(installation: Installation) -> None:
    shop, job_id = await a_job(installation)

    canceled = await job_cancel(installation, shop, job_id)

    assert (canceled.state, canceled.cancel) == ("canceled", True)
    assert canceled.finished_at is not None
    assert await claimed(installation, shop, job_id) is None
    assert await read(shop, job_id) == canceled


async def test_a_running_job_is_asked_to_stop_and_stops_at_its_next_step(
    installation: Installation,
) -> None:
    shop, job_id = await a_job(installation)
    await claimed(installation, shop, job_id)

    asked = await job_cancel(installation, shop, job_id)
    async with writing(installation, shop) as tx:
        going_on = await job_progress(tx, shop, job_id, done=1, total=9)
    async with writing(installation, shop) as tx:
        ended = await job_finish(tx, shop, job_id, "canceled", result={"added": 1})
    last = await read(shop, job_id)

    assert (asked.state, asked.cancel, asked.finished_at) == ("running", True, None)
    assert (going_on, ended) == (False, True)
    assert last is not None
    assert (last.state, last.done, last.result) == ("canceled", 1, {"added": 1})


async def test_a_job_asked_to_stop_is_not_taken_up_again_after_its_worker_died(
    installation: Installation,
) -> None:
    shop, job_id = await a_job(installation)
    await claimed(installation, shop, job_id)
    await job_cancel(installation, shop, job_id)

    assert await claimed(installation, shop, job_id) is None
    last = await read(shop, job_id)
    assert last is not None
    assert last.state == "canceled"
    assert last.finished_at is not None


async def test_an_ended_job_is_not_canceled(installation: Installation) -> None:
    shop, job_id = await a_job(installation)
    await claimed(installation, shop, job_id)
    await finished(installation, shop, job_id, "done")
    before = await read(shop, job_id)

    with pytest.raises(Refused) as refused:
        await job_cancel(installation, shop, job_id)
    with pytest.raises(Refused) as unknown:
        await job_cancel(installation, shop, new_id())

    assert codes(refused) == [(("id",), "CONFLICT")]
    assert codes(unknown) == [(("id",), "NOT_FOUND")]
    assert await read(shop, job_id) == before


async def test_another_shop_neither_sees_nor_stops_a_job(installation: Installation) -> None:
    shop, job_id = await a_job(installation)
    other = (await a_shop(installation)).id
    before = await read(shop, job_id)

    with pytest.raises(Refused) as refused:
        await job_cancel(installation, other, job_id)

    assert codes(refused) == [(("id",), "NOT_FOUND")]
    assert await claimed(installation, other, job_id) is None
    assert await finished(installation, other, job_id, "done") is False
    assert await read(other, job_id) is None
    assert await read(shop, job_id, at=other) is None
    assert await read(shop, job_id) == before
