"""Whatever is cancelled, and wherever: no pooled connection is lost and no wall is crossed."""

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.settings import Settings
from keystall.tenants.catalog.models import Product
from keystall.tenants.installation import Installation
from tests.factories import a_product, a_shop

Work = Callable[[], Coroutine[Any, Any, None]]
AIMED = 300


@types.coroutine
def _cancelled_at(work: Coroutine[Any, Any, None], step: int) -> Generator[Any, Any, bool]:
    """Runs `work`, cancelling it as it waits for the `step`-th time; whether it came that far."""
    current = asyncio.current_task()
    assert current is not None
    sent: BaseException | None = None
    reached = 0
    while True:
        try:
            waits = work.throw(sent) if sent is not None else work.send(None)
        except StopIteration:
            return False
        sent = None
        reached += 1
        if reached == step:
            current.cancel()
        try:
            yield waits
        except BaseException as error:
            sent = error


async def _survives(make: Work) -> int:
    """Cancels the work at each of its await points in turn; answers how many there are."""
    step = 0
    while True:
        step += 1
        task = asyncio.ensure_future(_aimed(make(), step))
        with suppress(asyncio.CancelledError):
            if not await task:
                return step - 1


async def _aimed(work: Coroutine[Any, Any, None], step: int) -> bool:
    reached: bool = await _cancelled_at(work, step)
    return reached


@pytest.fixture
def pools(database: None) -> list[asyncpg.Pool]:
    return database_pools()


def database_pools() -> list[asyncpg.Pool]:
    return [database._client(alias)._pool for alias in ("app", "reader")]


@pytest.fixture
async def whole_pool(pools: list[asyncpg.Pool], settings: Settings) -> AsyncIterator[None]:
    """After the test every connection of the pools can be had, and none is in a transaction."""
    yield
    size = settings.database_pool_size
    try:
        async with asyncio.timeout(10):
            held = [(pool, await pool.acquire()) for pool in pools for _ in range(size)]
    except TimeoutError:
        for pool in pools:
            pool.terminate()  # a lost connection would hold up the end of the run, too
        raise
    for pool, connection in held:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("select current_setting('app.shop', true)") in (None, "")
        await pool.release(connection)


@pytest.mark.usefixtures("whole_pool")
async def test_three_hundred_cancelled_transactions_cost_no_connection(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    await a_product(installation, shop)

    async def writes() -> None:
        async with database.transaction(shop.id) as tx:
            await tx.rows("select id from products")
            await tx.execute("update products set position = position + 1")
            await Product.filter(shop_id=shop.id).first()
            await tx.value("select pg_sleep(0.002)")

    async def fails() -> None:
        with suppress(ZeroDivisionError):
            async with database.transaction(shop.id) as tx:
                await tx.rows("select id from products")
                raise ZeroDivisionError

    async def claims() -> None:
        await database.system().rows("select id from outbox for update skip locked")

    aimed = 0
    while aimed < AIMED:
        for work in (writes, fails, claims):
            found = await _survives(work)
            assert found >= 1
            aimed += found
    print(f"{aimed} cancellations")


@pytest.mark.usefixtures("whole_pool")
async def test_three_hundred_cancelled_readers_cost_no_connection(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)

    async def reads() -> None:
        reader = database.reader(shop.id)
        await reader.lone().rows("select id, pg_sleep(0.002) from shops where id = $1", shop.id)
        try:
            await reader.rows("select id from products")
            await asyncio.gather(
                reader.value("select pg_sleep(0.002)"), reader.row("select id from orders")
            )
            await reader.close()
            await reader.rows("select id from products")
        finally:
            await reader.close()

    aimed = 0
    while aimed < AIMED:
        found = await _survives(reads)
        assert found >= 5
        aimed += found


@pytest.mark.usefixtures("whole_pool")
async def test_a_reader_that_is_closed_while_it_reads_gives_its_connection_back(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    reader = database.reader(shop.id)
    reading = asyncio.ensure_future(reader.value("select pg_sleep(0.2)"))
    await asyncio.sleep(0.05)
    closing = asyncio.ensure_future(reader.close())
    await asyncio.sleep(0)
    closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing
    await reading


@pytest.mark.usefixtures("whole_pool")
async def test_what_still_runs_when_its_request_is_over_opens_nothing(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    reader = database.reader(shop.id)
    await reader.value("select 1")
    await reader.finish()
    with pytest.raises(RuntimeError, match="is over"):
        await reader.value("select 1")


async def test_a_child_that_outlives_its_transaction_reads_nothing_through_it(
    installation: Installation,
) -> None:
    mine, theirs = await a_shop(installation), await a_shop(installation)
    await a_product(installation, mine)
    gate = asyncio.Event()

    async def child(tx: database.Transaction) -> list[BaseException | Any]:
        await gate.wait()
        return [
            *await asyncio.gather(
                tx.rows("select id from products"),
                Product.all().count(),
                Product.filter(shop_id=mine.id).first(),
                return_exceptions=True,
            )
        ]

    async with database.transaction(mine.id) as tx:
        assert len(await tx.rows("select id from products")) == 1
        outliving = asyncio.ensure_future(child(tx))
        await asyncio.sleep(0)

    # The connection serves somebody else by now: each of the pool's does.
    async with database.transaction(theirs.id) as other:
        await a_row(other)
        gate.set()
        found = await outliving
    assert [isinstance(one, asyncpg.InterfaceError) for one in found] == [True] * 3


async def a_row(tx: database.Transaction) -> None:
    """Something only the other shop may see."""
    await tx.execute(
        "insert into categories (shop_id, id, slug, name)"
        " values (nullif(current_setting('app.shop'), '')::uuid, gen_random_uuid(), 'own', 'Own')"
    )


async def test_a_transaction_does_not_open_inside_another(installation: Installation) -> None:
    mine, theirs = await a_shop(installation), await a_shop(installation)
    async with database.transaction(mine.id):
        with pytest.raises(RuntimeError, match="inside another"):
            async with database.transaction(theirs.id):
                raise AssertionError("opened")


async def test_a_transaction_that_a_swallowed_error_spoiled_says_so(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)

    async def swallows() -> None:
        async with database.transaction(shop.id) as tx:
            await a_row(tx)
            with suppress(asyncpg.UniqueViolationError):
                await a_row(tx)

    with pytest.raises(database.NotCommitted):
        await swallows()
    async with database.transaction(shop.id) as tx:
        assert await tx.rows("select id from categories") == []
