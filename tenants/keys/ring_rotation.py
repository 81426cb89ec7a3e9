"""A new key for the installation: joined, everything wrapped anew, the old one destroyed.

What the ring holds says how far a rotation is: more than one key means that one is under way, and
it goes on from there. So it can be killed at any point and run again.
"""

from collections.abc import Callable, Mapping
from uuid import UUID

import asyncpg

from keystall.platform.crypto import KeyRing, wrapped_with
from keystall.platform.ring_file import RingFile, write_ring
from keystall.tenants.key_locks import RING, alone
from keystall.tenants.keys.records import StillUsed, rotation_begun, rotation_finished
from keystall.tenants.keys.registry import LINKS_FOR_A_WHILE, LINKS_FOR_EVER, WRAPPED, Wrapped

CHUNK = 500
Say = Callable[[str], None]


async def rotate_ring(
    connection: asyncpg.Connection, ring: RingFile, say: Say, *, only_join: bool = False
) -> None:
    """Gives the installation a new key, or ends a rotation that was begun.

    `only_join` stops once the new key is in the file, for installations whose machines have a copy
    each: nothing is wrapped anew until all know it. Raises StillUsed, Unreadable, OSError.
    """
    record = await rotation_begun(connection, "installation", ring.current + 1)
    if ring.versions == [record.version]:
        # Killed between its last two steps.
        await rotation_finished(connection, record)
        say(f"The rotation to key {record.version} was done; only its record was missing.")
        return
    if len(ring.versions) == 1:
        write_ring(ring.path, ring.rotated())
        ring.refresh()
        say(f"Key {ring.current} joined the ring.")
    else:
        say(f"Going on: the ring holds keys {', '.join(map(str, ring.versions))}.")
    if only_join:
        return
    async with alone(connection, RING):
        pass  # whoever wrapped with an older key has committed; whoever comes sees the new one
    for column in WRAPPED:
        count = await _rewrap(connection, ring, column)
        say(f"{column.table}.{column.column}: {count} wrapped anew with key {ring.current}.")
    for name, count in (await uses_of_older(connection, ring)).items():
        if count:
            raise StillUsed(f"{count} values of {name} are wrapped with an older key")
    gone = [version for version in ring.versions if version != ring.current]
    for table in {column.table: None for column in WRAPPED}:
        await connection.execute(f"vacuum {table}")
    write_ring(ring.path, ring.alone(first_of=LINKS_FOR_EVER, all_of=LINKS_FOR_A_WHILE))
    ring.refresh()
    await rotation_finished(connection, record)
    say(f"Nothing uses key {', '.join(map(str, gone))} any more: destroyed.")


async def uses_of_older(connection: asyncpg.Connection, ring: KeyRing) -> Mapping[str, int]:
    """How many values of each wrapped column are not wrapped with the ring's current key."""
    return {
        f"{column.table}.{column.column}": await connection.fetchval(
            f"select count(*) from {column.table}"  # noqa: S608  (names of the registry)
            f" where {column.column} is not null and substr({column.column}, 1, 4) <> $1",
            wrapped_with(ring.current),
        )
        for column in WRAPPED
    }


async def _rewrap(connection: asyncpg.Connection, ring: KeyRing, column: Wrapped) -> int:
    header, total = wrapped_with(ring.current), 0
    while True:
        async with connection.transaction():
            rows = await connection.fetch(
                f"select * from {column.table}"  # noqa: S608
                f" where {column.column} is not null and substr({column.column}, 1, 4) <> $1"
                f" limit {CHUNK} for update",
                header,
            )
            for row in rows:
                secret = ring.unwrap(row[column.column], column.place(row))
                await _put(connection, column, row, ring.wrap(secret, column.place(row)))
        if not rows:
            return total
        total += len(rows)


async def _put(
    connection: asyncpg.Connection, column: Wrapped, row: Mapping[str, UUID], wrapped: bytes
) -> None:
    same = " and ".join(f"{name} = ${n}" for n, name in enumerate(column.keys, start=2))
    await connection.execute(
        f"update {column.table} set {column.column} = $1 where {same}",  # noqa: S608
        wrapped, *(row[name] for name in column.keys),
    )  # fmt: skip
