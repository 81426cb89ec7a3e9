"""Failed work on the operator's desk: seen, tried anew, given up, beside a relay that runs."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.platform.metrics import FAILED_WORK, FAILING_WORK
from keystall.tenants.desk.record import operator_actions
from keystall.tenants.desk.work import (
    FailedWorkCount,
    failed_work,
    failed_work_counts,
    work_drop,
    work_drop_kind,
    work_retry,
    work_retry_kind,
)
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import MAX_ATTEMPTS, claim, fail
from keystall.tenants.shops.shop import Shop
from keystall.workers.counting import count_failed
from keystall.workers.relay import relay_due
from tests.factories import a_shop, a_viewer

MAIL, MONEY = "mail.order_link", "payment.apply"


@pytest.fixture(autouse=True)
async def empty_outbox(installation: Installation, owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    await connection.execute("delete from outbox; delete from operator_actions")
    await connection.close()
    await installation.queue.redis.flushdb()


@pytest.fixture
async def operator(installation: Installation) -> Viewer:
    return await a_viewer(installation, operator=True)


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


async def failed(shop: UUID, kind: str = MAIL, *, attempts: int = MAX_ATTEMPTS) -> UUID:
    item = new_id()
    async with database.transaction(shop) as tx:
        await tx.execute(
            "insert into outbox (shop_id, id, kind, subject_id, due_at, attempts)"
            " values ($1, $2, $3, $2, $4, $5)",
            shop, item, kind, clock.now(), attempts,
        )  # fmt: skip
        await fail(tx, shop, item, "MailUnavailable")
    return item


async def state(shop: UUID, item: UUID) -> tuple[str, int]:
    async with database.transaction(shop) as tx:
        row = await tx.row("select * from outbox where shop_id = $1 and id = $2", shop, item)
    assert row is not None
    names = ("done_at", "dropped_at", "failed_at")
    return next((name for name in names if row[name]), "waiting"), row["attempts"]


async def record(operator: Viewer) -> list[tuple[str, str, str, int]]:
    async with database.transaction(None) as tx:
        found = await operator_actions(tx, operator, after=None, limit=50)
    assert {one.email for one in found} <= {operator.email}
    return [(one.action, one.shop_name or "", one.note, one.count) for one in found]


async def test_what_was_given_up_or_goes_on_failing_is_listed_with_shop_and_reason(
    operator: Viewer, shop: Shop
) -> None:
    money = await failed(shop.id, MONEY, attempts=5)
    mail = await failed(shop.id)
    theirs = await failed(UUID(int=0))
    await failed(shop.id, attempts=4)
    async with database.transaction(None) as tx:
        found = await failed_work(tx, operator, kind=None, after=None, limit=10)
        page = await failed_work(tx, operator, kind=MAIL, after=theirs, limit=1)
        counts = await failed_work_counts(tx, operator)
    assert [(one.id, one.shop_name, one.failed_at is None) for one in found] == [
        (theirs, None, False), (mail, "Lulu Cards", False), (money, "Lulu Cards", True),
    ]  # fmt: skip
    assert {one.problem for one in found} == {"MailUnavailable"}
    assert [one.id for one in page] == [mail]
    assert counts == [
        FailedWorkCount(MAIL, 2, 0, found[1].created_at),
        FailedWorkCount(MONEY, 0, 1, found[2].created_at),
    ]
    await count_failed()
    assert (FAILED_WORK._value.get(), FAILING_WORK._value.get()) == (2, 1)


async def test_a_retry_hands_the_work_out_again_once_however_often_it_is_asked_for(
    installation: Installation, operator: Viewer, shop: Shop
) -> None:
    item = await failed(shop.id)
    assert await relay_due(installation.queue) == 0
    asked = await asyncio.gather(*(work_retry(installation, operator, item) for _ in range(4)))
    assert sorted(asked) == [0, 0, 0, 1]
    assert await relay_due(installation.queue) == 1
    assert await work_retry(installation, operator, item) == 0
    assert await state(shop.id, item) == ("waiting", 1)
    assert await record(operator) == [("work.retry", "Lulu Cards", "", 1)]


async def test_a_retry_waits_for_a_claim_and_leaves_what_it_did(
    installation: Installation, operator: Viewer, shop: Shop
) -> None:
    item = await failed(shop.id, MONEY)
    claimed, asked = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with database.transaction(shop.id) as tx:
            await claim(tx, shop.id, item)
            claimed.set()
            await asked.wait()

    async def retry() -> int:
        await claimed.wait()
        asking = asyncio.ensure_future(work_retry(installation, operator, item))
        done, _ = await asyncio.wait([asking], timeout=0.2)
        asked.set()
        assert done == set()
        return await asking

    _, retried = await asyncio.gather(work(), retry())
    assert retried == 0
    assert await state(shop.id, item) == ("done_at", MAX_ATTEMPTS)
    assert await record(operator) == []


async def test_retries_beside_relays_hand_each_piece_out_once(
    installation: Installation, operator: Viewer, shop: Shop
) -> None:
    items = [await failed(shop.id, MONEY if at % 2 else MAIL) for at in range(20)]
    relayed = await asyncio.gather(
        *(work_retry_kind(installation, operator, kind) for kind in (MAIL, MONEY, MAIL, MONEY)),
        *(relay_due(installation.queue) for _ in range(8)),
    )
    assert (relayed[0] + relayed[2], relayed[1] + relayed[3]) == (10, 10)
    await relay_due(installation.queue)
    jobs = await installation.queue.redis.zrange("arq:queue", 0, -1)
    for item in items:
        assert len([job for job in jobs if job.startswith(str(item).encode())]) in (1, 2)
        assert (await state(shop.id, item))[0] == "waiting"


async def test_dropped_work_is_never_handed_out_and_the_record_says_who_and_why(
    installation: Installation, operator: Viewer, shop: Shop
) -> None:
    item = await failed(shop.id)
    assert await work_drop(installation, operator, item, note=" The address is gone. ") == 1
    assert await work_drop(installation, operator, item, note="Again.") == 0
    assert await work_retry(installation, operator, item) == 0
    assert await relay_due(installation.queue) == 0
    assert await state(shop.id, item) == ("dropped_at", MAX_ATTEMPTS)
    assert await record(operator) == [("work.drop", "Lulu Cards", "The address is gone.", 1)]
    async with database.transaction(None) as tx:
        assert await failed_work(tx, operator, kind=None, after=None, limit=10) == []


async def test_what_moves_money_is_not_dropped(
    installation: Installation, operator: Viewer, shop: Shop
) -> None:
    item = await failed(shop.id, MONEY, attempts=MAX_ATTEMPTS + 4)
    with pytest.raises(Refused) as refused:
        await work_drop(installation, operator, item, note="Enough.")
    assert [error.code for error in refused.value.errors] == ["CONFLICT"]
    assert await work_drop_kind(installation, operator, MONEY, note="Enough.") == 0
    assert await state(shop.id, item) == ("waiting", MAX_ATTEMPTS + 4)
    assert await record(operator) == []


async def test_all_of_a_kind_is_dropped_or_tried_anew_in_pieces(
    installation: Installation,
    operator: Viewer,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("keystall.tenants.desk.work.CHUNK", 2)
    mails = [await failed(shop.id) for _ in range(5)]
    money = await failed(shop.id, MONEY)
    assert await work_retry_kind(installation, operator, MONEY) == 1
    assert await work_drop_kind(installation, operator, MAIL, note="A lost domain.") == 5
    assert {await state(shop.id, item) for item in mails} == {("dropped_at", MAX_ATTEMPTS)}
    assert await state(shop.id, money) == ("waiting", 0)
    assert [one[3] for one in await record(operator)] == [1, 2, 2, 1]


@pytest.mark.parametrize("note", ["", "x" * 501, "a\x00b"])
async def test_a_note_is_wanted_before_anything_is_dropped(
    installation: Installation, operator: Viewer, shop: Shop, note: str
) -> None:
    item = await failed(shop.id)
    with pytest.raises(Refused) as refused:
        await work_drop(installation, operator, item, note=note)
    assert [error.path for error in refused.value.errors] == [("note",)]
    assert await state(shop.id, item) == ("failed_at", MAX_ATTEMPTS)


async def test_nobody_but_an_operator_reads_or_changes_failed_work(
    installation: Installation, shop: Shop
) -> None:
    item, person = await failed(shop.id), await a_viewer(installation)
    for call in (
        work_retry(installation, person, item),
        work_drop(installation, person, item, note="Mine."),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await call
    reader = database.reader(None)
    for read in (
        failed_work_counts(reader, person),
        operator_actions(reader, person, after=None, limit=1),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await read
        await reader.close()
    assert await state(shop.id, item) == ("failed_at", MAX_ATTEMPTS)
