"""Who waits for whom while keys change.

`shop-keys:<shop>` is held, shared, by every transaction that works with a shop's keys
(`shop_keys_held`), and alone by the moment in which a key comes or goes. `reseal:<shop>` is held
alone by a chunk of codes being sealed anew, which buyers pass over: one who finds too few codes
waits for it and looks again. `key-ring` is held, shared, by whoever wraps with the ring.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from keystall.platform.crypto import KeyRing
from keystall.platform.database import Transaction

RING = "key-ring"
PATIENCE_MS = 250
"""How long a moment alone may be waited for: whoever comes meanwhile waits behind."""
PAUSE_SECONDS = 0.2


class Busy(Exception):
    """Another command is changing keys."""


def shop_lock(shop: UUID) -> str:
    """The lock of all who work with the keys of `shop`."""
    return f"shop-keys:{shop}"


def reseal_lock(shop: UUID) -> str:
    """The lock of codes that are being sealed anew."""
    return f"reseal:{shop}"


async def wrap_with_ring(tx: Transaction, keys: KeyRing, secret: bytes, place: bytes) -> bytes:
    """`secret` wrapped with the ring's newest key, which stays until the transaction ends.

    Nothing else may wrap what is written: a key that is going would take it along.
    """
    await tx.value("select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", RING)
    keys.refresh()
    return keys.wrap(secret, place)


@asynccontextmanager
async def alone(connection: asyncpg.Connection, lock: str) -> AsyncIterator[None]:
    """A transaction as the only one that holds `lock`, waited for without holding others up."""
    while True:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"set local lock_timeout = {PATIENCE_MS}")
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock)
            await connection.execute("set local lock_timeout = 0")
        except asyncpg.LockNotAvailableError:
            await transaction.rollback()
            await asyncio.sleep(PAUSE_SECONDS)
        except BaseException:
            await transaction.rollback()
            raise
        else:
            break
    try:
        yield
    except BaseException:
        await transaction.rollback()
        raise
    await transaction.commit()


@asynccontextmanager
async def only_command(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner, on a direct address, as the only command that changes keys.

    Raises Busy where there is one already.
    """
    connection = await asyncpg.connect(owner_url)
    try:
        if not await connection.fetchval(
            "select pg_try_advisory_lock(hashtextextended('key-command', 0))"
        ):
            raise Busy("another command is changing keys; wait for it to end")
        yield connection
    finally:
        await connection.close()
