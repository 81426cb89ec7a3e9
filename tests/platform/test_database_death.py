"""A connection that is cut off in the middle: nothing is told that did not happen."""

import asyncpg
import pytest

from keystall.platform import database
from keystall.tenants.installation import Installation
from tests.factories import a_shop

RENAME = "update shops set name = 'changed' where id = $1"


async def cut(superuser_url: str, db: database.Reads) -> None:
    """Ends the server's side of the connection, as the death of PostgreSQL would."""
    connection = await asyncpg.connect(superuser_url)
    pid = await db.value("select pg_backend_pid()")
    await connection.execute("select pg_terminate_backend($1, 5000)", pid)
    await connection.close()


async def test_a_commit_on_a_connection_that_was_cut_is_no_success(
    installation: Installation, superuser_url: str
) -> None:
    shop = await a_shop(installation)

    async def renamed() -> None:
        async with database.transaction(shop.id) as tx:
            assert await tx.execute(RENAME, shop.id) == 1
            await cut(superuser_url, tx)

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await renamed()

    async with database.transaction(shop.id) as tx:
        assert await tx.value("select name from shops where id = $1", shop.id) == shop.name


async def test_what_went_wrong_is_heard_of_even_where_the_rollback_finds_nobody(
    installation: Installation, superuser_url: str
) -> None:
    shop = await a_shop(installation)

    async def refused() -> None:
        async with database.transaction(shop.id) as tx:
            await cut(superuser_url, tx)
            raise LookupError("sold out")

    with pytest.raises(LookupError, match="sold out"):
        await refused()


async def test_what_was_read_stands_when_the_connection_is_cut_afterwards(
    installation: Installation, superuser_url: str
) -> None:
    shop = await a_shop(installation)
    reader = database.reader(shop.id)

    name = await reader.value("select name from shops where id = $1", shop.id)
    await cut(superuser_url, reader)
    await reader.close()

    assert name == shop.name
    assert await reader.value("select name from shops where id = $1", shop.id) == shop.name
    await reader.finish()
