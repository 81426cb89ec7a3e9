"""Stock as its merchant sees it."""

from uuid import UUID

import pytest

from keystall.platform import clock, database
from keystall.platform.crypto import Unreadable
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.installation import Installation
from keystall.tenants.stock.allocation import Wanted, reserve, sell
from keystall.tenants.stock.listing import (
    MAX_DELETED,
    CodeState,
    StockCount,
    StockedCode,
    codes_by_id,
    codes_delete,
    codes_pages,
    stock_counts,
)
from tests.tenants.shelves import Shelf, a_shelf, an_order_line


@pytest.fixture
async def shelf(installation: Installation) -> Shelf:
    return await a_shelf(installation)


async def page(
    shelf: Shelf, *, state: CodeState | None = None, after: UUID | None = None, limit: int = 10
) -> list[StockedCode]:
    async with database.transaction(shelf.shop) as tx:
        pages = await codes_pages(
            tx, shelf.installation, shelf.shop, [shelf.variant],
            state=state, after=after, limit=limit,
        )  # fmt: skip
        return pages.get(shelf.variant, [])


async def hold(shelf: Shelf, quantity: int, *, sold: bool = False) -> None:
    order, line = await an_order_line(shelf, quantity)
    async with database.transaction(shelf.shop) as tx:
        assert await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, quantity)]) == {}
        if sold:
            await sell(tx, shelf.shop, order)


async def deletion_errors(shelf: Shelf, ids: list[UUID]) -> tuple[UserError, ...]:
    with pytest.raises(Refused) as refused:
        await codes_delete(shelf.installation, shelf.shop, ids)
    return refused.value.errors


async def test_codes_are_listed_newest_first_masked_with_batch_and_time(shelf: Shelf) -> None:
    before = clock.now()
    job = await shelf.fill("AAAA-BBBB-CCCC-0001\nAAAA-BBBB-CCCC-0002")

    newest, oldest = await page(shelf)

    assert (oldest.masked, newest.masked) == ("AA••••••01", "AA••••••02")
    assert (newest.state, newest.batch_id, newest.variant_id) == ("available", job, shelf.variant)
    assert before.replace(microsecond=0) <= newest.created_at <= clock.now()


async def test_pages_follow_each_other_without_gap_or_repeat(shelf: Shelf) -> None:
    await shelf.fill("\n".join(f"code-{n}" for n in range(7)))
    ids = [id_ for id_, _ in await shelf.rows()]

    first = await page(shelf, limit=3)
    second = await page(shelf, limit=3, after=first[-1].id)
    third = await page(shelf, limit=3, after=second[-1].id)

    assert [code.id for code in first + second + third] == ids[::-1]


async def test_a_list_keeps_to_its_state_variant_and_shop(
    installation: Installation, shelf: Shelf
) -> None:
    for other in (await a_shelf(installation, shelf.shop), await a_shelf(installation)):
        await other.fill("elsewhere")
    await shelf.fill("one\ntwo\nthree\nfour\nfive\nsix")
    await hold(shelf, 2)
    await hold(shelf, 1, sold=True)

    by_state = {
        state: await page(shelf, state=state) for state in ("available", "reserved", "sold")
    }

    assert {state: len(codes) for state, codes in by_state.items()} == {
        "available": 3, "reserved": 2, "sold": 1,
    }  # fmt: skip
    assert all(code.state == state for state, codes in by_state.items() for code in codes)
    assert len(await page(shelf)) == 6


async def test_counts_of_many_variants_come_together(
    installation: Installation, shelf: Shelf
) -> None:
    sibling, empty = (
        await a_shelf(installation, shelf.shop),
        await a_shelf(installation, shelf.shop),
    )
    stranger = await a_shelf(installation)
    await shelf.fill("one\ntwo\nthree\nfour")
    await sibling.fill("one")
    await stranger.fill("one")
    await hold(shelf, 1)
    await hold(shelf, 2, sold=True)

    async with database.transaction(shelf.shop) as tx:
        counts = await stock_counts(
            tx, shelf.shop,
            [shelf.variant, sibling.variant, empty.variant, stranger.variant],
        )  # fmt: skip

    assert counts == {
        shelf.variant: StockCount(1, 1, 2),
        sibling.variant: StockCount(1, 0, 0),
        empty.variant: StockCount(0, 0, 0),
        stranger.variant: StockCount(0, 0, 0),
    }


async def test_codes_are_found_by_id_in_their_own_shop_alone(
    installation: Installation, shelf: Shelf
) -> None:
    stranger = await a_shelf(installation)
    await shelf.fill("one")
    await stranger.fill("one")
    [(mine, _)], [(theirs, _)] = await shelf.rows(), await stranger.rows()

    async with database.transaction(shelf.shop) as tx:
        found = await codes_by_id(tx, installation, shelf.shop, [mine, theirs, new_id()])

    assert list(found) == [mine]


async def test_a_code_moved_to_another_row_does_not_open(shelf: Shelf) -> None:
    await shelf.fill("AAAA-BBBB-CCCC-0001\nAAAA-BBBB-CCCC-0002")
    [(first, _), (second, _)] = await shelf.rows()
    async with database.transaction(shelf.shop) as tx:
        await tx.execute(
            "update codes set sealed = (select sealed from codes where id = $1) where id = $2",
            first, second,
        )  # fmt: skip

    with pytest.raises(Unreadable):
        await page(shelf)


async def test_free_codes_are_deleted_and_can_come_back(shelf: Shelf) -> None:
    await shelf.fill("one\ntwo\nthree")
    ids = [id_ for id_, _ in await shelf.rows()]

    assert await codes_delete(shelf.installation, shelf.shop, ids[:2]) == ids[:2]
    assert await shelf.codes() == ["three"]

    await shelf.fill("one")
    assert await shelf.codes() == ["three", "one"]


async def test_one_code_in_use_or_missing_keeps_all(
    installation: Installation, shelf: Shelf
) -> None:
    stranger = await a_shelf(installation)
    await stranger.fill("one")
    await shelf.fill("one\ntwo\nthree")
    await hold(shelf, 1, sold=True)
    await hold(shelf, 1)
    [sold, held, available] = [id_ for id_, _ in await shelf.rows()]
    [(theirs, _)] = await stranger.rows()

    errors = await deletion_errors(shelf, [available, sold, held, theirs])

    assert errors == (
        UserError("CODE_SOLD", ("ids", "1")),
        UserError("CODE_RESERVED", ("ids", "2")),
        UserError("NOT_FOUND", ("ids", "3")),
    )
    assert await shelf.codes() == ["one", "two", "three"]
    assert await stranger.codes() == ["one"]


async def test_too_many_deletions_at_once_are_refused(shelf: Shelf) -> None:
    ids = [new_id() for _ in range(MAX_DELETED + 1)]

    assert await deletion_errors(shelf, ids) == (
        UserError("TOO_MANY", ("ids",), {"limit": MAX_DELETED}),
    )
