"""A database of its own, in which two shops have rows in every table."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from keystall.graphql.costs import metering
from keystall.platform.asgi.application import application
from keystall.platform.database import Reads
from keystall.platform.engines.roles import (
    DATABASE,
    OWNER,
    close_to_strangers,
    drop_database,
    with_database,
)
from keystall.platform.ids import new_id
from keystall.platform.live import Live
from keystall.tenants.catalog import queries
from keystall.tenants.catalog.queries import ProductView
from keystall.tenants.installation import Installation
from tests.conftest import Engines
from tests.isolation import catalogue, filling, shape
from tests.isolation.asking import STRIPE_KEY
from tests.isolation.catalogue import Table
from tests.isolation.filling import Shop
from tests.isolation.goods import a_full_shop, suspend
from tests.isolation.leaks import MINE, THEIRS, Shops
from tests.payments.emulator import emulated


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
async def installation(installation: Installation) -> AsyncIterator[Installation]:
    """The run's installation, its Stripe an emulator that knows one account."""
    async with emulated() as there:
        there.account(STRIPE_KEY)
        settings = installation.settings.model_copy(update={"stripe_url": there.url})
        yield replace(installation, settings=settings)


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
        await filling.let_seals_be(connection)
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


@pytest.fixture(scope="module")
async def shops(installation: Installation, superuser_url: str) -> Shops:
    """Two shops with everything in them; the other one is suspended, with a reason."""
    mine = await a_full_shop(installation, MINE)
    theirs = await a_full_shop(installation, THEIRS)
    await suspend(installation, theirs)
    return Shops(installation, mine, theirs, superuser_url)


@pytest.fixture
async def without_second_wall(
    shops: Shops, superuser_url: str, owner_url: str
) -> AsyncIterator[None]:
    """Row-level security lets everything through, until the end of the test."""
    connection = await asyncpg.connect(owner_url)
    try:
        tables = shape.tenant_tables(await catalogue.tables(connection)).values()
        walls = {
            table.name: one for table in tables for one in table.policies if one.check != "true"
        }
        assert len(walls) == len(tables)
        async with connection.transaction():
            for name, wall in walls.items():
                await connection.execute(
                    f'alter policy "{wall.name}" on "{name}" using (true) with check (true)'
                )
        try:
            yield
        finally:
            async with connection.transaction():
                for name, wall in walls.items():
                    await connection.execute(
                        f'alter policy "{wall.name}" on "{name}"'
                        f" using ({wall.using}) with check ({wall.check})"
                    )
        assert shape.of_table((await catalogue.tables(connection))["orders"]) == []
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def every_field_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweeps ask for all there is in one document, which no client may."""
    monkeypatch.setattr(metering, "MAX_COST", 1_000_000)


@pytest.fixture
def forgetful_query(shops: Shops, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products are read for the wrong shop."""
    real = queries.products_by_ids

    async def forgets(
        db: Reads, shop: UUID, ids: Sequence[UUID], **changed: Any
    ) -> Mapping[UUID, ProductView]:
        return await real(db, shops.theirs.shop.id, ids, **changed)

    monkeypatch.setattr(queries, "products_by_ids", forgets)


@pytest.fixture
async def web(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    """The whole application."""
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    async with httpx2.AsyncClient(transport=transport) as client:
        yield client
