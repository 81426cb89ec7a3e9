"""From the outbox to arq and through a handler, on a real database and a real Redis."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from arq.worker import Retry
from redis.exceptions import RedisError

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.platform.queue import Queue
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import MAX_ATTEMPTS, NEVER_GIVEN_UP, claim, retry_delay
from keystall.workers.jobs import AWAY_SECONDS, AWAY_TRIES, Handler, arq_functions, run
from keystall.workers.relay import BATCH, relay_due

SHOP = UUID(int=7)


@pytest.fixture(autouse=True)
async def empty_outbox(installation: Installation, owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    await connection.execute("delete from outbox")
    await connection.close()
    await installation.queue.redis.flushdb()


async def post(
    due: timedelta = timedelta(), *, attempts: int = 0, kind: str = "order.expire"
) -> UUID:
    item = new_id()
    async with database.transaction(SHOP) as tx:
        await tx.execute(
            "insert into outbox (shop_id, id, kind, subject_id, due_at, attempts)"
            " values ($1, $2, $5, $2, $3, $4)",
            SHOP, item, clock.now() + due, attempts, kind,
        )  # fmt: skip
    return item


async def row(item: UUID) -> database.Row:
    async with database.transaction(SHOP) as tx:
        found = await tx.row("select * from outbox where shop_id = $1 and id = $2", SHOP, item)
    assert found is not None
    return found


async def queued(installation: Installation) -> list[str]:
    return [key.decode() for key in await installation.queue.redis.zrange("arq:queue", 0, -1)]


async def test_due_work_is_handed_out_once_and_leased(installation: Installation) -> None:
    due, later = await post(), await post(timedelta(minutes=1))
    assert await relay_due(installation.queue) == 1
    assert await relay_due(installation.queue) == 0
    assert await queued(installation) == [f"{due}:1"]
    leased = await row(due)
    assert leased["attempts"] == 1
    assert timedelta(seconds=9) < leased["due_at"] - clock.now() <= retry_delay(0)
    assert (await row(later))["attempts"] == 0


async def test_a_payment_passes_the_mails_that_came_before_it(installation: Installation) -> None:
    mails = [await post(timedelta(hours=-1), kind="mail.order_delivered") for _ in range(BATCH)]
    await relay_due(installation.queue)
    waiting = await post(timedelta(hours=-1), kind="mail.order_delivered")
    payment, expiry = await post(kind="payment.apply"), await post()
    with pytest.MonkeyPatch.context() as few:
        few.setattr("keystall.workers.relay.BATCH", 2)
        assert await relay_due(installation.queue) == 2
    order = await queued(installation)
    assert order[0] == f"{payment}:1"
    assert set(order[1:-1]) == {f"{mail}:1" for mail in mails}
    assert order[-1] == f"{expiry}:1"
    assert (await row(waiting))["attempts"] == 0


async def test_work_whose_lease_has_ended_is_handed_out_again_under_a_new_id(
    installation: Installation,
) -> None:
    item = await post(timedelta(seconds=-1), attempts=1)
    assert await relay_due(installation.queue) == 1
    assert await queued(installation) == [f"{item}:2"]


async def test_work_that_could_not_be_handed_out_is_due_again_at_once_and_lost_no_try(
    installation: Installation,
) -> None:
    item = await post()
    async with Queue("redis://127.0.0.1:1") as away:
        with pytest.raises(RedisError):
            await relay_due(away)
    assert await queued(installation) == []
    assert await relay_due(installation.queue) == 1
    assert await queued(installation) == [f"{item}:1"]


async def test_everything_lost_in_redis_is_found_again(installation: Installation) -> None:
    item = await post(timedelta(seconds=-1), attempts=3)
    await relay_due(installation.queue)
    await installation.queue.redis.flushdb()
    async with database.transaction(SHOP) as tx:
        await tx.execute(
            "update outbox set due_at = $3 where shop_id = $1 and id = $2", SHOP, item, clock.now()
        )
    assert await relay_due(installation.queue) == 1
    assert await queued(installation) == [f"{item}:5"]


async def test_a_signal_wakes_a_relay_and_is_not_heard_twice(installation: Installation) -> None:
    await installation.queue.signal()
    await installation.queue.signal()
    await installation.queue.wait(5)
    assert await installation.queue.redis.exists("keystall:wake") == 0


async def test_a_handler_that_fails_leaves_its_work_and_the_reason(
    installation: Installation,
) -> None:
    item = await post()

    async def broken(installation: Installation, shop: UUID, item: UUID) -> None:
        async with database.transaction(shop) as tx:
            assert await claim(tx, shop, item) is not None
            raise RuntimeError("AAAA-BBBB-CCCC is a code")

    await run(installation, "order.expire", Handler(broken), SHOP, item)
    left = await row(item)
    assert (left["done_at"], left["failed_at"], left["problem"]) == (None, None, "RuntimeError")


async def test_a_handler_that_takes_too_long_is_stopped(installation: Installation) -> None:
    item = await post()

    async def slow(installation: Installation, shop: UUID, item: UUID) -> None:
        await asyncio.sleep(60)

    await run(installation, "order.expire", Handler(slow, timeout=0), SHOP, item)
    assert (await row(item))["problem"] == "TimeoutError"


async def test_the_tries_end_and_the_work_is_kept_for_the_operator(
    installation: Installation,
) -> None:
    item = await post(attempts=MAX_ATTEMPTS, kind="mail.order_delivered")

    async def broken(installation: Installation, shop: UUID, item: UUID) -> None:
        raise RuntimeError

    await run(installation, "mail.order_delivered", Handler(broken), SHOP, item)
    assert (await row(item))["failed_at"] is not None
    assert await relay_due(installation.queue) == 0


@pytest.mark.parametrize("kind", sorted(NEVER_GIVEN_UP))
async def test_work_that_moves_money_or_goods_is_tried_until_it_is_done(
    installation: Installation, kind: str
) -> None:
    item = await post(attempts=MAX_ATTEMPTS + 1, kind=kind)

    async def broken(installation: Installation, shop: UUID, item: UUID) -> None:
        raise RuntimeError

    await run(installation, kind, Handler(broken), SHOP, item)
    left = await row(item)
    assert (left["failed_at"], left["problem"]) == (None, "RuntimeError")
    assert await relay_due(installation.queue) == 1


async def test_work_is_tried_again_at_once_when_the_database_was_away(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionRefusedError

    async def broken(installation: Installation, shop: UUID, item: UUID) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("keystall.workers.jobs.fail", away)
    [job] = arq_functions(installation, {"order.expire": Handler(broken)})

    with pytest.raises(Retry) as retry:
        await job.coroutine({}, str(SHOP), str(await post()))

    assert retry.value.defer_score == 1000
    assert retry_delay(1).total_seconds() > AWAY_SECONDS * AWAY_TRIES


async def test_claimed_work_is_claimed_once(installation: Installation) -> None:
    item = await post()
    async with database.transaction(SHOP) as tx:
        assert await claim(tx, SHOP, item) == item
    async with database.transaction(SHOP) as tx:
        assert await claim(tx, SHOP, item) is None
