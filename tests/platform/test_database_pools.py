"""Requests that read and then write never wait for each other, and leave each other nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from tortoise.backends.asyncpg.client import AsyncpgDBClient

from keystall.platform import database
from keystall.platform.settings import Settings
from keystall.tenants.installation import Installation
from tests.conftest import Engines
from tests.factories import a_shop


async def _by_as_many_as_there_are_connections(
    settings: Settings, shop: UUID, then: Callable[[database.Reader], Awaitable[int]]
) -> list[int]:
    """What `then` answers to each of as many readers as the pool has connections, all of which are
    held by them."""
    requests = settings.database_pool_size
    reading = asyncio.Barrier(requests)

    async def reads_and_goes_on() -> int:
        reader = database.reader(shop)
        try:
            await reader.value("select 1")
            await reading.wait()
            return await then(reader)
        finally:
            await reader.finish()

    async with asyncio.timeout(20):
        return await asyncio.gather(*(reads_and_goes_on() for _ in range(requests)))


async def test_as_many_readers_as_there_are_connections_all_get_to_write(
    installation: Installation, settings: Settings
) -> None:
    shop = await a_shop(installation)

    async def writes(_: database.Reader) -> int:
        async with database.transaction(shop.id) as tx:
            return int(await tx.value("select 2"))

    written = await _by_as_many_as_there_are_connections(settings, shop.id, writes)
    assert written == [2] * settings.database_pool_size


async def test_as_many_readers_as_there_are_connections_all_get_to_read_alone(
    installation: Installation, settings: Settings
) -> None:
    shop = await a_shop(installation)
    counted = "select count(*) from payment_accounts where shop_id = $1"

    async def lists(reader: database.Reader) -> int:
        return int(await reader.lone().value(counted, shop.id))

    found = await _by_as_many_as_there_are_connections(settings, shop.id, lists)
    assert found == [1] * settings.database_pool_size


async def test_a_single_look_up_meets_no_shops_rows_whoever_had_its_connection_before(
    installation: Installation, settings: Settings
) -> None:
    shop = await a_shop(installation)
    count = "select count(*) from payment_accounts"
    reader = database.reader(shop.id)
    try:
        assert await reader.value(count) == 1
    finally:
        await reader.finish()
    single = database.single()
    found = [await single.value(count) for _ in range(settings.database_pool_size)]
    assert found == [0] * settings.database_pool_size


async def test_a_lone_statement_meets_its_own_shops_rows_only(
    installation: Installation, settings: Settings
) -> None:
    one, other = await a_shop(installation), await a_shop(installation)
    forgetful = "select shop_id from payment_accounts where $1::uuid is not null"
    # More often than a prepared statement keeps its first plan, and from every connection.
    for _ in range(2 * settings.database_pool_size):
        for shop in (one, other):
            rows = await database.reader(shop.id).lone().rows(forgetful, shop.id)
            assert [row["shop_id"] for row in rows] == [shop.id]
    for _ in range(settings.database_pool_size):
        assert await database.single().value("select count(*) from payment_accounts") == 0


async def test_a_lone_statement_is_ordered_and_cut_as_it_says(installation: Installation) -> None:
    shop = await a_shop(installation)
    asked = "select n from generate_series(1, 100) n where $1::uuid is not null order by n desc"
    lone = database.reader(shop.id).lone()
    rows = await lone.rows(f"{asked} limit $2", shop.id, 3)
    assert [row["n"] for row in rows] == [100, 99, 98]
    assert await lone.value(asked, shop.id) == 100
    assert await lone.row(f"{asked} limit 0", shop.id) is None


async def test_a_lone_statement_names_its_own_shop(installation: Installation) -> None:
    one, other = await a_shop(installation), await a_shop(installation)
    lone = database.reader(one.id).lone()
    for arguments in ((other.id,), (), (str(one.id),)):
        with pytest.raises(ValueError, match="names its shop"):
            await lone.rows("select 1", *arguments)
    with pytest.raises(ValueError, match="names its shop"):
        await database.reader(None).lone().rows("select 1", None)


async def test_a_statement_alone_writes_and_reads_its_own_shops_rows_only(
    installation: Installation, settings: Settings
) -> None:
    one, other = await a_shop(installation), await a_shop(installation)
    forgetful = "update shops set notice = $2 where $1::uuid is not null and {named}"
    foreign = "update shops set notice = 'x' where id = $2 and $1 <> $2 and {named}"
    named = "select id, notice from shops where $1::uuid is not null and {named}"
    # More often than a prepared statement keeps its first plan, and from every connection.
    for _ in range(2 * settings.database_pool_size):
        for shop, its in ((one, "one"), (other, "other")):
            alone = database.alone(shop.id)
            assert await alone.execute(forgetful, shop.id, its) == 1
            rows = await alone.rows(named, shop.id)
            assert [(row["id"], row["notice"]) for row in rows] == [(shop.id, its)]
    assert await database.alone(one.id).execute(foreign, one.id, other.id) == 0
    row = await database.alone(other.id).row(named, other.id)
    assert row is not None
    assert row["notice"] == "other"
    for _ in range(settings.database_pool_size):
        assert await database.single().value("select count(*) from payment_accounts") == 0


async def test_a_statement_alone_names_its_own_shop_once(installation: Installation) -> None:
    one, other = await a_shop(installation), await a_shop(installation)
    alone = database.alone(one.id)
    for sql, arguments in (
        ("select 1 where {named}", (other.id,)),
        ("select 1 where {named}", ()),
        ("select 1 where $1 = $1", (one.id,)),
        ("select 1 where {named} or {named}", (one.id,)),
    ):
        with pytest.raises(ValueError, match="names its shop"):
            await alone.value(sql, *arguments)


async def test_the_shop_is_named_before_the_first_row_is_looked_for(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    for sql in (
        "update payments set state = 'failed' where shop_id = $1 and id = $1 and {named}",
        "select orders.id from orders join payments on payments.order_id = orders.id"
        " where orders.shop_id = $1 and payments.shop_id = $1 and {named}",
    ):
        plan = await database.alone(shop.id).rows(f"explain {sql}", shop.id)
        filters = [at for at, line in enumerate(plan) if "One-Time Filter" in line["QUERY PLAN"]]
        scans = [at for at, line in enumerate(plan) if " Scan " in line["QUERY PLAN"]]
        assert filters
        assert filters[0] < scans[0]


async def test_a_pool_that_is_to_be_guarded_by_tls_does_without_none(engines: Engines) -> None:
    address = engines.app_url.replace("sslmode=disable", "sslmode=require")
    credentials = database.credentials(address, 1)["credentials"]
    client = AsyncpgDBClient(connection_name="guarded", **credentials)
    with pytest.raises(ConnectionError, match="SSL"):
        await client.create_connection(with_db=True)
