"""A new data key for a shop: everything sealed anew, the old key destroyed, while orders flow.

What `shop_keys` holds says how far a rotation is: more than one key means that one is under way,
and it goes on from there. So it can be killed at any point and run again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from keystall.platform.crypto import KeyRing, new_key
from keystall.platform.database import Row
from keystall.platform.files import FileMissing, FileStore
from keystall.tenants.key_locks import RING, alone, reseal_lock, shop_lock
from keystall.tenants.keys.records import StillUsed, rotation_begun, rotation_finished
from keystall.tenants.keys.registry import SEALED, Sealed
from keystall.tenants.stock.sealing import ShopCipher, key_place
from keystall.tenants.stock.uploads import codes_path, reseal_codes, stored_version

CHUNK = 1_000
"""Codes that are locked at once: buyers pass them over for that moment, or wait for their pack."""
LAST_LOOKS_SECONDS = 1.0
"""From the last chunk to the end of the old key: who looked for codes before has them by then."""

BREATH_SECONDS = 0.05
TOLD_EVERY = 50
"""Chunks between two lines of progress."""

Say = Callable[[str], None]

_START = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Keeper:
    """What a rotation works with: the owner's connection, the ring, the file store."""

    connection: asyncpg.Connection
    ring: KeyRing
    files: FileStore
    say: Say


async def rotate_shops(keeper: Keeper) -> int:
    """Gives every shop a new data key; answers how many it was.

    A rotation of all that was killed goes on with the shops it had not done.
    """
    record = await rotation_begun(keeper.connection, "shops")
    shops = await keeper.connection.fetch(
        "select shop_id as id, slug from shop_keys join shops on shops.id = shop_id"
        " group by shop_id, slug having count(*) > 1 or max(shop_keys.created_at) < $1"
        " order by shop_id",
        record.started_at,
    )
    for shop in shops:
        await rotate_shop(keeper, shop["id"], shop["slug"])
    await rotation_finished(keeper.connection, record)
    return len(shops)


async def rotate_shop(keeper: Keeper, shop: UUID, slug: str) -> None:
    """Gives the shop a new data key, or ends a rotation that was begun.

    Raises StillUsed, Unreadable (nothing can be sealed anew that does not open).
    """
    cipher = await _joined(keeper, shop, slug)
    for column in SEALED:
        await _reseal_all(keeper, shop, slug, column, cipher)
    files = await _reseal_files(keeper, shop, cipher)
    if files:
        keeper.say(f"{slug}: {files} files sealed anew.")
    await asyncio.sleep(LAST_LOOKS_SECONDS)
    await _prove(keeper, shop, cipher)
    async with alone(keeper.connection, shop_lock(shop)):
        await keeper.connection.execute(
            "delete from shop_keys where shop_id = $1 and version < $2", shop, cipher.version
        )
    await keeper.connection.execute("vacuum shop_keys")
    gone = ", ".join(map(str, sorted(cipher.older)))
    keeper.say(f"{slug}: nothing uses key {gone} any more: destroyed. Key {cipher.version} is on.")


async def _joined(keeper: Keeper, shop: UUID, slug: str) -> ShopCipher:
    """The shop's keys with one that is newer than the others; none works with fewer any more."""
    keys = await _keys(keeper, shop)
    if len(keys) > 1:
        keeper.say(f"{slug}: going on with the rotation to key {max(keys)}.")
        return ShopCipher(shop, keys)
    version, key = max(keys) + 1, new_key()
    async with alone(keeper.connection, shop_lock(shop)):
        # As `wrap_with_ring` does, for transactions of the owner.
        await keeper.connection.execute(
            "select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", RING
        )
        keeper.ring.refresh()
        await keeper.connection.execute(
            "insert into shop_keys (shop_id, version, wrapped) values ($1, $2, $3)",
            shop, version, keeper.ring.wrap(key, key_place(shop)),
        )  # fmt: skip
    keeper.say(f"{slug}: key {version} is there.")
    return ShopCipher(shop, keys | {version: key})


async def _keys(keeper: Keeper, shop: UUID) -> dict[int, bytes]:
    rows = await keeper.connection.fetch(
        "select version, wrapped from shop_keys where shop_id = $1", shop
    )
    return {row["version"]: keeper.ring.unwrap(row["wrapped"], key_place(shop)) for row in rows}


async def _reseal_all(
    keeper: Keeper, shop: UUID, slug: str, column: Sealed, cipher: ShopCipher
) -> None:
    """Passes over the table until nothing in it is sealed with an older key."""
    done = 0
    while older := await _count_older(keeper, shop, column, cipher):
        after: UUID | None = _START
        while after is not None:
            after, count = await _reseal_chunk(keeper.connection, shop, column, cipher, after)
            done, older = done + count, max(0, older - count)
            if count and (done // _rows(column) % TOLD_EVERY == 0 or not older):
                keeper.say(f"{slug}: {column.table}: {done} sealed anew, {older} to go.")
        # Rows that somebody held were passed over; the next pass finds them.
        await asyncio.sleep(BREATH_SECONDS)


async def _count_older(keeper: Keeper, shop: UUID, column: Sealed, cipher: ShopCipher) -> int:
    count: int = await keeper.connection.fetchval(
        f"select count(*) from {column.table}"  # noqa: S608  (names of the registry)
        f" where shop_id = $1 and {column.filled} and {column.version} < $2",
        shop, cipher.version,
    )  # fmt: skip
    return count


async def _reseal_chunk(
    connection: asyncpg.Connection, shop: UUID, column: Sealed, cipher: ShopCipher, after: UUID
) -> tuple[UUID | None, int]:
    """Seals the next rows anew; answers the last one's id, None at the end, and how many."""
    async with connection.transaction():
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended($1, 0))", reseal_lock(shop)
        )
        # Never waits for a row, and so is never part of a circle.
        rows = await connection.fetch(
            f"select id, {', '.join(column.reads)} from {column.table}"  # noqa: S608
            f" where shop_id = $1 and id > $2 and {column.filled} and {column.version} < $3"
            f" order by id limit {_rows(column)} for update skip locked",
            shop, after, cipher.version,
        )  # fmt: skip
        if not rows:
            return None, 0
        made = await asyncio.to_thread(_sealed_anew, column, cipher, rows)
        names = list(column.makes)
        await connection.execute(
            f"update {column.table} set"  # noqa: S608
            f" {', '.join(f'{name} = anew.{name}' for name in names)}"
            f" from unnest($2::uuid[], {_arrays(column)}) as anew (id, {', '.join(names)})"
            f" where {column.table}.shop_id = $1 and {column.table}.id = anew.id",
            shop, [row["id"] for row in rows], *made,
        )  # fmt: skip
    return rows[-1]["id"], len(rows)


def _rows(column: Sealed) -> int:
    """As many as hold a chunk of codes."""
    return max(1, CHUNK // column.codes)


def _arrays(column: Sealed) -> str:
    return ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(column.makes.values(), start=3))


def _sealed_anew(column: Sealed, cipher: ShopCipher, rows: Sequence[Row]) -> list[list[object]]:
    made = [column.reseal(cipher, row["id"], row) for row in rows]
    return [list(values) for values in zip(*made, strict=True)]


async def _reseal_files(keeper: Keeper, shop: UUID, cipher: ShopCipher) -> int:
    """Files of codes that wait for an import, and those of imports under way."""
    done = 0
    for file in await files_of_codes(keeper.connection, shop):
        try:
            if await stored_version(keeper.files, shop, file) >= cipher.version:
                continue
            await reseal_codes(keeper.files, shop, file, cipher, cipher)
        except FileMissing:  # just imported
            continue
        else:
            done += 1
            if file not in await files_of_codes(keeper.connection, shop):
                await keeper.files.delete(codes_path(shop, file))  # imported meanwhile
    return done


async def files_of_codes(connection: asyncpg.Connection, shop: UUID) -> list[UUID]:
    """The sealed files of a shop: uploads that wait, and those of imports under way."""
    rows = await connection.fetch(
        """
        select id from files where shop_id = $1 and kind = 'codes'
        union select (input ->> 'file_id')::uuid from jobs
        where shop_id = $1 and kind = 'codes_import' and state in ('queued', 'running')
        """,
        shop,
    )
    return [row["id"] for row in rows]


async def _prove(keeper: Keeper, shop: UUID, cipher: ShopCipher) -> None:
    for column in SEALED:
        count = await _count_older(keeper, shop, column, cipher)
        if count:
            raise StillUsed(f"{count} rows of {column.table} are sealed with an older key")
    for file in await files_of_codes(keeper.connection, shop):
        try:
            version = await stored_version(keeper.files, shop, file)
        except FileMissing:
            continue
        if version < cipher.version:
            raise StillUsed("a file of codes is sealed with an older key")
