from typing import Literal
from uuid import UUID

import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.models import Job
from keystall.tenants.jobs.queries import JobView, job
from keystall.tenants.jobs.service import job_cancel, job_finish
from keystall.tenants.writing import writing
from tests.factories import a_shop


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[tuple[str, ...], str]]:
    return [(error.path, error.code) for error in refused.value.errors]


async def a_job(
    installation: Installation, *, state: Literal["queued", "running"] = "queued"
) -> tuple[UUID, UUID]:
    """Shop and job."""
    shop, job_id = (await a_shop(installation)).id, new_id()
    async with writing(installation, shop):
        await Job.create(
            id=job_id, shop_id=shop, kind="codes_import", state=state, total=9, input={"file": "f1"}
        )
    return shop, job_id


async def read(shop: UUID, job_id: UUID, *, at: UUID | None = None) -> JobView | None:
    async with database.transaction(at or shop) as db:
        return await job(db, shop, job_id)


async def finished(
    installation: Installation,
    shop: UUID,
    job_id: UUID,
    state: Literal["done", "failed", "canceled"],
) -> bool:
    async with writing(installation, shop) as tx:
        return await job_finish(tx, shop, job_id, state, result={"added": 9})


async def test_a_job_ends_once(installation: Installation) -> None:
    shop, job_id = await a_job(installation, state="running")

    ended = await finished(installation, shop, job_id, "done")
    twice = await finished(installation, shop, job_id, "failed")
    last = await read(shop, job_id)

    assert (ended, twice) == (True, False)
    assert last is not None
    assert (last.kind, last.state, last.done, last.total) == ("codes_import", "done", 0, 9)
    assert (last.input, last.result) == ({"file": "f1"}, {"added": 9})
    assert last.finished_at is not None


async def test_a_waiting_job_is_canceled_at_once(installation: Installation) -> None:
    shop, job_id = await a_job(installation)

    canceled = await job_cancel(installation, shop, job_id)

    assert (canceled.state, canceled.cancel) == ("canceled", True)
    assert canceled.finished_at is not None
    assert await finished(installation, shop, job_id, "done") is False
    assert await read(shop, job_id) == canceled


async def test_a_running_job_is_asked_to_stop_and_ends_by_its_worker(
    installation: Installation,
) -> None:
    shop, job_id = await a_job(installation, state="running")

    asked = await job_cancel(installation, shop, job_id)
    ended = await finished(installation, shop, job_id, "canceled")
    last = await read(shop, job_id)

    assert (asked.state, asked.cancel, asked.finished_at) == ("running", True, None)
    assert ended is True
    assert last is not None
    assert (last.state, last.cancel, last.result) == ("canceled", True, {"added": 9})


async def test_an_ended_job_is_not_canceled(installation: Installation) -> None:
    shop, job_id = await a_job(installation)
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
    assert await finished(installation, other, job_id, "done") is False
    assert await read(other, job_id) is None
    assert await read(shop, job_id, at=other) is None
    assert await read(shop, job_id) == before
