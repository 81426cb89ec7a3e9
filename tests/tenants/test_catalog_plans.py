"""Row-level security lets only leakproof operators into an index: each read is planned as `app`."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.catalog import queries
from keystall.tenants.catalog.lists import ProductFilter, product_list
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


async def plan_of(recorder: Recorder, shop: Any) -> str:
    ((sql, args),) = recorder.statements
    async with database.transaction(shop) as db:
        # On tables this small the planner would rather read everything, index or not.
        await db.execute("set local enable_seqscan = off")
        return "\n".join(row["QUERY PLAN"] for row in await db.rows(f"explain {sql}", *args))


@pytest.mark.usefixtures("database")
async def test_what_is_on_sale_is_read_from_its_own_index() -> None:
    shop, recorder = new_id(), Recorder()

    await product_list(recorder, shop, ProductFilter(), after=(0, str(new_id())), limit=20)

    plan = await plan_of(recorder, shop)
    assert "products_listed" in plan
    assert "Sort" not in plan
    assert "Index Cond" in plan


@pytest.mark.usefixtures("database")
async def test_words_are_looked_up_in_the_index() -> None:
    shop, recorder = new_id(), Recorder()

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
async def test_loaders_read_by_index(read: Any, column: str) -> None:
    shop, recorder = new_id(), Recorder()

    await read(recorder, shop, [new_id(), new_id()])

    conditions = [line for line in (await plan_of(recorder, shop)).splitlines() if "Cond" in line]
    assert any(f"{column} = ANY" in line for line in conditions)


async def test_products_made_at_once_share_no_address(installation: Installation) -> None:
    shop = await a_shop(installation)

    made = await asyncio.gather(*(a_product(installation, shop, "Same") for _ in range(6)))

    slugs = [product.slug for product in made]
    assert len(set(slugs)) == 6
    assert slugs.count("same") == 1
