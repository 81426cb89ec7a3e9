"""Codes between shelf and order, with real transactions side by side."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from keystall.platform import database
from keystall.tenants.installation import Installation
from keystall.tenants.stock.allocation import Wanted, free, reserve, sell
from keystall.tenants.stock.listing import StockCount, stock_counts
from keystall.tenants.writing import writing
from tests.tenants.shelves import Shelf, a_shelf, an_order_line


@pytest.fixture
async def shelf(installation: Installation) -> Shelf:
    return await a_shelf(installation)


async def take(shelf: Shelf, line: UUID, quantity: int) -> dict[UUID, int]:
    async with writing(shelf.installation, shelf.shop) as tx:
        return await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, quantity)])


async def counts(shelf: Shelf) -> StockCount:
    async with database.transaction(shelf.shop) as tx:
        return (await stock_counts(tx, shelf.shop, [shelf.variant]))[shelf.variant]


async def codes_of(shelf: Shelf, line: UUID) -> Sequence[UUID]:
    async with database.transaction(shelf.shop) as tx:
        rows = await tx.rows(
            "select id from codes where order_line_id = $1 order by position", line
        )
    return [row["id"] for row in rows]


async def test_fifty_buyers_at_once_share_twenty_codes_without_doubling(shelf: Shelf) -> None:
    await shelf.fill("\n".join(f"code-{n}" for n in range(20)))
    lines = [(await an_order_line(shelf, 1))[1] for _ in range(50)]

    shortages = await asyncio.gather(*(take(shelf, line, 1) for line in lines))

    served = [line for line, short in zip(lines, shortages, strict=True) if not short]
    unserved = [line for line in lines if line not in served]
    assert (len(served), len(unserved)) == (20, 30)
    assert all(short in ({}, {line: 1}) for line, short in zip(lines, shortages, strict=True))
    held = [await codes_of(shelf, line) for line in served]
    assert all(len(codes) == 1 for codes in held)
    assert len({code for codes in held for code in codes}) == 20
    assert await counts(shelf) == StockCount(0, 20, 0)


async def test_the_oldest_codes_go_first(shelf: Shelf) -> None:
    await shelf.fill("one\ntwo")
    await shelf.fill("three")
    ids = [id_ for id_, _ in await shelf.rows()]
    _, line = await an_order_line(shelf, 2)

    await take(shelf, line, 2)

    assert await codes_of(shelf, line) == ids[:2]


async def test_a_line_that_is_short_takes_what_there_is_and_says_by_how_much(
    shelf: Shelf,
) -> None:
    await shelf.fill("one\ntwo")
    _, line = await an_order_line(shelf, 5)

    assert await take(shelf, line, 5) == {line: 3}
    assert await counts(shelf) == StockCount(0, 2, 0)


async def test_a_transaction_that_rolls_back_holds_nothing(shelf: Shelf) -> None:
    await shelf.fill("one")
    _, line = await an_order_line(shelf, 1)

    async def fail_after_taking() -> None:
        async with writing(shelf.installation, shelf.shop) as tx:
            await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 1)])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await fail_after_taking()

    assert await counts(shelf) == StockCount(1, 0, 0)


async def test_lines_of_several_variants_are_served_together(
    installation: Installation, shelf: Shelf
) -> None:
    sibling = await a_shelf(installation, shelf.shop)
    await shelf.fill("one\ntwo")
    await sibling.fill("one")
    _, here = await an_order_line(shelf, 2)
    _, there = await an_order_line(sibling, 2)

    async with writing(shelf.installation, shelf.shop) as tx:
        short = await reserve(
            tx, shelf.shop,
            [Wanted(there, sibling.variant, 2), Wanted(here, shelf.variant, 2)],
        )  # fmt: skip

    assert short == {there: 1}
    assert (len(await codes_of(shelf, here)), len(await codes_of(shelf, there))) == (2, 1)


async def test_freed_codes_are_on_the_shelf_again_and_sold_ones_stay(shelf: Shelf) -> None:
    await shelf.fill("one\ntwo\nthree")
    bought, bought_line = await an_order_line(shelf, 1)
    expired, expired_line = await an_order_line(shelf, 1)
    await take(shelf, bought_line, 1)
    await take(shelf, expired_line, 1)

    async with database.transaction(shelf.shop) as tx:
        assert await sell(tx, shelf.shop, bought) == 1
        assert await free(tx, shelf.shop, bought) == 0
        assert await free(tx, shelf.shop, expired) == 1
        assert await sell(tx, shelf.shop, expired) == 0

    assert await counts(shelf) == StockCount(2, 0, 1)
    assert len(await codes_of(shelf, bought_line)) == 1
    assert await codes_of(shelf, expired_line) == []


async def test_another_shop_moves_nothing(installation: Installation, shelf: Shelf) -> None:
    stranger = await a_shelf(installation)
    await shelf.fill("one")
    order, line = await an_order_line(shelf, 1)
    await take(shelf, line, 1)

    async with writing(stranger.installation, stranger.shop) as tx:
        assert await sell(tx, shelf.shop, order) == 0
        assert await free(tx, shelf.shop, order) == 0
        assert await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 1)]) == {line: 1}

    assert await counts(shelf) == StockCount(0, 1, 0)
