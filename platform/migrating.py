"""The schema brought up to date: by one process at a time, while others serve.

It runs as the owner of the tables, over a connection of its own; the pools of a process that serves
are `database`'s.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
from tortoise import Tortoise
from tortoise.connection import get_connections
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from keystall.platform.database import APP_LABEL, credentials

_LOCK = 0x6B657973  # one migrating process at a time
_TURN_SECONDS = 0.2  # between two looks whether the other one is done
_TABLE_SECONDS = 3  # that a migration waits for a table; whoever comes after it waits behind it


class TableBusy(Exception):
    """A migration did not get a table in time, so it left the table to those behind it."""

    def __init__(self) -> None:
        super().__init__(
            f"a transaction kept a table for more than {_TABLE_SECONDS} seconds (a backup, perhaps,"
            " or a session that was left open); what was done before is kept, so run keystall"
            " migrate again once it is over"
        )


async def migrate(
    owner_url: str, models: Sequence[str], migrations: str, *, only: Sequence[str] = ("__latest__",)
) -> None:
    """Brings the schema up to date as the owner; a second process waits for the first.

    `only` names the migrations to run, with those that they build on. One that fails leaves those
    before it done, and may be run again. Raises TableBusy.
    `owner_url` is a direct address: the lock belongs to a connection, not to a transaction.
    """
    guard = await asyncpg.connect(owner_url)
    try:
        await _turn(guard)
        app = {"models": list(models), "default_connection": "owner", "migrations": migrations}
        config = {
            "connections": {"owner": _connection(owner_url)},
            "apps": {APP_LABEL: app},
        }
        context = await Tortoise.init(config=config, init_connections=False)
        async with context:
            executor = MigrationExecutor(get_connections().get("owner"), {APP_LABEL: app})
            await executor.migrate(
                [MigrationTarget(app_label=APP_LABEL, name=name) for name in only]
            )
            await Tortoise.close_connections()
    except asyncpg.LockNotAvailableError:
        raise TableBusy from None
    finally:
        await guard.close()


async def _turn(guard: asyncpg.Connection) -> None:
    """Waits for the process that migrates already, by asking again and again: a statement that
    waited would be a transaction that an index, built concurrently by that process, waits for, and
    neither would ever end."""
    while True:
        if await guard.fetchval("select pg_try_advisory_lock($1)", _LOCK):
            return
        await asyncio.sleep(_TURN_SECONDS)


def _connection(url: str) -> dict[str, Any]:
    """One connection, so that what a migration sets holds for its next statement, too.

    A statement may take as long as its tables are large, but must not wait for one: whoever comes
    after it would wait behind it, readers included.
    """
    found = credentials(url, 1)
    found["credentials"] |= {
        "command_timeout": None,
        "server_settings": {"lock_timeout": f"{_TABLE_SECONDS}s"},
    }
    return found
