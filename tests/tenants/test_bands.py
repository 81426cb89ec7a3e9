"""Bands of availability: orders note that stock changed, a worker moves the version if need be."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import time_machine

from keystall.platform import clock, database
from keystall.tenants.catalog.availability import LOW
from keystall.tenants.catalog.bands import settle_bands
from keystall.tenants.catalog.standing import (
    LONGEST,
    UNSETTLED,
    Standing,
    catalog_versions,
    standing,
)
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock.batches import batch_undo
from keystall.tenants.stock.selling import SellingRules, selling_rules_update
from tests.factories import a_shop
from tests.tenants.purchases import Purchase
from tests.tenants.shelves import a_shelf


async def version(shop: UUID) -> int:
    return (await catalog_versions(database.single(), [shop]))[shop]


async def stands(shop: UUID) -> Standing:
    async with database.transaction(shop) as tx:
        return await standing(tx, shop)


async def bands(shop: UUID) -> list[str]:
    async with database.transaction(shop) as tx:
        rows = await tx.rows("select band from variant_bands where shop_id = $1", shop)
    return [row["band"] for row in rows]


async def notes(shop: UUID) -> int:
    async with database.transaction(shop) as tx:
        count: int = await tx.value("select count(*) from stock_moves where shop_id = $1", shop)
    return count


async def settled(shop: UUID) -> bool:
    """Compares, and tells whether this moved the shop's version."""
    before = await version(shop)
    moved = await settle_bands()
    assert (await version(shop) > before) == (shop in moved)
    assert await notes(shop) == 0
    return shop in moved


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    return Purchase(installation, await a_shop(installation))


def some(count: int) -> list[str]:
    return [f"CODE-{number}" for number in range(count)]


async def test_the_version_moves_with_the_band_and_not_with_the_stock(purchase: Purchase) -> None:
    shop = purchase.shop.id
    await purchase.stock(*some(LOW + 2))
    assert await settled(shop)
    assert await bands(shop) == ["in_stock"]
    first = await purchase.order()
    assert not await settled(shop)
    await purchase.order()
    assert await settled(shop)
    assert await bands(shop) == ["low"]
    await purchase.pay(first)
    assert await notes(shop) == 0, "what is sold was not on the shelf"
    held = await purchase.order(quantity=LOW // 2, email="c@x.test")
    await purchase.order(quantity=LOW // 2, email="d@x.test")
    assert await settled(shop)
    assert await bands(shop) == ["sold_out"]
    await purchase.expire(held)
    assert await settled(shop)
    assert await bands(shop) == ["low"]
    await purchase.restock(*(f"MORE-{number}" for number in range(LOW)))
    assert await settled(shop)
    assert await bands(shop) == ["in_stock"]


async def test_imports_and_batches_that_are_undone_change_bands(installation: Installation) -> None:
    shelf = await a_shelf(installation)
    batch = await shelf.fill("A\nB\nC\n")
    assert await settled(shelf.shop)
    assert await bands(shelf.shop) == ["low"]
    await batch_undo(installation, shelf.shop, batch, actor="merchant")
    assert await settled(shelf.shop)
    assert await bands(shelf.shop) == ["sold_out"]


async def test_many_changes_are_noted_each_without_waiting_and_compared_once(
    purchase: Purchase,
) -> None:
    shop = purchase.shop.id
    await purchase.stock(*some(LOW + 6))
    await settled(shop)
    before = await version(shop)
    # Each sees what it takes itself, and none that all of them together leave few.
    await asyncio.gather(*(purchase.order(email=f"{n}@x.test") for n in range(6)))
    assert await notes(shop) == 6
    assert await settled(shop)
    assert await bands(shop) == ["low"]
    assert await version(shop) == before + 1


async def test_a_change_and_its_note_come_together_or_not_at_all(
    installation: Installation,
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("A\nB\n")
    await settled(shelf.shop)

    async def change_of_mind() -> None:
        async with database.transaction(shelf.shop) as tx:
            await tx.execute("delete from codes where shop_id = $1", shelf.shop)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_of_mind()
    assert await notes(shelf.shop) == 0
    assert not await settled(shelf.shop)


async def test_codes_that_are_numbered_anew_or_sealed_anew_are_no_change_of_stock(
    installation: Installation,
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("A\nB\n")
    await settled(shelf.shop)
    rules = SellingRules("random", 24, 10)
    await selling_rules_update(installation, shelf.shop, shelf.variant, rules)
    assert await notes(shelf.shop) == 0


async def test_an_answer_is_good_for_a_minute_but_for_a_second_while_stock_is_not_settled(
    purchase: Purchase,
) -> None:
    shop = purchase.shop.id
    with time_machine.travel(clock.now(), tick=False):
        now = clock.now()
        await purchase.stock(*some(3))
        assert (await stands(shop)).until == now + UNSETTLED
        await settled(shop)
        found = await stands(shop)
        assert found == Standing(await version(shop), now + LONGEST)
        await purchase.order()
        assert await stands(shop) == Standing(found.version, now + UNSETTLED)
        await settled(shop)
        assert await stands(shop) == found


async def test_time_changes_bands_too_and_an_answer_is_good_no_longer_than_that(
    installation: Installation,
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("A\nB\n")
    soon = clock.now() + timedelta(seconds=20)
    await _expire_at(shelf.shop, "now() + interval '20 seconds'")
    assert await settled(shelf.shop)
    found = await stands(shelf.shop)
    assert abs(found.until - soon) < timedelta(seconds=5)
    # As if twenty seconds had gone by, and nobody had written anything.
    await _hush(installation, shelf.shop, "now() - interval '1 second'")
    late = await stands(shelf.shop)
    assert (late.version, late.until <= clock.now() + UNSETTLED) == (found.version, True)
    assert await settled(shelf.shop)
    assert await bands(shelf.shop) == ["sold_out"]
    assert (await stands(shelf.shop)).until > clock.now() + UNSETTLED


async def _expire_at(shop: UUID, moment: str) -> None:
    async with database.transaction(shop) as tx:
        await tx.execute(f"update codes set sellable_until = {moment} where shop_id = $1", shop)


async def _hush(installation: Installation, shop: UUID, moment: str) -> None:
    """Moves the codes' expiry and the band's end, without a note of it."""
    connection = await asyncpg.connect(installation.settings.owner_database_url)
    try:
        async with connection.transaction():
            await connection.execute("alter table codes disable trigger stock_moved")
            await connection.execute(
                f"update codes set sellable_until = {moment} where shop_id = $1", shop
            )
            await connection.execute(
                f"update variant_bands set until = {moment} where shop_id = $1", shop
            )
            await connection.execute("alter table codes enable trigger stock_moved")
    finally:
        await connection.close()


async def test_two_workers_at_once_compare_each_note_once(
    installation: Installation, purchase: Purchase
) -> None:
    shop: Shop = purchase.shop
    await purchase.stock(*some(3))
    before = await version(shop.id)
    moved = await asyncio.gather(*(settle_bands() for _ in range(4)))
    while await notes(shop.id):
        moved.append(await settle_bands())
    assert sum(shop.id in one for one in moved) == 1
    assert await version(shop.id) == before + 1
