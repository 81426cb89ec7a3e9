"""Stock as its merchant sees it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import clock, database
from keystall.platform.crypto import Unreadable
from keystall.platform.ids import new_id
from keystall.tenants.columns import UNREAD
from keystall.tenants.delivery.service import reveal_code
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.installation import Installation
from keystall.tenants.stock import packs
from keystall.tenants.stock.allocation import Wanted, reserve, sell
from keystall.tenants.stock.imports import BatchInput, codes_import
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
from keystall.tenants.stock.masking import mask
from keystall.tenants.writing import writing
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
    async with writing(shelf.installation, shelf.shop) as tx:
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


# Codes that rest in packs, of three here.


@pytest.fixture
def packs_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 3)


async def a_mixture(shelf: Shelf) -> None:
    """Rows and packs by turns, some opened, some expired, some sold."""
    await shelf.fill("a0\na1")
    await shelf.fill("\n".join(f"b{n}" for n in range(7)))
    soon = BatchInput(expires_at=clock.now() + timedelta(hours=1))
    expiring = await codes_import(
        shelf.installation, shelf.shop, shelf.variant,
        text="c0\nc1\nc2\nc3", batch=soon, idempotency_key=str(new_id()),
    )  # fmt: skip
    await shelf.work(expiring)
    await shelf.fill("\n".join(f"d{n}" for n in range(9)))
    await hold(shelf, 3, sold=True)
    await hold(shelf, 1)
    [middle] = [id_ for id_, text in await shelf.rows() if text == "d4"]
    await codes_delete(shelf.installation, shelf.shop, [middle])


async def pages_of(
    shelf: Shelf, variants: Sequence[UUID], **asked: Any
) -> dict[UUID, list[StockedCode]]:
    async with database.transaction(shelf.shop) as tx:
        return await codes_pages(tx, shelf.installation, shelf.shop, variants, **asked)


async def test_every_page_of_rows_and_packs_is_a_piece_of_the_whole(
    shelf: Shelf, packs_of_three: None
) -> None:
    sibling = await a_shelf(shelf.installation, shelf.shop)
    await a_mixture(shelf)
    await sibling.fill("\n".join(f"e{n}" for n in range(6)))
    assert (await shelf.packs(), await sibling.packs()) == ([3, 3, 3, 3], [3, 3])
    variants = [shelf.variant, sibling.variant]
    of_state: dict[CodeState | None, tuple[int, int]] = {
        None: (21, 6), "available": (13, 6), "expired": (4, 0), "reserved": (1, 0), "sold": (3, 0),
    }  # fmt: skip

    for state, counts in of_state.items():
        whole = await pages_of(shelf, variants, state=state, limit=100)
        assert tuple(len(whole.get(variant, [])) for variant in variants) == counts
        for at, limit in product(sorted(one.id for page in whole.values() for one in page),
                                 (1, 2, 3, 4, 10)):  # fmt: skip
            found = await pages_of(shelf, variants, state=state, after=at, limit=limit)
            rest = {key: [one for one in page if one.id < at] for key, page in whole.items()}
            assert found == {key: page[:limit] for key, page in rest.items() if page}
        for limit in range(1, 11):
            found = await pages_of(shelf, variants, state=state, limit=limit)
            assert found == {key: page[:limit] for key, page in whole.items()}

    texts = {id_: mask(text) for one in (shelf, sibling) for id_, text in await one.rows()}
    pages = (await pages_of(shelf, variants, limit=100)).values()
    listed = [(one.id, one.masked) for page in pages for one in page]
    assert sorted(listed) == sorted(texts.items())
    for page in pages:
        assert page == sorted(page, key=lambda one: one.id, reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
async def test_a_pack_that_is_opened_between_two_pages_shows_each_code_once(
    shelf: Shelf, packs_of_three: None, limit: int
) -> None:
    await shelf.fill("\n".join(f"b{n}" for n in range(8)))
    whole = [one.id for one in await page(shelf, limit=100)]
    seen = [one.id for one in await page(shelf, limit=limit)]
    while len(seen) < len(whole):
        async with writing(shelf.installation, shelf.shop) as tx:
            # The one that the page ended in, or the next.
            await packs.open_with(tx, shelf.shop, [whole[len(seen) - 1], whole[len(seen)]])
        seen += [one.id for one in await page(shelf, limit=limit, after=seen[-1])]

    assert seen == whole


async def test_a_list_goes_on_after_a_code_that_was_deleted(
    shelf: Shelf, packs_of_three: None
) -> None:
    await shelf.fill("\n".join(f"b{n}" for n in range(6)))
    whole = [one.id for one in await page(shelf)]

    for at in (1, 2, 3):
        if at < 3:
            await codes_delete(shelf.installation, shelf.shop, [whole[at]])
        assert [one.id for one in await page(shelf, after=whole[at])] == whole[at + 1 :]


async def test_what_a_list_leaves_out_of_packs_is_unread(
    shelf: Shelf, packs_of_three: None
) -> None:
    await shelf.fill("\n".join(f"code-{n}" for n in range(4)))
    whole = await page(shelf)
    left_out = frozenset({"masked", "note", "preview"})

    found = await pages_of(shelf, [shelf.variant], limit=10, without=left_out)

    bare = dict.fromkeys(left_out, UNREAD)
    assert found[shelf.variant] == [replace(one, **bare) for one in whole]


async def test_a_code_in_a_pack_is_found_by_its_own_id_in_its_own_shop_alone(
    installation: Installation, shelf: Shelf, packs_of_three: None
) -> None:
    stranger = await a_shelf(installation)
    await shelf.fill("one\ntwo\nthree\nfour")
    await stranger.fill("one\ntwo\nthree")
    mine, theirs = [[id_ for id_, _ in await one.rows()] for one in (shelf, stranger)]
    beyond = UUID(int=mine[2].int + 1)

    async with database.transaction(shelf.shop) as tx:
        found = await codes_by_id(
            tx, installation, shelf.shop, [mine[1], mine[3], beyond, *theirs, new_id()]
        )
    listed = {one.id: one for one in await page(shelf)}

    assert found == {id_: listed[id_] for id_ in (mine[1], mine[3])}
    for missing in (beyond, theirs[0]):
        assert await deletion_errors(shelf, [missing]) == (UserError("NOT_FOUND", ("ids", "0")),)
        assert await revealed(shelf, missing) is None
    assert (await shelf.packs(), await stranger.packs()) == ([3], [3])


async def revealed(shelf: Shelf, code: UUID) -> str | None:
    return await reveal_code(shelf.installation, shelf.shop, code, actor="lin", address="")


async def test_a_code_in_a_pack_is_shown_to_its_merchant_and_stays_there(
    shelf: Shelf, packs_of_three: None
) -> None:
    await shelf.fill("one\ntwo\nthree\nfour")
    rows = await shelf.rows()

    assert [await revealed(shelf, id_) for id_, _ in rows] == ["one", "two", "three", "four"]

    assert await shelf.packs() == [3]
    async with database.transaction(shelf.shop) as tx:
        told = await tx.rows("select code_id, actor from reveals order by id")
    assert [(row["code_id"], row["actor"]) for row in told] == [(id_, "lin") for id_, _ in rows]


async def test_deleting_codes_opens_their_packs_alone_and_a_refusal_none(
    shelf: Shelf, packs_of_three: None
) -> None:
    await shelf.fill("\n".join(f"b{n}" for n in range(9)))
    ids = [id_ for id_, _ in await shelf.rows()]

    assert await deletion_errors(shelf, [ids[0], ids[4], new_id()]) == (
        UserError("NOT_FOUND", ("ids", "2")),
    )
    assert await shelf.packs() == [3, 3, 3]

    await codes_delete(shelf.installation, shelf.shop, [ids[4], ids[8]])
    assert await shelf.packs() == [3]
    assert await shelf.rows() == [(ids[n], f"b{n}") for n in (0, 1, 2, 3, 5, 6, 7)]
    async with database.transaction(shelf.shop) as tx:
        counted = await stock_counts(tx, shelf.shop, [shelf.variant])
    assert counted == {shelf.variant: StockCount(available=7)}


async def test_what_was_sold_is_told_so_where_the_keys_are_gone(shelf: Shelf) -> None:
    await shelf.fill("one")
    await hold(shelf, 1, sold=True)
    [(sold, _)] = await shelf.rows()
    owner = await asyncpg.connect(shelf.installation.settings.owner_database_url)
    try:
        await owner.execute("delete from shop_keys where shop_id = $1", shelf.shop)
    finally:
        await owner.close()

    assert await deletion_errors(shelf, [sold]) == (UserError("CODE_SOLD", ("ids", "0")),)


async def test_a_pack_that_was_put_in_place_of_another_does_not_open(
    shelf: Shelf, packs_of_three: None
) -> None:
    await shelf.fill("\n".join(f"b{n}" for n in range(6)))
    first = (await shelf.rows())[0][0]
    owner = await asyncpg.connect(shelf.installation.settings.owner_database_url)
    try:
        await owner.execute(
            "update code_packs set sealed = (select sealed from code_packs where id = $1)"
            " where shop_id = $2 and id <> $1",
            first, shelf.shop,
        )  # fmt: skip
    finally:
        await owner.close()

    with pytest.raises(Unreadable):
        await page(shelf)
    await hold(shelf, 3)
    _, line = await an_order_line(shelf, 1)
    async with writing(shelf.installation, shelf.shop) as tx:
        assert await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 1)]) == {line: 1}
        counted = await stock_counts(tx, shelf.shop, [shelf.variant])
    assert counted == {shelf.variant: StockCount(reserved=3, expired=3)}
    assert await shelf.packs() == [3]
