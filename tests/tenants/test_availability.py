from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.tenants.catalog.availability import (
    Band,
    band,
    bands_by_variants,
    best_bands,
    low_stock,
)
from keystall.tenants.catalog.queries import variants_by_ids
from keystall.tenants.catalog.service import product_archive
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from tests.factories import a_product, a_shop, a_variant_input, some_codes, variants_of


@pytest.mark.parametrize(
    ("available", "expected"), [(0, "sold_out"), (1, "low"), (10, "low"), (11, "in_stock")]
)
def test_a_band_tells_how_much_is_left(available: int, expected: Band) -> None:
    assert band(available) == expected


async def stocked(installation: Installation, shop: Shop, *stocks: int) -> list[UUID]:
    """Variants of one product with so many codes each."""
    kinds = [a_variant_input(f"kind {n}") for n in range(len(stocks))]
    product = await a_product(installation, shop, variants=kinds)
    ids = [variant.id for variant in await variants_of(shop, product)]
    for variant, count in zip(ids, stocks, strict=True):
        await some_codes(installation, shop, variant, count)
    return ids


async def test_bands_of_many_variants_are_this_shops_alone(
    installation: Installation,
) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    ids = await stocked(installation, shop, 0, 3, 12)

    async with database.transaction(shop.id) as db:
        bands = await bands_by_variants(db, shop.id, ids)
    async with database.transaction(other.id) as db:
        foreign_bands = await bands_by_variants(db, other.id, ids)
        crossed_bands = await bands_by_variants(db, shop.id, ids)

    assert bands == dict(zip(ids, ("sold_out", "low", "in_stock"), strict=True))
    assert foreign_bands == crossed_bands == dict.fromkeys(ids, "sold_out")


async def test_a_product_is_as_available_as_its_best_variant_on_sale(
    installation: Installation,
) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    low = await stocked(installation, shop, 0, 3)
    full = await stocked(installation, shop, 1, 12, 0)
    async with database.transaction(shop.id) as db:
        variants = await variants_by_ids(db, shop.id, [low[0], full[0]])
        products = [variants[one].product_id for one in (low[0], full[0])]
        before = await best_bands(db, shop.id, products)
        await db.execute("update variants set archived_at = now() where id = $1", full[1])
        after = await best_bands(db, shop.id, products)
        await db.execute("update variants set archived_at = now()")
        without = await best_bands(db, shop.id, products)
    async with database.transaction(other.id) as db:
        foreign = await best_bands(db, other.id, products)

    assert before == dict(zip(products, ("low", "in_stock"), strict=True))
    assert after == dict.fromkeys(products, "low")
    assert without == foreign == {}


async def test_the_emptiest_variants_on_sale_come_first(installation: Installation) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    ids = await stocked(installation, shop, 11, 4, 0, 10)
    await stocked(installation, other, 0)
    archived = await a_product(installation, shop, "Gone")
    await product_archive(installation, shop, archived.id)

    async with database.transaction(shop.id) as db:
        assert await low_stock(db, shop.id, limit=20) == [ids[2], ids[1], ids[3]]
        assert await low_stock(db, shop.id, limit=1) == [ids[2]]


async def test_bands_are_read_from_the_index_of_free_codes(
    installation: Installation, owner_url: str
) -> None:
    shop = await a_shop(installation)
    ids = await stocked(installation, shop, 30, 600)
    owner = await asyncpg.connect(owner_url)
    await owner.execute("vacuum analyze codes")
    await owner.close()

    async with database.transaction(shop.id) as db:
        await db.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
        plan = await db.rows(
            "explain select from codes where codes.shop_id = $1 and codes.variant_id = $2"
            " and state = 'available' and sellable_until > now() limit 11",
            shop.id, ids[0],
        )  # fmt: skip

    assert any("codes_available" in row["QUERY PLAN"] for row in plan)
