"""Row-level security lets only leakproof operators into an index: each read is planned as `app`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.catalog import queries
from keystall.tenants.catalog.lists import ProductFilter, product_list
from keystall.tenants.catalog.standing import standing
from keystall.tenants.installation import Installation
from tests.factories import a_product, a_shop


class Recorder:
    """Notes statements and answers nothing."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, tuple[object, ...]]] = []

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        self.statements.append((sql, args))
        return []

    async def row(self, sql: str, *args: object) -> Row | None:
        self.statements.append((sql, args))
        return None

    async def value(self, sql: str, *args: object) -> Any:
        raise AssertionError("no read here asks for one value")


@pytest.fixture(scope="module")
async def shelves(owner_url: str) -> AsyncIterator[UUID]:
    """A shop with goods enough that the planner, its statistics fresh, has something to choose."""
    shop, variant = new_id(), "md5('v' || n)::uuid"
    connection = await asyncpg.connect(owner_url)
    await connection.execute(
        f"""
        insert into shops (id, slug, name, status, locales, default_locale, currencies,
                           default_currency)
        values ('{shop}', 'shelves', 'Shelves', 'open', '{{en}}', 'en', '{{CNY}}', 'CNY');
        insert into files (shop_id, id, kind, name, media_type, size)
        select '{shop}', md5('f' || n)::uuid, 'picture', 'f', 'image/webp', 1
        from generate_series(1, 5000) n;
        insert into products (shop_id, id, slug, name, status, position)
        select '{shop}', md5('p' || n)::uuid, 'p' || n, 'P', 'active', n
        from generate_series(1, 5000) n;
        insert into variants (shop_id, id, product_id, name)
        select '{shop}', {variant}, md5('p' || n)::uuid, '' from generate_series(1, 5000) n;
        insert into prices (shop_id, variant_id, currency, amount)
        select '{shop}', {variant}, 'CNY', n from generate_series(1, 5000) n;
        insert into product_images (shop_id, id, product_id, file_id, position)
        select '{shop}', md5('i' || n)::uuid, md5('p' || n)::uuid, md5('f' || n)::uuid, 0
        from generate_series(1, 5000) n;
        insert into search_terms (shop_id, term, product_id)
        select '{shop}', 'term' || n, md5('p' || n)::uuid from generate_series(1, 5000) n;
        analyze files, products, variants, prices, product_images, search_terms;
        """
    )
    yield shop
    # The shop itself stays: its log has begun, which nothing deletes.
    for table in ("search_terms", "product_images", "prices", "variants", "products", "files"):
        await connection.execute(f"delete from {table} where shop_id = $1", shop)
    await connection.close()


async def plan_of(recorder: Recorder, shop: UUID) -> str:
    ((sql, args),) = recorder.statements
    async with database.transaction(shop) as db:
        # The question is whether the index can serve, not what a test's small tables deserve.
        await db.execute("set local enable_seqscan = off")
        return "\n".join(row["QUERY PLAN"] for row in await db.rows(f"explain {sql}", *args))


@pytest.mark.usefixtures("database")
async def test_what_is_on_sale_is_read_from_its_own_index(shelves: UUID) -> None:
    shop, recorder = shelves, Recorder()

    await product_list(recorder, shop, ProductFilter(), after=(0, str(new_id())), limit=20)

    plan = await plan_of(recorder, shop)
    assert "products_listed" in plan
    assert "Sort" not in plan
    assert "Index Cond" in plan


@pytest.mark.usefixtures("database")
async def test_words_are_looked_up_in_the_index(shelves: UUID) -> None:
    shop, recorder = shelves, Recorder()

    await product_list(recorder, shop, ProductFilter(query="充值卡 steam"), after=None, limit=20)

    conditions = [line for line in (await plan_of(recorder, shop)).splitlines() if "Cond" in line]
    assert any("term = ANY" in line for line in conditions)


@pytest.mark.parametrize(
    ("read", "column"),
    [
        (queries.variants_by_products, "product_id"),
        (queries.prices_by_variants, "variant_id"),
        (queries.images_by_products, "product_id"),
        (queries.products_by_ids, "id"),
    ],
)
@pytest.mark.usefixtures("database")
async def test_loaders_read_by_index(shelves: UUID, read: Any, column: str) -> None:
    shop, recorder = shelves, Recorder()

    await read(recorder, shop, [new_id(), new_id()])

    conditions = [line for line in (await plan_of(recorder, shop)).splitlines() if "Cond" in line]
    assert any(f"{column} = ANY" in line for line in conditions)


@pytest.mark.usefixtures("database")
async def test_how_an_answer_stands_is_read_by_index_whatever_was_sold(shelves: UUID) -> None:
    shop, recorder = shelves, Recorder()

    with pytest.raises(LookupError):
        await standing(recorder, shop)

    plan = await plan_of(recorder, shop)
    assert {"stock_moves_pkey", "variant_bands_until", "shops_pkey"} <= set(plan.split())
    assert "Seq Scan" not in plan


async def test_products_made_at_once_share_no_address(installation: Installation) -> None:
    shop = await a_shop(installation)

    made = await asyncio.gather(*(a_product(installation, shop, "Same") for _ in range(6)))

    slugs = [product.slug for product in made]
    assert len(set(slugs)) == 6
    assert slugs.count("same") == 1
