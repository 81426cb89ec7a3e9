"""Shops go on while the key of the lookups is exchanged, in a database that has codes."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from keystall.platform.engines.roles import (
    OWNER,
    close_to_strangers,
    drop_database,
    with_database,
)
from keystall.platform.settings import Settings
from tests.conftest import Engines
from tests.platform.test_cli import as_environment
from tests.tenants.test_backup import migrate

BEFORE = "0034_deliveries_given_up"
A_CODE = (
    "insert into codes"
    " (shop_id, id, variant_id, batch_id, state, sealed, key_version, lookup)"
    " select $1, gen_random_uuid(), {variant}, $1, 'available', '', 1, sha256({text}::bytea)"
)
SHOP = UUID(int=1)
ENOUGH = 60
"""Seconds after which a command that waits for ever is a failure, not a hung run."""


@pytest.fixture
async def old(engines: Engines, database_name: str) -> AsyncIterator[str]:
    """A database of the schema before, with three codes; the address is a superuser's."""
    name = f"{database_name}_migrating"
    superuser = with_database(engines.superuser_url, "postgres")
    connection = await asyncpg.connect(superuser)
    await connection.execute(f'create database "{name}" owner "{OWNER}"')
    await close_to_strangers(connection, name)
    await connection.close()
    await migrate(with_database(engines.owner_url, name), only=[BEFORE])
    url = with_database(engines.superuser_url, name)
    connection = await session(url)
    three = A_CODE.format(variant="$1", text="n::text") + " from generate_series(1, 3) n"
    await connection.execute(three, SHOP)
    yield url
    await connection.close()
    await drop_database(superuser, name)


async def session(url: str) -> asyncpg.Connection:
    """A session that no reference or trigger binds, and that fails where it would wait for ever."""
    connection = await asyncpg.connect(url)
    await connection.execute("set lock_timeout = '20s'; set session_replication_role = replica")
    return connection


async def migrating(settings: Settings, url: str) -> Process:
    """`keystall migrate`, under way."""
    owner = with_database(settings.owner_database_url, urlsplit(url).path.strip("/"))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "keystall", "migrate"),
        env=os.environ | as_environment(settings) | {"KEYSTALL_OWNER_DATABASE_URL": owner},
        stdout=PIPE,
        stderr=PIPE,
    )


async def ended(process: Process) -> tuple[int | None, str]:
    """Its exit code, and what it said."""
    out, err = await asyncio.wait_for(process.communicate(), ENOUGH)
    return process.returncode, (out + err).decode()


async def until(
    process: Process, connection: asyncpg.Connection, statement: str, event: str, sessions: int = 1
) -> None:
    """Waits until so many sessions, one of the process, are at that statement and wait."""
    for _ in range(ENOUGH * 20):
        assert process.returncode is None, await ended(process)
        found = await connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and query ilike $1 and wait_event_type = $2",
            f"{statement}%",
            event,
        )
        if found == sessions:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"nobody came to wait at: {statement}")


async def keys(connection: asyncpg.Connection) -> dict[str, str]:
    """The unique constraints of codes, but for the primary key, whose indexes are valid."""
    rows = await connection.fetch(
        "select conname, pg_get_constraintdef(c.oid) as form from pg_constraint c"
        " join pg_index i on i.indexrelid = conindid and i.indisvalid and i.indisready"
        " where c.conrelid = 'codes'::regclass and contype = 'u'"
    )
    return {row["conname"]: row["form"] for row in rows}


async def test_codes_are_read_and_written_while_their_index_is_built_and_two_may_migrate(
    old: str, settings: Settings
) -> None:
    owner, reader, other = [await session(old) for _ in range(3)]
    # What is left where a build failed: here two variants with one lookup, which hashes never have.
    await owner.execute(A_CODE.format(variant="gen_random_uuid()", text="'1'"), SHOP)
    with pytest.raises(asyncpg.UniqueViolationError):
        await owner.execute(
            "create unique index concurrently codes_shop_id_lookup_key on codes (shop_id, lookup)"
        )
    await owner.execute("delete from codes where variant_id <> $1", SHOP)
    reading = reader.transaction(isolation="repeatable_read", readonly=True)
    await reading.start()
    assert await reader.fetchval("select count(*) from shops") == 0  # it sees this moment

    first = await migrating(settings, old)
    await until(first, owner, "create unique index concurrently", "Lock")
    second = await migrating(settings, old)
    await until(second, owner, "select pg_try_advisory_lock", "Client", sessions=2)

    # The build stands still, and everybody else goes on.
    assert await other.fetchval("select count(*) from codes") == 3
    await other.execute(A_CODE.format(variant="$1", text="'new'"), SHOP)
    await other.execute("update codes set note = 'seen' where shop_id = $1", SHOP)
    assert await reader.fetchval("select count(*) from codes where note = ''") == 3
    assert list(await keys(owner)) == ["codes_shop_id_variant_id_lookup_key"]

    await reading.rollback()
    done = (0, "The schema is up to date.\n")
    assert [await ended(first), await ended(second)] == [done, done]
    assert await keys(owner) == {"codes_shop_id_lookup_key": "UNIQUE (shop_id, lookup)"}
    assert await other.fetchval("select count(*) from codes where note = 'seen'") == 4
    with pytest.raises(asyncpg.UniqueViolationError):
        await other.execute(A_CODE.format(variant="gen_random_uuid()", text="'new'"), SHOP)
    for connection in (owner, reader, other):
        await connection.close()


async def test_a_migration_that_does_not_get_the_table_gives_way_and_runs_again(
    old: str, settings: Settings
) -> None:
    owner, reader, other = [await session(old) for _ in range(3)]
    reading = reader.transaction()
    await reading.start()
    await reader.execute("select from codes")  # its snapshot is over, its lock is not

    process = await migrating(settings, old)
    await until(process, owner, "%alter table codes", "Lock")
    # Behind the migration, for as long as it waits.
    assert await other.fetchval("select count(*) from codes") == 3
    code, told = await ended(process)

    assert (code, "Traceback" in told) == (1, False)
    assert "run keystall migrate again" in told
    assert list(await keys(owner)) == ["codes_shop_id_variant_id_lookup_key"]
    await reading.rollback()
    assert await ended(await migrating(settings, old)) == (0, "The schema is up to date.\n")
    assert list(await keys(owner)) == ["codes_shop_id_lookup_key"]
    for connection in (owner, reader, other):
        await connection.close()
