"""An installation comes back from its backup, every row and file of it, or not at all."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import asyncpg
import pytest

from keystall.platform.archive import sealed_stream
from keystall.platform.archive.entries import EntryWriter
from keystall.platform.archive.sealed_stream import Damaged, SealedWriter, opened
from keystall.platform.crypto import KeyRing
from keystall.platform.engines.roles import (
    OWNER,
    close_to_strangers,
    drop_database,
    with_database,
)
from keystall.platform.files import FileStore, file_store
from keystall.tenants.backup import reading_in
from keystall.tenants.backup.reading_in import (
    Contents,
    NotEmpty,
    OtherSchema,
    read_backup,
    require_room,
    verified,
)
from keystall.tenants.backup.tables import copy_rows, table_forms
from keystall.tenants.backup.writing_out import Whole, write_backup
from keystall.tenants.identity.totp import totp_place
from keystall.tenants.installation import Installation
from keystall.tenants.stock import packs
from keystall.tenants.stock.allocation import Wanted, reserve, sell
from keystall.tenants.stock.sealing import ShopCipher, key_place
from keystall.tenants.writing import writing
from tests.authenticator import with_app
from tests.conftest import Engines
from tests.factories import a_picture, a_shop, a_viewer
from tests.passkey_device import with_passkey
from tests.tenants.shelves import a_shelf, an_order_line

PASSPHRASE = "plum tree, old pond"
SILENT: Callable[[str], None] = lambda _: None  # noqa: E731


MIGRATE = """
import asyncio, sys
from keystall.tenants.migrating import migrate
from keystall.tenants.writing import writing
asyncio.run(migrate(sys.argv[1], only=sys.argv[2:]))
"""


async def migrate(url: str, *, only: Sequence[str] = ("__latest__",)) -> None:
    """In a process of its own, as commands do: the ORM knows one set of pools a process."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, url, *only)
    assert await process.wait() == 0


@pytest.fixture(autouse=True)
def by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_stream, "MEMORY_KIB", 64)
    monkeypatch.setattr(reading_in, "migrate", migrate)


@pytest.fixture
async def empty_url(engines: Engines, database_name: str) -> AsyncIterator[str]:
    """A database in which nothing is, as the owner."""
    name, superuser = f"{database_name}_restored", with_database(engines.superuser_url, "postgres")
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute(f'create database "{name}" owner "{OWNER}"')
        await close_to_strangers(connection, name)
    finally:
        await connection.close()
    yield with_database(engines.owner_url, name)
    await drop_database(superuser, name)


async def written(installation: Installation) -> bytes:
    connection = await asyncpg.connect(installation.settings.owner_database_url)
    file = io.BytesIO()
    try:
        whole = Whole(connection, installation.keys, installation.files, {"logins": "{}"})
        await write_backup(whole, EntryWriter(SealedWriter(file, PASSPHRASE)), SILENT)
    finally:
        await connection.close()
    return file.getvalue()


def contents_of(data: bytes) -> Contents:
    return verified(opened(io.BytesIO(data), PASSPHRASE))


async def restored(data: bytes, url: str, files: FileStore) -> Contents:
    contents = contents_of(data)
    await require_room(url, files, contents)
    await read_backup(url, files, opened(io.BytesIO(data), PASSPHRASE), contents, SILENT)
    return contents


async def everything(url: str) -> dict[str, bytes]:
    """The rows of every table, in the order of their keys."""
    connection = await asyncpg.connect(url)
    found: dict[str, bytes] = {}
    try:
        for form in await table_forms(connection):
            rows = bytearray()

            async def take(data: bytes, rows: bytearray = rows) -> None:
                rows.extend(data)

            await copy_rows(connection, form, take)
            found[form.name] = bytes(rows)
    finally:
        await connection.close()
    return found


async def guards(url: str) -> list[tuple[str, ...]]:
    """References, triggers and walls as the catalogue has them."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)"
            " from pg_constraint where connamespace = 'public'::regnamespace"
            " union all select tgrelid::regclass::text, tgname::text, tgenabled::text"
            " from pg_trigger where not tgisinternal"
            " union all select relname::text, relrowsecurity::text, relforcerowsecurity::text"
            " from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            " order by 1, 2, 3"
        )
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


async def test_a_restored_installation_equals_what_was_saved_and_its_sold_codes_open(
    installation: Installation, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("A-1\nB-2")
    monkeypatch.setattr(packs, "PACK", 3)
    await shelf.fill("C-3\nD-4\nE-5")
    order, line = await an_order_line(shelf, 1)
    async with writing(shelf.installation, shelf.shop) as tx:
        await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 1)])
        await sell(tx, shelf.shop, order)
    person = await a_viewer(installation)
    await a_picture(installation, await a_shop(installation, person))
    app = await with_app(installation, person)
    device = await with_passkey(installation, person)
    before = await everything(installation.settings.owner_database_url)
    owner = await asyncpg.connect(installation.settings.owner_database_url)
    passed = await owner.fetchval("select nextval('codes_position_seq')")
    await owner.close()
    files = file_store(f"file://{tmp_path}/files")

    contents = await restored(await written(installation), empty_url, files)

    assert await everything(empty_url) == before
    assert await guards(empty_url) == await guards(installation.settings.owner_database_url)
    assert [path async for path in files.paths()] != []
    async for path in installation.files.paths():
        assert await files.get(path) == await installation.files.get(path)
    assert contents.notes == {"logins": "{}"}
    ring = KeyRing.parse(contents.ring)
    connection = await asyncpg.connect(empty_url)
    try:
        key = await connection.fetchval(
            "select wrapped from shop_keys where shop_id = $1", shelf.shop
        )
        sold = await connection.fetchrow(
            "select * from codes where shop_id = $1 and order_line_id = $2", shelf.shop, line
        )
        pack = await connection.fetchrow("select * from code_packs where shop_id = $1", shelf.shop)
        wrapped = await connection.fetchval(
            "select wrapped from totp_secrets where account_id = $1", person.account_id
        )
        public_key = await connection.fetchval(
            "select public_key from passkeys where account_id = $1", person.account_id
        )
        # No new code takes the place of one that is there.
        assert await connection.fetchval("select nextval('codes_position_seq')") > passed
    finally:
        await connection.close()
    cipher = ShopCipher(shelf.shop, {1: ring.unwrap(key, key_place(shelf.shop))})
    assert cipher.open_code(shelf.variant, sold["id"], sold["sealed"], 1) == "A-1"
    assert list(packs.opened(cipher, pack).values()) == ["C-3", "D-4", "E-5"]
    assert ring.unwrap(wrapped, totp_place(person.account_id)).decode() == app.secret
    assert public_key == device.keys[0].cose


async def test_nothing_is_put_where_something_is(
    installation: Installation, empty_url: str, tmp_path: Path
) -> None:
    data = await written(installation)
    contents = contents_of(data)
    await a_shop(installation)
    full = file_store(f"file://{tmp_path}/full")
    await full.put("shop/file.webp", b"a stranger's")

    with pytest.raises(NotEmpty):
        await require_room(
            installation.settings.owner_database_url, file_store(f"file://{tmp_path}/e"), contents
        )
    with pytest.raises(NotEmpty):
        await require_room(empty_url, full, contents)


async def test_a_restore_that_fails_leaves_an_empty_database_and_can_be_tried_again(
    installation: Installation, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_picture(installation, await a_shop(installation))
    data, files = await written(installation), file_store(f"file://{tmp_path}/files")

    async def finds_a_difference(*_: object) -> None:
        raise Damaged

    with monkeypatch.context() as patch:
        patch.setattr(reading_in, "_prove", finds_a_difference)
        with pytest.raises(Damaged):
            await restored(data, empty_url, files)
    assert set((await everything(empty_url)).values()) <= {b""}

    contents = await restored(data, empty_url, files)

    assert (await everything(empty_url))["shops"].count(b"\n") == contents.digests["table/shops"][
        "lines"
    ]


async def test_a_backup_of_an_unknown_schema_and_a_database_of_another_are_refused(
    installation: Installation, empty_url: str, tmp_path: Path
) -> None:
    contents = contents_of(await written(installation))
    files = file_store(f"file://{tmp_path}/files")
    newer = Contents(**{
        **{name: getattr(contents, name) for name in Contents.__slots__},
        "schema": [*contents.schema, "9999_of_tomorrow"],
    })  # fmt: skip
    older = Contents(**{
        **{name: getattr(contents, name) for name in Contents.__slots__},
        "schema": ["0001_initial"],
    })  # fmt: skip

    with pytest.raises(OtherSchema, match="9999_of_tomorrow"):
        await require_room(empty_url, files, newer)
    await migrate(empty_url)
    with pytest.raises(OtherSchema, match="empty database"):
        await require_room(empty_url, files, older)
