"""A database of its own, in which two shops have rows in every table."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from keystall.platform.engines.roles import (
    DATABASE,
    OWNER,
    close_to_strangers,
    drop_database,
    with_database,
)
from keystall.platform.ids import new_id
from tests.conftest import Engines
from tests.isolation import catalogue, filling, shape
from tests.isolation.catalogue import Table
from tests.isolation.filling import Shop


@dataclass(frozen=True)
class Walls:
    """The filled database; `tables` are those of shops, `everything` all of schema public."""

    superuser_url: str
    app_url: str
    system_url: str
    owner_url: str
    everything: dict[str, Table]
    tables: dict[str, Table]
    mine: Shop
    theirs: Shop


@pytest.fixture(scope="session")
async def walls(engines: Engines) -> AsyncIterator[Walls]:
    """Two shops in every table. What a test does there it undoes."""
    name = f"{DATABASE}_walls_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    connection = await asyncpg.connect(with_database(engines.superuser_url, "postgres"))
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{DATABASE}" OWNER "{OWNER}"')
        await close_to_strangers(connection, name)
    finally:
        await connection.close()
    yield await _filled(engines, name)
    await asyncio.shield(drop_database(with_database(engines.superuser_url, "postgres"), name))


async def _filled(engines: Engines, name: str) -> Walls:
    superuser_url = with_database(engines.superuser_url, name)
    connection = await asyncpg.connect(superuser_url)
    try:
        everything = await catalogue.tables(connection)
        tables = shape.tenant_tables(everything)
        words = await filling.allowed_words(connection)
        shops = [Shop(new_id(), "mine"), Shop(new_id(), "theirs")]
        for shop in shops:
            async with connection.transaction():
                await filling.Filler(connection, tables, words).fill(shop)
    finally:
        await connection.close()
    return Walls(
        superuser_url=superuser_url,
        app_url=with_database(engines.app_url, name),
        system_url=with_database(engines.system_url, name),
        owner_url=with_database(engines.owner_url, name),
        everything=everything,
        tables=tables,
        mine=shops[0],
        theirs=shops[1],
    )


@pytest.fixture
async def judge(walls: Walls) -> AsyncIterator[asyncpg.Connection]:
    """A superuser in a transaction that is rolled back: for judging, and for breaking walls."""
    connection = await asyncpg.connect(walls.superuser_url)
    try:
        async with filling.undone(connection):
            yield connection
    finally:
        await connection.close()


@pytest.fixture
async def app(walls: Walls) -> AsyncIterator[asyncpg.Connection]:
    """The request role in a transaction that is rolled back, no shop set."""
    connection = await asyncpg.connect(walls.app_url)
    try:
        async with filling.undone(connection):
            yield connection
    finally:
        await connection.close()
