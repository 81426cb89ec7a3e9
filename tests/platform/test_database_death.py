"""A connection that is cut off in the middle: nothing is told that did not happen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2
import pytest

from keystall.platform import database
from keystall.platform.asgi.application import application
from keystall.platform.live import Live
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


@asynccontextmanager
async def away() -> AsyncIterator[None]:
    """Every connection is gone, and where the server was nobody answers."""
    pools: list[Any] = [database._client(alias)._pool for alias in ("app", "reader")]
    kept = [(pool._connect_args, pool._connect_kwargs) for pool in pools]
    for pool in pools:
        pool._connect_kwargs = {**pool._connect_kwargs, "host": "127.0.0.1", "port": 1}
        await pool.expire_connections()
    try:
        yield
    finally:
        for pool, (args, kwargs) in zip(pools, kept, strict=True):
            pool._connect_args, pool._connect_kwargs = args, kwargs


async def test_while_the_database_is_away_everyone_is_told_to_come_back(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    host = f"http://{shop.slug}.localhost:8000"
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    async with httpx2.AsyncClient(transport=transport) as web:
        async with away():
            page = await web.get(f"{host}/en/")
            api = await web.post(f"{host}/graphql/storefront", json={"query": "{ shop { name } }"})
            console = await web.get(
                "http://localhost:8000/console", headers={"cookie": "session=any"}
            )
            callback = await web.post(f"{host}/callbacks/sandbox/{shop.id}", content=b"{}")
        back = await web.get(f"{host}/en/")

    assert [page.status_code, api.status_code, console.status_code, callback.status_code] == [
        503
    ] * 4
    assert "Back in a moment" in page.text
    assert (page.headers["retry-after"], api.headers["retry-after"]) == ("60", "5")
    (error,) = api.json()["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert back.status_code == 200
