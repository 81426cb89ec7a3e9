"""Requests that read and then write never wait for each other, and leave each other nothing."""

import asyncio

from keystall.platform import database
from keystall.platform.settings import Settings
from keystall.tenants.installation import Installation
from tests.factories import a_shop


async def test_as_many_readers_as_there_are_connections_all_get_to_write(
    installation: Installation, settings: Settings
) -> None:
    shop = await a_shop(installation)
    requests = settings.database_pool_size
    reading = asyncio.Barrier(requests)

    async def reads_then_writes() -> int:
        reader = database.reader(shop.id)
        try:
            await reader.value("select 1")
            await reading.wait()  # every reader holds its connection now
            async with database.transaction(shop.id) as tx:
                return int(await tx.value("select 2"))
        finally:
            await reader.close()

    async with asyncio.timeout(20):
        written = await asyncio.gather(*(reads_then_writes() for _ in range(requests)))

    assert written == [2] * requests


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
