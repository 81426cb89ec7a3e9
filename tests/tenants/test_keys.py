"""Keys that rotate and are destroyed: nothing is lost on the way, nothing stays of what must go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.crypto import KeyRing, Unreadable, new_key
from keystall.platform.engines.roles import (
    DATABASE,
    OWNER,
    close_to_strangers,
    drop_database,
    with_database,
)
from keystall.platform.ids import new_id
from keystall.platform.ring_file import RingFile, write_ring
from keystall.tenants.delivery.service import codes_of_order, reveal_order_codes
from keystall.tenants.errors import Refused
from keystall.tenants.identity.links import account_token, browser_secrets
from keystall.tenants.identity.totp import new_totp_secret, totp_place
from keystall.tenants.installation import Installation
from keystall.tenants.key_locks import Busy, alone, only_command, reseal_lock
from keystall.tenants.keys import ring_rotation, shop_rotation
from keystall.tenants.keys.destruction import REASON, destroy_shop_keys
from keystall.tenants.keys.records import StillUsed
from keystall.tenants.keys.registry import SEALED
from keystall.tenants.keys.shop_rotation import Keeper, rotate_shop, rotate_shops
from keystall.tenants.keys.standing import standing
from keystall.tenants.orders.tokens import order_of_token, order_token
from keystall.tenants.shops.service import shop_reopen
from keystall.tenants.stock import packs
from keystall.tenants.stock.allocation import Wanted, reserve, sell
from keystall.tenants.stock.listing import codes_pages
from keystall.tenants.stock.previews import codes_preview
from keystall.tenants.stock.sealing import KeysDestroyed, key_place, shop_cipher
from keystall.tenants.stock.uploads import codes_content
from keystall.tenants.writing import writing
from tests.conftest import Engines
from tests.tenants.shelves import Shelf, a_shelf, an_order_line, an_upload

CODES = "A-1\nB-2\nC-3\nD-4\nE-5"


@pytest.fixture(autouse=True)
def small_and_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_rotation, "CHUNK", 2)
    monkeypatch.setattr(shop_rotation, "LAST_LOOKS_SECONDS", 0)
    monkeypatch.setattr(ring_rotation, "CHUNK", 2)


@pytest.fixture
async def keeper(installation: Installation) -> AsyncIterator[Keeper]:
    async with only_command(installation.settings.owner_database_url) as connection:
        yield Keeper(connection, installation.keys, installation.files, print)


async def a_sold_order(shelf: Shelf, quantity: int = 2) -> UUID:
    order, line = await an_order_line(shelf, quantity)
    async with writing(shelf.installation, shelf.shop) as tx:
        assert await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, quantity)]) == {}
        await sell(tx, shelf.shop, order)
    return order


async def versions(keeper: Keeper, shelf: Shelf) -> list[int]:
    rows = await keeper.connection.fetch(
        "select version from shop_keys where shop_id = $1 order by version", shelf.shop
    )
    return [row["version"] for row in rows]


async def join(keeper: Keeper, shelf: Shelf) -> None:
    """A rotation that got no further than its new key."""
    await shop_rotation._joined(keeper, shelf.shop, "shop")


async def test_a_rotated_shop_reads_everything_with_its_new_key_alone(
    installation: Installation, keeper: Keeper
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill(CODES)
    order, upload = await a_sold_order(shelf), await an_upload(shelf, b"Z-9\n")
    waiting = await shelf.ask("Y-8\nA-1")

    await rotate_shop(keeper, shelf.shop, "shop")

    assert await versions(keeper, shelf) == [2]
    assert await shelf.codes() == CODES.splitlines()
    opened = await reveal_order_codes(installation, shelf.shop, order, address="")
    assert sorted(opened.values()) == ["A-1", "B-2"]
    assert await codes_content(installation, shelf.shop, upload) == b"Z-9\n"
    await shelf.work(waiting)
    assert (await shelf.job(waiting))["result"]["duplicates_sold"] == 1
    assert (await shelf.codes())[-1] == "Y-8"


async def test_what_is_in_stock_is_found_under_either_key_while_they_rotate(
    installation: Installation, keeper: Keeper
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill(CODES)
    await join(keeper, shelf)
    first = await keeper.connection.fetchval(
        "select id from codes where shop_id = $1 order by id limit 1", shelf.shop
    )
    async with database.transaction(shelf.shop) as tx:
        cipher = await shop_cipher(tx, installation.keys, shelf.shop)
    column = SEALED[0]
    await shop_rotation._reseal_chunk(
        keeper.connection, shelf.shop, column, cipher, UUID(int=first.int - 1)
    )

    preview = await codes_preview(installation, shelf.shop, shelf.variant, text=CODES + "\nF-6")
    job = await shelf.fill("E-5\nA-1\nF-6\nC-3")

    assert (preview.new, preview.duplicates_in_stock_count) == (1, 5)
    assert (await shelf.job(job))["result"]["added"] == 1
    assert await shelf.codes() == [*CODES.splitlines(), "F-6"]
    await rotate_shop(keeper, shelf.shop, "shop")
    assert await shelf.codes() == [*CODES.splitlines(), "F-6"]


async def test_a_code_sealed_with_a_key_that_is_going_is_refused(
    installation: Installation, keeper: Keeper
) -> None:
    shelf = await a_shelf(installation)
    job = await shelf.fill("A-1")
    async with database.transaction(shelf.shop) as tx:
        stale = await shop_cipher(tx, installation.keys, shelf.shop)
    await join(keeper, shelf)
    code = new_id()

    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with database.transaction(shelf.shop) as tx:
            await tx.execute(
                "insert into codes"
                " (shop_id, id, variant_id, batch_id, state, sealed, key_version, lookup)"
                " values ($1, $2, $3, $4, 'available', $5, $6, $7)",
                shelf.shop, code, shelf.variant, job,
                stale.seal_code(shelf.variant, code, "B-2"), stale.version,
                stale.lookup(shelf.variant, "B-2"),
            )  # fmt: skip

    assert refusal.value.constraint_name == "sealed_with_newest_key"
    assert await shelf.codes() == ["A-1"]


class Killed(Exception):
    pass


def _dies(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, call: int) -> None:
    real: Callable[..., Any] = getattr(module, name)
    calls = 0

    async def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Killed
        return await real(*args, **kwargs)

    monkeypatch.setattr(module, name, dying)


@pytest.mark.parametrize(
    ("name", "call"),
    [("_reseal_all", 1), ("_reseal_chunk", 2), ("_reseal_files", 1), ("_prove", 1)],
)
async def test_a_killed_rotation_goes_on_where_it_was(
    installation: Installation, keeper: Keeper, name: str, call: int
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill(CODES)
    upload = await an_upload(shelf, b"Z-9\n")
    with pytest.MonkeyPatch.context() as patch:
        _dies(patch, shop_rotation, name, call=call)
        with pytest.raises(Killed):
            await rotate_shop(keeper, shelf.shop, "shop")
    assert await versions(keeper, shelf) == [1, 2]
    assert await shelf.codes() == CODES.splitlines()

    await rotate_shop(keeper, shelf.shop, "shop")

    assert await versions(keeper, shelf) == [2]
    assert await shelf.codes() == CODES.splitlines()
    assert await codes_content(installation, shelf.shop, upload) == b"Z-9\n"


async def test_a_rotation_of_all_shops_that_was_killed_does_none_of_them_twice(
    installation: Installation, keeper: Keeper
) -> None:
    done, begun = await a_shelf(installation), await a_shelf(installation)
    await begun.fill(CODES)
    with pytest.MonkeyPatch.context() as patch:
        _dies(patch, shop_rotation, "_reseal_chunk", call=1)
        with pytest.raises(Killed):
            # Shops in the order of their ids: the one with codes is the last.
            await rotate_shops(keeper)
    assert "shops" in (await standing(keeper.connection, installation.keys)).begun

    while (await standing(keeper.connection, installation.keys)).begun:
        await rotate_shops(keeper)

    assert await versions(keeper, done) == [2]
    assert await versions(keeper, begun) == [2]
    assert await begun.codes() == CODES.splitlines()


async def test_a_key_that_is_still_used_is_not_destroyed(
    installation: Installation, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill(CODES)

    async def forgets(*_: Any) -> None:
        pass

    monkeypatch.setattr(shop_rotation, "_reseal_all", forgets)
    with pytest.raises(StillUsed):
        await rotate_shop(keeper, shelf.shop, "shop")

    assert await versions(keeper, shelf) == [1, 2]
    assert await shelf.codes() == CODES.splitlines()


async def test_a_buyer_waits_for_the_last_code_that_is_just_being_sealed_anew(
    installation: Installation, keeper: Keeper
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("A-1")
    await join(keeper, shelf)
    _, line = await an_order_line(shelf, 1)

    async def buys() -> dict[UUID, int]:
        async with writing(shelf.installation, shelf.shop) as tx:
            return await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 1)])

    async with alone(keeper.connection, reseal_lock(shelf.shop)):
        await keeper.connection.execute(
            "select from codes where shop_id = $1 for update", shelf.shop
        )
        buyer = asyncio.create_task(buys())
        while not await keeper.connection.fetchval(  # noqa: ASYNC110  # nobody tells
            "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        ):
            await asyncio.sleep(0.01)

    assert await buyer == {}


async def test_two_commands_never_change_keys_at_once(
    installation: Installation, keeper: Keeper
) -> None:
    with pytest.raises(Busy):
        async with only_command(installation.settings.owner_database_url):
            pass


async def test_destroying_one_shops_keys_makes_exactly_that_shop_unreadable(
    installation: Installation, keeper: Keeper
) -> None:
    gone, stays = await a_shelf(installation), await a_shelf(installation)
    orders = {}
    for shelf in (gone, stays):
        await shelf.fill(CODES)
        orders[shelf.shop] = await a_sold_order(shelf)
    upload = await an_upload(gone, b"Z-9\n")
    unpaid, line = await an_order_line(gone, 1)
    async with writing(gone.installation, gone.shop) as tx:
        assert await reserve(tx, gone.shop, [Wanted(line, gone.variant, 1)]) == {}

    await destroy_shop_keys(keeper, gone.shop, "gone")

    async with database.transaction(gone.shop) as tx:
        masked = await codes_of_order(tx, installation, gone.shop, orders[gone.shop])
        pages = await codes_pages(tx, installation, gone.shop, [gone.variant], limit=10)
        listed = pages[gone.variant]
        assert await tx.value("select status_reason from shops") == REASON
        assert await tx.value("select status from orders where id = $1", unpaid) == "expired"
    assert [code.masked for code in masked] == [None, None]
    assert [(code.state, code.masked) for code in listed] == [("sold", None), ("sold", None)]
    with pytest.raises(KeysDestroyed):
        await reveal_order_codes(installation, gone.shop, orders[gone.shop], address="")
    for attempt in (
        codes_preview(installation, gone.shop, gone.variant, text="N-1"),
        codes_content(installation, gone.shop, upload),
        gone.ask("N-1"),
        shop_reopen(installation, gone.shop),
    ):
        with pytest.raises(Refused) as refusal:
            await attempt
        assert refusal.value.errors[0].code in ("KEYS_DESTROYED", "NOT_FOUND", "CONFLICT")
    assert (
        await keeper.connection.execute("update shops set status = 'open' where id = $1", gone.shop)
        == "UPDATE 0"
    )
    assert await stays.codes() == CODES.splitlines()
    opened = await reveal_order_codes(installation, stays.shop, orders[stays.shop], address="")
    assert sorted(opened.values()) == ["A-1", "B-2"]


# Codes that rest in packs, of two here: a chunk of the rotation is one.


@pytest.fixture
def packs_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 2)


async def marks(keeper: Keeper, shelf: Shelf) -> list[tuple[int, bytes]]:
    """Of each pack, in the order they came: its key's version and its marks."""
    rows = await keeper.connection.fetch(
        "select key_version, marks from code_packs where shop_id = $1 order by id", shelf.shop
    )
    return [(row["key_version"], row["marks"]) for row in rows]


async def marks_by_newest(shelf: Shelf, *codes: str) -> bytes:
    async with database.transaction(shelf.shop) as tx:
        cipher = await shop_cipher(tx, shelf.installation.keys, shelf.shop)
    return b"".join(cipher.lookup(shelf.variant, code)[:8] for code in codes)


async def test_a_rotated_shop_has_its_packs_by_the_new_key_alone(
    installation: Installation, keeper: Keeper, packs_of_two: None
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill(CODES)
    before = await shelf.rows()
    assert await marks(keeper, shelf) == [
        (1, await marks_by_newest(shelf, "A-1", "B-2")),
        (1, await marks_by_newest(shelf, "C-3", "D-4")),
    ]

    await rotate_shop(keeper, shelf.shop, "shop")

    assert await versions(keeper, shelf) == [2]
    assert await shelf.rows() == before
    assert await marks(keeper, shelf) == [
        (2, await marks_by_newest(shelf, "A-1", "B-2")),
        (2, await marks_by_newest(shelf, "C-3", "D-4")),
    ]
    again = await shelf.fill("D-4\nF-6\nA-1")
    assert (await shelf.job(again))["result"]["added"] == 1
    order = await a_sold_order(shelf)
    opened = await reveal_order_codes(installation, shelf.shop, order, address="")
    assert sorted(opened.values()) == ["A-1", "B-2"]
    assert await shelf.packs() == [2]


async def test_what_is_packed_is_found_under_either_key_while_they_rotate(
    installation: Installation, keeper: Keeper, packs_of_two: None
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill(CODES)
    with pytest.MonkeyPatch.context() as patch:
        # The row, and one of the packs; then the second pack.
        _dies(patch, shop_rotation, "_reseal_chunk", call=4)
        with pytest.raises(Killed):
            await rotate_shop(keeper, shelf.shop, "shop")
    assert [version for version, _ in await marks(keeper, shelf)] == [2, 1]

    preview = await codes_preview(installation, shelf.shop, shelf.variant, text=CODES + "\nF-6")
    job = await shelf.fill("D-4\nA-1\nF-6\nC-3\nG-7")
    order = await a_sold_order(shelf, 3)

    assert (preview.new, preview.duplicates_in_stock_count) == (1, 5)
    assert (await shelf.job(job))["result"]["added"] == 2
    opened = await reveal_order_codes(installation, shelf.shop, order, address="")
    assert sorted(opened.values()) == ["A-1", "B-2", "C-3"]
    await rotate_shop(keeper, shelf.shop, "shop")
    assert await versions(keeper, shelf) == [2]
    assert await shelf.codes() == [*CODES.splitlines(), "F-6", "G-7"]


async def test_a_pack_sealed_with_a_key_that_is_going_is_refused(
    installation: Installation, keeper: Keeper, packs_of_two: None
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("A-1\nB-2")
    await join(keeper, shelf)

    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        async with database.transaction(shelf.shop) as tx:
            await tx.execute(
                "insert into code_packs (shop_id, id, variant_id, batch_id, position, codes,"
                " sealed, key_version, marks) select shop_id, $1, variant_id, batch_id, 1, codes,"
                " sealed, 1, marks from code_packs",
                new_id(),
            )

    assert refusal.value.constraint_name == "sealed_with_newest_key"
    assert await shelf.packs() == [2]


async def test_a_rotation_that_knows_no_packs_does_not_destroy_their_key(
    installation: Installation,
    keeper: Keeper,
    packs_of_two: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("A-1\nB-2")
    before = tuple(column for column in SEALED if column.table != "code_packs")
    monkeypatch.setattr(shop_rotation, "SEALED", before)

    with pytest.raises(asyncpg.ForeignKeyViolationError, match="sealed with its key 1"):
        await rotate_shop(keeper, shelf.shop, "shop")

    assert await versions(keeper, shelf) == [1, 2]
    assert await shelf.codes() == ["A-1", "B-2"]


async def test_destroying_a_shops_keys_takes_its_packs_and_tells_of_all_codes(
    installation: Installation, keeper: Keeper, packs_of_two: None
) -> None:
    gone, stays = await a_shelf(installation), await a_shelf(installation)
    for shelf in (gone, stays):
        await shelf.fill(CODES)
    await a_sold_order(gone, 1)
    said: list[str] = []

    await destroy_shop_keys(replace(keeper, say=said.append), gone.shop, "gone")

    assert said == ["gone: 1 keys destroyed, 4 unsold codes deleted, the shop suspended."]
    assert await gone.packs() == []
    async with database.transaction(gone.shop) as tx:
        assert await tx.value("select count(*) from codes") == 1
    assert (await stays.packs(), await stays.codes()) == ([2, 2], CODES.splitlines())


# The ring's rotation re-wraps every shop there is: it gets a database of its own.


@pytest.fixture
async def apart(engines: Engines, database_name: str) -> AsyncIterator[asyncpg.Connection]:
    """An empty database of its own, as the owner."""
    name = f"{database_name}_ring"
    superuser = with_database(engines.superuser_url, "postgres")
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute(f'create database "{name}" template "{DATABASE}" owner "{OWNER}"')
        await close_to_strangers(connection, name)
    finally:
        await connection.close()
    async with only_command(with_database(engines.owner_url, name)) as owner:
        yield owner
    await drop_database(superuser, name)


@pytest.fixture
def ring(tmp_path: Path) -> RingFile:
    write_ring(tmp_path / "ring", KeyRing.generate())
    return RingFile(tmp_path / "ring")


async def some_shops(
    connection: asyncpg.Connection, ring: KeyRing, count: int
) -> dict[UUID, bytes]:
    """Shops with a wrapped key each: the keys by shop."""
    keys = {new_id(): new_key() for _ in range(count)}
    for shop, key in keys.items():
        await connection.execute(
            "insert into shops (id, slug, name, status, locales, default_locale, currencies,"
            " default_currency) values ($1, $2, 'S', 'open', '{en}', 'en', '{CNY}', 'CNY')",
            shop, f"s{shop}",
        )  # fmt: skip
        await connection.execute(
            "insert into shop_keys values ($1, 1, $2)", shop, ring.wrap(key, key_place(shop))
        )
    return keys


async def some_apps(connection: asyncpg.Connection, ring: KeyRing, count: int) -> dict[UUID, bytes]:
    """Accounts with an app each, one of them not confirmed yet: the secrets by account."""
    secrets = {new_id(): new_totp_secret().encode() for _ in range(count)}
    for at, (account, secret) in enumerate(secrets.items()):
        await connection.execute(
            "insert into accounts (id, email, password_hash, locale) values ($1, $2, '', 'en')",
            account, f"{account}@keystall.test",
        )  # fmt: skip
        await connection.execute(
            "insert into totp_secrets (account_id, id, wrapped, confirmed_at) values ($1, $1, $2,"
            " case when $3 then now() end)",
            account, ring.wrap(secret, totp_place(account)), at > 0,
        )  # fmt: skip
    return secrets


async def unwrapped(connection: asyncpg.Connection, ring: KeyRing) -> dict[UUID, bytes]:
    rows = await connection.fetch("select shop_id, wrapped from shop_keys")
    keys = {r["shop_id"]: ring.unwrap(r["wrapped"], key_place(r["shop_id"])) for r in rows}
    rows = await connection.fetch("select account_id, wrapped from totp_secrets")
    return keys | {
        r["account_id"]: ring.unwrap(r["wrapped"], totp_place(r["account_id"])) for r in rows
    }


async def test_a_rotated_ring_opens_all_and_the_old_key_is_nowhere_in_it(
    apart: asyncpg.Connection, ring: RingFile
) -> None:
    keys = await some_shops(apart, ring, 5) | await some_apps(apart, ring, 3)
    before, old_line = KeyRing.load(ring.path), ring.path.read_text().splitlines()[0]
    elsewhere, shop, order, token = RingFile(ring.path), new_id(), new_id(), new_id()
    link, mailed = order_token(ring, shop, order), account_token(ring, token)
    browser = next(browser_secrets(ring, token))

    await ring_rotation.rotate_ring(apart, ring, print)

    now = KeyRing.load(ring.path)
    assert now.versions == [2]
    assert old_line.partition(":")[2] not in ring.path.read_text()
    assert await unwrapped(apart, now) == keys
    assert await unwrapped(apart, elsewhere) == keys  # a process that never restarted
    with pytest.raises(Unreadable):
        await unwrapped(apart, before)
    for known in (now, elsewhere):
        assert order_token(known, shop, order) == link
        assert order_of_token(known, shop, link) == order
        assert account_token(known, token, version=1) == mailed
        assert browser in list(browser_secrets(known, token))


async def test_links_survive_a_second_rotation_and_nothing_piles_up(
    apart: asyncpg.Connection, ring: RingFile
) -> None:
    shop, order = new_id(), new_id()
    link = order_token(ring, shop, order)

    for _ in range(3):
        await ring_rotation.rotate_ring(apart, ring, print)

    names = [line.partition(":")[0] for line in ring.path.read_text().splitlines()]
    assert names == [
        "1/order-token", "3/account-token", "3/customer-flow", "3/customer-link", "3/invitation",
        "3/signing-up-browser", "4",
    ]  # fmt: skip
    assert order_of_token(ring, shop, link) == order


@pytest.mark.parametrize(
    ("name", "call"),
    [("rotation_begun", 1), ("_rewrap", 1), ("_put", 3), ("uses_of_older", 1),
     ("rotation_finished", 1)],
)  # fmt: skip
async def test_a_killed_rotation_of_the_ring_goes_on_where_it_was(
    apart: asyncpg.Connection, ring: RingFile, name: str, call: int
) -> None:
    keys = await some_shops(apart, ring, 5) | await some_apps(apart, ring, 3)
    with pytest.MonkeyPatch.context() as patch:
        _dies(patch, ring_rotation, name, call=call)
        with pytest.raises(Killed):
            await ring_rotation.rotate_ring(apart, ring, print)
    again = RingFile(ring.path)
    assert await unwrapped(apart, again) == keys

    await ring_rotation.rotate_ring(apart, again, print)

    assert again.versions == [2]
    assert await unwrapped(apart, again) == keys
    assert (await standing(apart, again)).begun == []


async def test_a_ring_key_that_is_still_used_is_not_destroyed(
    apart: asyncpg.Connection, ring: RingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = await some_shops(apart, ring, 2)

    async def forgets(*_: Any) -> int:
        return 0

    monkeypatch.setattr(ring_rotation, "_rewrap", forgets)
    with pytest.raises(StillUsed, match=r"2 values of shop_keys\.wrapped"):
        await ring_rotation.rotate_ring(apart, ring, print)

    assert KeyRing.load(ring.path).versions == [1, 2]
    assert await unwrapped(apart, ring) == keys


async def test_a_ring_that_only_joins_wraps_nothing_anew_until_it_is_told(
    apart: asyncpg.Connection, ring: RingFile
) -> None:
    keys = await some_shops(apart, ring, 2) | await some_apps(apart, ring, 3)

    await ring_rotation.rotate_ring(apart, ring, print, only_join=True)
    older = (await standing(apart, ring)).older
    assert older == {"shop_keys.wrapped": 2, "totp_secrets.wrapped": 3}
    assert ring.versions == [1, 2]

    await ring_rotation.rotate_ring(apart, ring, print)
    assert ring.versions == [2]
    assert await unwrapped(apart, ring) == keys
