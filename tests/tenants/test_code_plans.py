"""Codes are found by an order's lines, by their lookups and variants, however many there are."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.catalog.availability import LOW, bands_by_variants
from keystall.tenants.catalog.bands import settle_bands
from keystall.tenants.delivery.service import codes_of_orders
from keystall.tenants.installation import Installation
from keystall.tenants.stock.allocation import free, sell
from keystall.tenants.stock.insertion import stocked
from keystall.tenants.stock.sealing import shop_cipher
from keystall.tenants.stock.steps import NewCodes
from tests.factories import a_product, a_shop, a_variant_input, some_codes, variants_of

Touch = Callable[["Recorder", Installation, UUID], Awaitable[Any]]


class Recorder:
    """Notes statements and answers nothing."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, tuple[object, ...]]] = []

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        self.statements.append((sql, args))
        return []

    async def row(self, sql: str, *args: object) -> Row | None:
        raise AssertionError("no statement here asks for one row")

    async def value(self, sql: str, *args: object) -> Any:
        self.statements.append((sql, args))
        return True

    async def execute(self, sql: str, *args: object) -> int:
        self.statements.append((sql, args))
        return 0


async def _reads(recorder: Recorder, installation: Installation, shop: UUID) -> None:
    await codes_of_orders(recorder, shop, [new_id(), new_id()])


async def _sells(recorder: Recorder, installation: Installation, shop: UUID) -> None:
    await sell(recorder, shop, new_id())


async def _frees(recorder: Recorder, installation: Installation, shop: UUID) -> None:
    await free(recorder, shop, new_id())


@pytest.fixture
async def shop(installation: Installation, owner_url: str) -> AsyncIterator[UUID]:
    """A shop with codes enough that the planner, its statistics fresh, has something to choose."""
    made = await a_shop(installation)
    kinds = [a_variant_input("full"), a_variant_input("sold out")]
    product = await a_product(installation, made, variants=kinds)
    full, _ = await variants_of(made, product)
    await some_codes(installation, made, full.id, 1)
    connection = await asyncpg.connect(owner_url)
    await connection.execute(
        """
        insert into codes (shop_id, id, variant_id, batch_id, state, sealed, key_version, lookup)
        select shop_id, gen_random_uuid(), variant_id, batch_id, state, sealed, key_version,
               decode(md5(n::text), 'hex')
        from codes, generate_series(1, 5000) n where shop_id = $1
        """,
        made.id,
    )
    await connection.execute("analyze codes, order_lines")
    yield made.id
    # They were sealed for another place: no rotation of keys could open them.
    await connection.execute("delete from codes where shop_id = $1", made.id)
    await connection.close()


@pytest.mark.parametrize("touch", [_reads, _sells, _frees])
async def test_the_codes_of_an_order_are_read_by_their_lines(
    touch: Touch, installation: Installation, shop: UUID
) -> None:
    recorder = Recorder()

    await touch(recorder, installation, shop)

    ((sql, args),) = recorder.statements
    async with database.transaction(shop) as db:
        # On tables this small the planner would rather read all lines, index or not.
        await db.execute("set local enable_seqscan = off")
        plan = [row["QUERY PLAN"] for row in await db.rows(f"explain {sql}", *args)]
    assert any("Cond" in line and "order_line_id = ANY" in line for line in plan)


async def test_known_codes_are_found_by_their_lookups(
    installation: Installation, shop: UUID
) -> None:
    recorder = Recorder()
    async with database.transaction(shop) as db:
        variant = await db.value("select variant_id from codes limit 1")
        cipher = await shop_cipher(db, installation.keys, shop)
    given = NewCodes([1], [b"ONE"], [cipher.lookup(variant, "ONE")])

    await stocked(recorder, shop, variant, cipher, given)

    _, _, (sql, args) = recorder.statements
    async with database.transaction(shop) as db:
        plan = [row["QUERY PLAN"] for row in await db.rows(f"explain {sql}", *args)]
    assert any("Index Scan using codes_shop_id_lookup_key" in line for line in plan), "\n".join(
        plan
    )


@pytest.fixture
async def sold_out(
    installation: Installation, shop: UUID, owner_url: str
) -> AsyncIterator[tuple[asyncpg.Connection, UUID]]:
    """The owner's connection, and a variant without codes where another has all of thousands of
    codes and packs: by the statistics any that is read is as likely as not of whichever is asked.
    """
    connection = await asyncpg.connect(owner_url)
    await connection.execute(
        """
        insert into code_packs (shop_id, id, variant_id, batch_id, position, codes, sealed,
                                key_version, marks)
        select shop_id, gen_random_uuid(), variant_id, batch_id, n, 1, sealed, key_version,
               int8send(n)
        from (select * from codes where shop_id = $1 limit 1) code, generate_series(1, 5000) n
        """,
        shop,
    )
    for table in ("codes", "code_packs"):
        await connection.execute(f"alter table {table} alter variant_id set (n_distinct = 2)")
    await connection.execute("analyze codes, code_packs")
    yield (
        connection,
        await connection.fetchval(
            "select id from variants where shop_id = $1 and name = 'sold out'", shop
        ),
    )
    for table in ("codes", "code_packs"):
        await connection.execute(f"alter table {table} alter variant_id reset (n_distinct)")
    await connection.execute("delete from code_packs where shop_id = $1", shop)
    await connection.close()


# Of this session, and not of this transaction alone.
_READ_THROUGH = """
  select sum(seq_tup_read)::int from pg_stat_xact_user_tables
  where relname in ('codes', 'code_packs')"""


async def test_what_is_sold_out_is_told_without_reading_others_codes(
    shop: UUID, sold_out: tuple[asyncpg.Connection, UUID]
) -> None:
    _, variant = sold_out
    async with database.transaction(shop) as db:
        before = await db.value(_READ_THROUGH)
        bands = await bands_by_variants(db, shop, [variant])
        after = await db.value(_READ_THROUGH)

    assert (bands, after - before) == ({variant: "sold_out"}, 0)


async def test_bands_are_settled_without_reading_others_codes(
    shop: UUID, sold_out: tuple[asyncpg.Connection, UUID]
) -> None:
    owner, variant = sold_out
    await settle_bands()
    await owner.execute(
        "insert into stock_moves (shop_id, variant_id) values ($1, $2)", shop, variant
    )

    async with owner.transaction():
        before = await owner.fetchval(_READ_THROUGH)
        await owner.execute("select stock_bands_settle($1, 5000)", LOW)
        after = await owner.fetchval(_READ_THROUGH)
        band = await owner.fetchval("select band from variant_bands where variant_id = $1", variant)

    assert (band, after - before) == ("sold_out", 0)
