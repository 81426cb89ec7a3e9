"""Selling out of packs: in the order of sale, to each of many buyers, beside whatever else moves
the shelf, with real transactions side by side."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextvars import copy_context
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants.catalog.availability import LOW, bands_by_variants, low_stock
from keystall.tenants.catalog.bands import settle_bands
from keystall.tenants.checkout.carts import NewLine, cart_create
from keystall.tenants.checkout.queries import cart_lines
from keystall.tenants.code_reports.service import (
    Answer,
    Complaint,
    code_report,
    report_replace,
)
from keystall.tenants.delivery.service import reveal_order_codes
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.key_locks import only_command
from keystall.tenants.keys import shop_rotation
from keystall.tenants.keys.registry import SEALED
from keystall.tenants.keys.shop_rotation import Keeper, rotate_shop
from keystall.tenants.shops.queries import checklist
from keystall.tenants.stock import allocation, packs
from keystall.tenants.stock.allocation import Wanted, free, reserve, sell
from keystall.tenants.stock.batches import batch_undo
from keystall.tenants.stock.imports import BatchInput, codes_import
from keystall.tenants.stock.listing import StockCount, codes_delete, stock_counts
from keystall.tenants.stock.low_stock import tell_of_sale
from keystall.tenants.stock.previews import codes_preview
from keystall.tenants.stock.rejects import Reject, read_rejects
from keystall.tenants.stock.selling import SaleOrder, SellingRules, selling_rules_update
from keystall.tenants.writing import Writing, writing
from tests.factories import a_shop
from tests.tenants.purchases import Purchase
from tests.tenants.shelves import Shelf, a_shelf, an_order_line, an_upload

Deed = Callable[[], Coroutine[Any, Any, Any]]


@pytest.fixture(autouse=True)
def packs_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 3)


@pytest.fixture
async def shelf(installation: Installation) -> Shelf:
    return await a_shelf(installation)


def some(name: str, count: int) -> list[str]:
    return [f"{name}{number:02}" for number in range(count)]


async def take(shelf: Shelf, quantity: int = 1) -> tuple[UUID, list[UUID], int]:
    """An order's codes held: the order's id, the codes' ids and how many are short."""
    held: tuple[UUID, list[UUID], int] = await (await a_buyer(shelf, quantity))()
    return held


async def a_buyer(shelf: Shelf, quantity: int = 1) -> Deed:
    """`take`, with the order there already: one transaction."""
    order, line = await an_order_line(shelf, quantity)

    async def takes() -> tuple[UUID, list[UUID], int]:
        async with writing(shelf.installation, shelf.shop) as tx:
            short = await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, quantity)])
            rows = await tx.rows(
                "select id from codes where order_line_id = $1 order by position", line
            )
        return order, [row["id"] for row in rows], short.get(line, 0)

    return takes


async def put_back(shelf: Shelf, order: UUID) -> int:
    async with database.transaction(shelf.shop) as tx:
        return await free(tx, shelf.shop, order)


async def one_by_one(shelf: Shelf) -> list[str]:
    """The plain codes in the order in which buyers of one each get them, until none is left."""
    texts, sold = dict(await shelf.rows()), list[str]()
    while True:
        _, held, short = await take(shelf)
        if short:
            return sold
        sold += [texts[code] for code in held]


async def rules(shelf: Shelf, order: SaleOrder = "first_in", margin: int = 24) -> None:
    await selling_rules_update(
        shelf.installation, shelf.shop, shelf.variant, SellingRules(order, margin, 10)
    )


async def counts(shelf: Shelf) -> StockCount:
    async with database.transaction(shelf.shop) as tx:
        return (await stock_counts(tx, shelf.shop, [shelf.variant]))[shelf.variant]


async def packed(shelf: Shelf) -> list[tuple[UUID, int, bytes]]:
    """Its packs as they are, to the byte."""
    async with database.transaction(shelf.shop) as tx:
        rows = await tx.rows(
            "select id, position, sealed from code_packs where variant_id = $1 order by id",
            shelf.variant,
        )
    return [(row["id"], row["position"], row["sealed"]) for row in rows]


async def imported(
    shelf: Shelf, codes: Sequence[str], *, dry_run: bool = False, hours: float | None = None
) -> UUID:
    """An import of a file, done; its codes expire in so many hours."""
    expiry = None if hours is None else clock.now() + timedelta(hours=hours)
    job = await codes_import(
        shelf.installation, shelf.shop, shelf.variant,
        upload_id=await an_upload(shelf, "\n".join(codes).encode()), skip_bad=True,
        dry_run=dry_run, batch=BatchInput(expires_at=expiry), idempotency_key=str(new_id()),
    )  # fmt: skip
    await shelf.work(job)
    return job


async def mixture(shelf: Shelf) -> list[str]:
    """Rows, packs, rows after packs, packs again: all its codes, as they came."""
    texts = [some("a", 2), some("b", 7), some("c", 2), some("d", 6)]
    for codes in texts:
        await shelf.fill("\n".join(codes))
    assert await shelf.packs() == [3] * 4
    return [text for codes in texts for text in codes]


async def test_codes_are_sold_as_they_came_whether_they_rest_in_packs_or_not(shelf: Shelf) -> None:
    texts = await mixture(shelf)
    assert await shelf.codes() == texts

    assert await one_by_one(shelf) == texts


async def test_newest_first_reads_packs_backwards_too(shelf: Shelf) -> None:
    texts = await mixture(shelf)
    await rules(shelf, "newest_first")

    assert await one_by_one(shelf) == texts[::-1]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_freed_codes_have_their_place_before_the_packs_that_follow(
    shelf: Shelf, newest_first: bool
) -> None:
    texts = await mixture(shelf)
    if newest_first:
        await rules(shelf, "newest_first")
        texts = texts[::-1]
    ids = {text: id_ for id_, text in await shelf.rows()}
    order, held, _ = await take(shelf, 6)
    assert sorted(held) == sorted(ids[text] for text in texts[:6])

    assert await put_back(shelf, order) == 6

    assert await one_by_one(shelf) == texts


@pytest.mark.parametrize("before", [True, False])
async def test_at_random_all_are_sold_once_and_no_more_packs_are_opened_than_chance_wants(
    shelf: Shelf, before: bool
) -> None:
    if before:
        await rules(shelf, "random")
    texts = await mixture(shelf)
    await shelf.fill("\n".join(some("e", 60)))
    await rules(shelf, "random")

    sold = [(await shelf.rows(), await take(shelf))]
    left = len(await shelf.packs())
    rest = await one_by_one(shelf)

    first = dict(sold[0][0])[sold[0][1][1][0]]
    assert sorted([first, *rest]) == sorted(texts + some("e", 60))
    assert [first, *rest] != texts + some("e", 60)
    # One in a million times chance opens all but a few.
    assert left > 0


async def test_a_shelf_of_packs_that_is_to_be_sold_at_random_is_not_opened_whole(
    shelf: Shelf,
) -> None:
    await shelf.fill("\n".join(some("a", 90)))
    await rules(shelf, "random")

    _, held, _ = await take(shelf)

    assert len(held) == 1
    assert await shelf.packs() != []
    assert len(set(await one_by_one(shelf))) == 89


@pytest.mark.parametrize("order", ["first_in", "newest_first"])
async def test_what_was_sold_at_random_is_put_in_order_again(
    shelf: Shelf, order: SaleOrder
) -> None:
    await rules(shelf, "random")
    texts = await mixture(shelf)
    _, (first,), _ = await take(shelf)
    gone = dict(await shelf.rows())[first]

    await rules(shelf, order)

    left = [text for text in texts if text != gone]
    assert await one_by_one(shelf) == (left if order == "first_in" else left[::-1])


async def test_an_order_larger_than_a_pack_opens_as_many_as_it_needs(shelf: Shelf) -> None:
    await shelf.fill("\n".join(some("a", 12)))

    _, held, short = await take(shelf, 7)

    texts = dict(await shelf.rows())
    assert [texts[code] for code in held] == some("a", 7)
    assert (short, await shelf.packs()) == (0, [3])
    assert await counts(shelf) == StockCount(5, 7, 0)


async def test_an_order_larger_than_all_stock_is_short_and_rolled_back_leaves_packs_as_they_were(
    shelf: Shelf,
) -> None:
    await mixture(shelf)
    before, codes = await packed(shelf), await shelf.rows()
    _, line = await an_order_line(shelf, 20)

    async def short_of() -> None:
        async with writing(shelf.installation, shelf.shop) as tx:
            short = await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 20)])
            assert short == {line: 3}
            assert await tx.value("select count(*) from code_packs") == 0
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await short_of()

    assert await packed(shelf) == before
    assert await shelf.rows() == codes
    assert await counts(shelf) == StockCount(17, 0, 0)


async def test_several_variants_of_one_order_open_their_own_packs(
    installation: Installation, shelf: Shelf
) -> None:
    sibling, empty = [await a_shelf(installation, shelf.shop) for _ in range(2)]
    await shelf.fill("\n".join(some("a", 9)))
    await sibling.fill("\n".join(some("a", 6)))
    wanted = [
        Wanted((await an_order_line(one, quantity))[1], one.variant, quantity)
        for one, quantity in ((empty, 2), (sibling, 8), (shelf, 4))
    ]

    async with writing(installation, shelf.shop) as tx:
        short = await reserve(tx, shelf.shop, wanted)

    assert short == {wanted[0].line_id: 2, wanted[1].line_id: 2}
    assert [await one.packs() for one in (shelf, sibling, empty)] == [[3], [], []]
    assert await counts(shelf) == StockCount(5, 4, 0)
    assert await counts(sibling) == StockCount(0, 6, 0)


@pytest.mark.parametrize("order", ["first_in", "newest_first", "random"])
async def test_forty_buyers_at_once_share_thirty_codes_of_six_packs(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, order: SaleOrder
) -> None:
    monkeypatch.setattr(packs, "PACK", 5)
    await rules(shelf, order)
    await shelf.fill("\n".join(some("a", 30)))
    assert await shelf.packs() == [5] * 6

    took = await asyncio.gather(*(take(shelf) for _ in range(40)))

    held = [code for _, codes, _ in took for code in codes]
    assert (len(held), len(set(held))) == (30, 30)
    assert sorted(short for *_, short in took) == [0] * 30 + [1] * 10
    assert await shelf.packs() == []
    assert await counts(shelf) == StockCount(0, 30, 0)


@pytest.mark.parametrize("buyers", [1, 4, 5, 6])
async def test_buyers_at_once_open_no_more_packs_than_they_buy_up(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, buyers: int
) -> None:
    monkeypatch.setattr(packs, "PACK", 5)
    await shelf.fill("\n".join(some("a", 30)))

    await asyncio.gather(*(take(shelf) for _ in range(buyers)))

    assert await shelf.packs() == [5] * (5 if buyers < 6 else 4)
    assert await counts(shelf) == StockCount(30 - buyers, buyers, 0)


async def test_who_comes_while_the_last_pack_is_opened_gets_what_is_left_of_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fill("\n".join(some("a", 3)))
    outside, real, first = copy_context(), packs.alone_with_packs, True

    async def overtaken(tx: Writing, shop: UUID, variants: Sequence[UUID]) -> None:
        nonlocal first
        if first:
            # Between the look at the rows and that at the packs another order is through.
            first = False
            assert (await asyncio.create_task(take(shelf), context=outside))[2] == 0
        await real(tx, shop, variants)

    monkeypatch.setattr(allocation, "alone_with_packs", overtaken)

    _, held, short = await take(shelf, 2)

    assert (len(held), short) == (2, 0)
    assert await counts(shelf) == StockCount(0, 3, 0)


_SOMEBODY_WAITS = """
  select exists (
    select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid)))"""


async def until_somebody_waits_for(tx: Writing) -> None:
    async with asyncio.timeout(10):
        while not await tx.value(_SOMEBODY_WAITS):  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)


async def one_waits_for_the_other(
    monkeypatch: pytest.MonkeyPatch, first: Deed, then: Deed
) -> tuple[Any, Any]:
    """What two deeds answer, or raise, of which the second comes when the first has done all but
    committed, and waits for that."""
    outside, begun, real = copy_context(), list[asyncio.Task[Any]](), Writing.write_posted

    async def held_open(self: Writing) -> None:
        if asyncio.current_task() is at_work and not begun:
            begun.append(asyncio.create_task(then(), context=outside.copy()))
            await until_somebody_waits_for(self)
        await real(self)

    monkeypatch.setattr(Writing, "write_posted", held_open)
    at_work = asyncio.create_task(first(), context=outside.copy())
    (answer,) = tuple[Any](await asyncio.gather(at_work, return_exceptions=True))
    (other,) = await asyncio.gather(*begun, return_exceptions=True)
    return answer, other


async def before_it_opens_a_pack(
    monkeypatch: pytest.MonkeyPatch, shelf: Shelf, quantity: int, then: Deed
) -> tuple[Any, Any]:
    """What an order and a deed answer, or raise: the order has taken rows and is about to open a
    pack when the deed comes, and waits for it."""
    outside, begun, real = copy_context(), list[asyncio.Task[Any]](), packs.open_packs

    async def waited_for(tx: Writing, shop: UUID, pack: Sequence[UUID]) -> None:
        if not begun:
            begun.append(asyncio.create_task(then(), context=outside.copy()))
            await until_somebody_waits_for(tx)
        await real(tx, shop, pack)

    monkeypatch.setattr(allocation, "open_packs", waited_for)
    (took,) = await asyncio.gather(take(shelf, quantity), return_exceptions=True)
    (answer,) = await asyncio.gather(*begun, return_exceptions=True)
    return took, answer


async def with_rows(shelf: Shelf, count: int) -> UUID:
    """A batch of so many codes of which one pack, in the order of sale, was opened: all free."""
    batch = await shelf.fill("\n".join(some("a", count)))
    order, _, _ = await take(shelf)
    await put_back(shelf, order)
    return batch


def codes_of(error: object) -> list[str]:
    assert isinstance(error, Refused), error
    return [one.code for one in error.errors]


def undoing(shelf: Shelf, batch: UUID) -> Deed:
    return lambda: batch_undo(shelf.installation, shelf.shop, batch, actor="lin")


async def test_a_batch_is_not_taken_back_while_an_order_opens_its_pack(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await shelf.fill("\n".join(some("a", 6)))

    took, undone = await one_waits_for_the_other(
        monkeypatch, await a_buyer(shelf), undoing(shelf, batch)
    )

    assert (len(took[1]), took[2]) == (1, 0)
    assert codes_of(undone) == ["BATCH_SOLD"]
    assert await counts(shelf) == StockCount(5, 1, 0)
    assert await shelf.packs() == [3]
    assert await shelf.codes() == some("a", 6)


async def test_an_order_passes_to_the_next_pack_when_the_batch_of_the_first_is_taken_back(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await shelf.fill("\n".join(some("a", 6)))
    await shelf.fill("\n".join(some("b", 6)))

    undone, took = await one_waits_for_the_other(
        monkeypatch, undoing(shelf, batch), lambda: take(shelf, 4)
    )

    assert undone == 6
    texts = dict(await shelf.rows())
    assert [texts[code] for code in took[1]] == some("b", 4)
    assert (await counts(shelf), await shelf.packs()) == (StockCount(2, 4, 0), [])


async def test_an_order_that_waits_for_a_batch_that_goes_whole_is_told_sold_out(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await shelf.fill("\n".join(some("a", 6)))

    undone, took = await one_waits_for_the_other(
        monkeypatch, undoing(shelf, batch), lambda: take(shelf)
    )

    assert (undone, took[1], took[2]) == (6, [], 1)
    assert await counts(shelf) == StockCount()


@pytest.mark.parametrize("order", ["first_in", "newest_first"])
async def test_an_order_with_rows_in_hand_and_a_batch_taken_back_do_not_wait_in_a_circle(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, order: SaleOrder
) -> None:
    await rules(shelf, order)
    batch = await with_rows(shelf, 12)

    took, undone = await before_it_opens_a_pack(monkeypatch, shelf, 7, undoing(shelf, batch))

    assert (len(took[1]), took[2]) == (7, 0)
    assert codes_of(undone) == ["BATCH_SOLD"]
    assert (await counts(shelf), await shelf.packs()) == (StockCount(5, 7, 0), [3])


@pytest.mark.parametrize("order", ["first_in", "newest_first", "random"])
async def test_an_order_with_rows_in_hand_and_new_rules_do_not_wait_in_a_circle(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, order: SaleOrder
) -> None:
    await rules(shelf, order)
    await imported(shelf, some("a", 60), hours=30)
    earlier, _, _ = await take(shelf)
    await put_back(shelf, earlier)
    rows = (await counts(shelf)).available - 3 * len(await shelf.packs())
    then: SaleOrder = "first_in" if order == "random" else "random"

    took, ruled = await before_it_opens_a_pack(
        monkeypatch, shelf, rows + 4, lambda: rules(shelf, then, margin=36)
    )

    assert (len(took[1]), took[2], ruled) == (rows + 4, 0, None)
    assert await counts(shelf) == StockCount(0, rows + 4, 0, 56 - rows)


async def test_an_order_that_opened_one_pack_and_new_rules_do_not_wait_in_a_circle(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rules(shelf, "newest_first")
    await imported(shelf, some("a", 12), hours=30)
    outside, begun, real = copy_context(), list[asyncio.Task[None]](), packs.open_packs
    opened = 0

    async def waited_for(tx: Writing, shop: UUID, pack: Sequence[UUID]) -> None:
        nonlocal opened
        opened += 1
        if opened == 2:
            begun.append(asyncio.create_task(rules(shelf, margin=36), context=outside))
            await until_somebody_waits_for(tx)
        await real(tx, shop, pack)

    monkeypatch.setattr(allocation, "open_packs", waited_for)

    _, held, short = await take(shelf, 7)

    assert (len(held), short) == (7, 0)
    await begun[0]
    assert await counts(shelf) == StockCount(0, 7, 0, 5)


async def test_new_rules_pass_over_what_an_order_takes_that_waits_for_the_packs(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(shelf, some("a", 12), hours=60)
    earlier, _, _ = await take(shelf, 3)
    outside, begun, real = copy_context(), list[asyncio.Task[Any]](), Writing.execute

    async def rows_come_back_and_are_taken(self: Writing, sql: str, *args: object) -> int:
        if not begun and sql.startswith("update variants set sale_order"):
            begun.append(ruling)
            await asyncio.create_task(put_back(shelf, earlier), context=outside.copy())
            begun.append(asyncio.create_task(buyer(), context=outside.copy()))
            await until_somebody_waits_for(self)
        return await real(self, sql, *args)

    buyer = await a_buyer(shelf, 4)
    monkeypatch.setattr(Writing, "execute", rows_come_back_and_are_taken)
    ruling = asyncio.create_task(rules(shelf, margin=36), context=outside.copy())
    await ruling

    took = await begun[1]

    assert (len(took[1]), took[2]) == (4, 0)
    assert await counts(shelf) == StockCount(8, 4, 0)


async def test_two_orders_and_an_earlier_batch_that_comes_between_do_not_wait_in_a_circle(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = await shelf.ask("\n".join(some("old", 3)))
    await shelf.fill("\n".join(some("a", 12)))
    outside, begun, real = copy_context(), list[asyncio.Task[Any]](), packs.open_packs
    first, second = await a_buyer(shelf, 7), await a_buyer(shelf, 4)
    opened = 0

    async def an_import_comes_between(tx: Writing, shop: UUID, which: Sequence[UUID]) -> None:
        nonlocal opened
        opened += 1
        if opened == 2:
            await asyncio.create_task(shelf.work(older), context=outside.copy())
            begun.append(asyncio.create_task(second(), context=outside.copy()))
            await until_somebody_waits_for(tx)
        await real(tx, shop, which)

    monkeypatch.setattr(allocation, "open_packs", an_import_comes_between)

    (_, held, short), (_, others, shorter) = await first(), await begun[0]

    assert (len(held), short, len(others), shorter) == (7, 0, 4, 0)
    assert await counts(shelf) == StockCount(4, 11, 0)


async def test_a_pack_that_nobody_can_open_is_set_aside_and_the_next_is_sold(
    shelf: Shelf, owner_url: str
) -> None:
    await shelf.fill("\n".join(some("a", 6)))
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(
            "update code_packs set sealed = sealed || 'x' where shop_id = $1 and position = ("
            " select min(position) from code_packs where shop_id = $1)",
            shelf.shop,
        )
        _, held, short = await take(shelf, 4)
        seen = await counts(shelf)
        # No rotation of keys could open it either.
        await connection.execute("delete from code_packs where shop_id = $1", shelf.shop)
    finally:
        await connection.close()

    assert (len(held), short) == (3, 1)
    assert seen == StockCount(0, 3, 0, 3)


async def test_a_pack_that_is_opened_before_the_rules_change_has_its_codes_changed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(shelf, some("a", 6), hours=30)

    took, _ = await one_waits_for_the_other(
        monkeypatch, await a_buyer(shelf), lambda: rules(shelf, margin=36)
    )

    assert len(took[1]) == 1
    assert await counts(shelf) == StockCount(0, 1, 0, 5)
    await put_back(shelf, took[0])
    assert await counts(shelf) == StockCount(0, 0, 0, 6)
    assert (await take(shelf))[2] == 1


async def test_an_order_that_waits_for_new_rules_sells_by_them(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(shelf, some("a", 6), hours=30)

    _, took = await one_waits_for_the_other(
        monkeypatch, lambda: rules(shelf, margin=36), lambda: take(shelf)
    )

    assert (took[1], took[2]) == ([], 1)
    assert await counts(shelf) == StockCount(0, 0, 0, 6)
    await rules(shelf, margin=1)
    assert await counts(shelf) == StockCount(6)


async def test_a_pack_that_waits_for_another_order_of_sale_is_opened_in_that(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rules(shelf, "random")
    await shelf.fill("\n".join(some("a", 12)))

    _, took = await one_waits_for_the_other(monkeypatch, lambda: rules(shelf), lambda: take(shelf))

    # Whichever pack it had waited for: its codes are where the pack was.
    assert len(took[1]) == 1
    texts = dict(await shelf.rows())
    gone = texts[took[1][0]]
    assert await shelf.codes() == some("a", 12)
    assert await one_by_one(shelf) == [text for text in some("a", 12) if text != gone]


async def test_a_code_of_a_pack_is_deleted_when_the_order_that_opens_it_is_through(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fill("\n".join(some("a", 6)))
    ids = [id_ for id_, _ in await shelf.rows()]

    took, deleted = await one_waits_for_the_other(
        monkeypatch,
        await a_buyer(shelf),
        lambda: codes_delete(shelf.installation, shelf.shop, [ids[1]]),
    )

    assert (took[1], deleted) == ([ids[0]], [ids[1]])
    assert await shelf.codes() == ["a00", *some("a", 6)[2:]]


async def test_a_code_that_an_order_takes_out_of_its_pack_is_not_deleted(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fill("\n".join(some("a", 6)))
    ids = [id_ for id_, _ in await shelf.rows()]

    _, deleted = await one_waits_for_the_other(
        monkeypatch,
        await a_buyer(shelf),
        lambda: codes_delete(shelf.installation, shelf.shop, [ids[5], ids[0]]),
    )

    assert codes_of(deleted) == ["CODE_RESERVED"]
    assert await shelf.codes() == some("a", 6)
    assert await shelf.packs() == [3]


async def test_an_order_sells_what_a_merchant_who_deletes_leaves_of_the_pack(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fill("\n".join(some("a", 3)))
    ids = [id_ for id_, _ in await shelf.rows()]

    deleted, took = await one_waits_for_the_other(
        monkeypatch,
        lambda: codes_delete(shelf.installation, shelf.shop, [ids[0]]),
        lambda: take(shelf, 3),
    )

    assert (deleted, took[1], took[2]) == ([ids[0]], ids[1:], 1)


@pytest.mark.parametrize("order", ["first_in", "newest_first"])
async def test_an_order_with_rows_in_hand_and_codes_deleted_do_not_wait_in_a_circle(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, order: SaleOrder
) -> None:
    await rules(shelf, order)
    await with_rows(shelf, 12)
    ids = [id_ for id_, _ in await shelf.rows()]
    row, later = (ids[0], ids[5]) if order == "first_in" else (ids[-1], ids[-6])

    took, deleted = await before_it_opens_a_pack(
        monkeypatch, shelf, 4,
        lambda: codes_delete(shelf.installation, shelf.shop, [later, row]),
    )  # fmt: skip

    assert (len(took[1]), took[2]) == (4, 0)
    assert codes_of(deleted) == ["CODE_RESERVED"]
    assert await counts(shelf) == StockCount(8, 4, 0)


async def test_codes_of_an_open_pack_are_not_stocked_again_by_an_import_beside_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fill("\n".join(some("a", 6)))
    outside, real = copy_context(), Writing.write_posted
    begun = list[UUID]()

    async def held_open(self: Writing) -> None:
        if asyncio.current_task() is at_work and not begun:
            begun.append(
                await asyncio.create_task(imported(shelf, some("a", 9)), context=outside.copy())
            )
        await real(self)

    buyer = await a_buyer(shelf)
    monkeypatch.setattr(Writing, "write_posted", held_open)
    at_work = asyncio.create_task(buyer(), context=outside.copy())
    await at_work

    result = (await shelf.job(begun[0]))["result"]
    assert (result["added"], result["duplicates_in_stock"]) == (3, 6)
    assert await shelf.codes() == some("a", 9)


async def test_codes_whose_pack_is_opened_while_they_are_imported_are_not_stocked_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fill("\n".join(some("a", 6)))
    outside, real = copy_context(), packs.packed

    async def opened_after(*args: Any, **kwargs: Any) -> set[bytes]:
        found = await real(*args, **kwargs)
        await asyncio.create_task(take(shelf, 4), context=outside.copy())
        return found

    monkeypatch.setattr(packs, "packed", opened_after)

    job = await imported(shelf, some("a", 9))

    result = (await shelf.job(job))["result"]
    assert (result["added"], result["duplicates_in_stock"]) == (3, 6)
    assert await shelf.codes() == some("a", 9)


@pytest.fixture
async def keeper(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Keeper]:
    monkeypatch.setattr(shop_rotation, "CHUNK", 2)
    monkeypatch.setattr(shop_rotation, "LAST_LOOKS_SECONDS", 0)
    async with only_command(installation.settings.owner_database_url) as connection:
        yield Keeper(connection, installation.keys, installation.files, print)


async def test_buyers_open_packs_while_the_shops_key_rotates(
    installation: Installation, keeper: Keeper
) -> None:
    shelf = await a_shelf(installation)
    texts = some("a", 60)
    await shelf.fill("\n".join(texts))
    rotation = asyncio.create_task(rotate_shop(keeper, shelf.shop, "shop"))

    took = [await take(shelf, quantity) for quantity in [1, 4, 2, 1] * 3]
    took += await asyncio.gather(*(take(shelf, 2) for _ in range(20)))
    await rotation

    held = [code for _, codes, _ in took for code in codes]
    assert (len(held), len(set(held))) == (60, 60)
    assert sum(short for *_, short in took) == 4
    assert await shelf.codes() == texts
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select min(key_version) from codes") == 2


async def test_a_pack_that_is_sealed_anew_just_before_it_is_opened_opens(
    installation: Installation, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("\n".join(some("a", 6)))
    column = next(one for one in SEALED if one.table == "code_packs")
    real, done = packs.open_packs, list[int]()

    async def overtaken(tx: Writing, shop: UUID, pack: Sequence[UUID]) -> None:
        # The order has looked before the new key was there.
        if not done:
            cipher = await shop_rotation._joined(keeper, shop, "shop")
            _, count = await shop_rotation._reseal_chunk(
                keeper.connection, shop, column, cipher, UUID(int=0)
            )
            done.append(count)
        await real(tx, shop, pack)

    monkeypatch.setattr(allocation, "open_packs", overtaken)

    _, held, short = await take(shelf, 4)

    assert (len(held), short, done) == (4, 0, [1])
    await rotate_shop(keeper, shelf.shop, "shop")
    assert await shelf.codes() == some("a", 6)


async def rejects(shelf: Shelf, job: UUID) -> list[Reject]:
    steps = read_rejects(shelf.installation, shelf.shop, job)
    return [one async for step in steps for one in step]


async def test_codes_in_packs_are_told_as_in_stock_and_sold_ones_as_sold(
    installation: Installation, keeper: Keeper
) -> None:
    shelf = await a_shelf(installation)
    await shelf.fill("\n".join(some("a", 9)))
    order, _, _ = await take(shelf, 4)
    async with database.transaction(shelf.shop) as tx:
        await sell(tx, shelf.shop, order)

    async def told() -> None:
        lines = ["new", "a08", "a01", "a05"]
        preview = await codes_preview(
            installation, shelf.shop, shelf.variant, text="\n".join(lines)
        )
        assert preview.new == 1
        assert preview.duplicates_in_stock == [2, 4]
        assert preview.duplicates_sold == [3]
        tried = await imported(shelf, lines, dry_run=True)
        done = await imported(shelf, lines[1:])
        assert await rejects(shelf, tried) == [
            Reject(2, "IN_STOCK", 0, "a08"),
            Reject(3, "SOLD", 0, "a01"),
            Reject(4, "IN_STOCK", 0, "a05"),
        ]
        assert await rejects(shelf, done) == [
            Reject(1, "IN_STOCK", 0, "a08"),
            Reject(2, "SOLD", 0, "a01"),
            Reject(3, "IN_STOCK", 0, "a05"),
        ]
        assert (await shelf.job(tried))["result"]["new"] == 1
        assert (await shelf.job(done))["result"]["added"] == 0
        assert await shelf.codes() == some("a", 9)

    await told()
    await shop_rotation._joined(keeper, shelf.shop, "shop")
    await told()
    await rotate_shop(keeper, shelf.shop, "shop")
    await told()


async def test_packs_near_their_expiry_are_neither_sold_nor_counted_until_the_margin_lets_them(
    shelf: Shelf,
) -> None:
    await imported(shelf, some("soon", 6), hours=20)
    await imported(shelf, some("later", 6), hours=30)
    assert await counts(shelf) == StockCount(available=6, expired=6)
    texts = dict(await shelf.rows())

    _, held, short = await take(shelf, 7)

    assert sorted(texts[code] for code in held) == some("later", 6)
    assert (short, await shelf.packs()) == (1, [3, 3])
    await rules(shelf, margin=1)
    assert await counts(shelf) == StockCount(available=6, reserved=6)
    assert await one_by_one(shelf) == some("soon", 6)


async def free_everywhere(shelf: Shelf) -> tuple[str, bool]:
    """The variant's band, and whether it stands among those with little stock."""
    async with database.transaction(shelf.shop) as tx:
        bands = await bands_by_variants(tx, shelf.shop, [shelf.variant])
        return bands[shelf.variant], shelf.variant in await low_stock(tx, shelf.shop, limit=5)


async def test_bands_and_low_stock_count_packs(shelf: Shelf) -> None:
    async with database.transaction(shelf.shop) as tx:
        assert not (await checklist(tx, shelf.shop)).has_codes
    assert await free_everywhere(shelf) == ("sold_out", True)
    await imported(shelf, some("a", LOW + 10 - (LOW + 10) % 3))
    async with database.transaction(shelf.shop) as tx:
        assert (await checklist(tx, shelf.shop)).has_codes
        assert await tx.value("select count(*) from codes") == 0
    assert await free_everywhere(shelf) == ("in_stock", False)

    await take(shelf, (await counts(shelf)).available - 2)
    assert await free_everywhere(shelf) == ("low", True)
    await take(shelf, 2)
    assert await free_everywhere(shelf) == ("sold_out", True)


async def settled_band(shelf: Shelf) -> tuple[str, str]:
    await settle_bands()
    async with database.transaction(shelf.shop) as tx:
        (row,) = await tx.rows(
            "select band, until::text from variant_bands where variant_id = $1", shelf.variant
        )
    return row["band"], row["until"]


async def test_bands_settle_after_packs_come_are_sold_and_change_their_margin(
    shelf: Shelf,
) -> None:
    full = LOW + 3 - LOW % 3
    await imported(shelf, some("a", full), hours=240)
    found = await settled_band(shelf)
    assert found[0] == "in_stock"
    assert found[1] != "infinity"

    order, _, _ = await take(shelf, full - 1)
    assert (await settled_band(shelf))[0] == "low"
    await put_back(shelf, order)
    assert (await settled_band(shelf))[0] == "in_stock"
    await rules(shelf, margin=480)
    assert await settled_band(shelf) == ("sold_out", "infinity")
    await rules(shelf, margin=1)
    assert (await settled_band(shelf))[0] == "in_stock"


async def test_the_merchant_is_told_of_the_last_code_and_not_while_packs_are_left(
    shelf: Shelf,
) -> None:
    await shelf.fill("\n".join(some("a", 6)))

    async def told() -> list[UUID]:
        async with writing(shelf.installation, shelf.shop) as tx:
            return await tell_of_sale(tx, shelf.shop, [shelf.variant])

    await take(shelf, 3)
    assert await shelf.packs() == [3]
    assert await told() == []
    await take(shelf, 3)
    assert await told() == [shelf.variant]


@pytest.fixture
async def purchase(installation: Installation) -> Purchase:
    purchase = Purchase(installation, await a_shop(installation))
    await purchase.stock()
    return purchase


async def stocked(purchase: Purchase, count: int) -> Shelf:
    """The purchase's variant with so many codes, all in packs."""
    shelf = Shelf(purchase.installation, purchase.shop.id, purchase.variant)
    await shelf.fill("\n".join(some("a", count)))
    assert await shelf.packs() == [3] * (count // 3)
    return shelf


async def test_a_cart_and_the_caps_on_holding_see_codes_in_packs(purchase: Purchase) -> None:
    await stocked(purchase, 12)
    cart = await cart_create(
        purchase.installation, purchase.shop, [NewLine(purchase.variant, 5)],
        currency="CNY", locale="en",
    )  # fmt: skip
    async with database.transaction(purchase.shop.id) as tx:
        (line,) = await cart_lines(tx, purchase.shop.id, cart, currency="CNY", locale="en")
    assert line.in_stock == 5

    await purchase.order(3)
    with pytest.raises(Refused) as refused:
        await purchase.order(4)
    assert [one.code for one in refused.value.errors] == ["UNPAID_LIMIT"]
    await purchase.order(3)
    assert await purchase.states() == ["reserved"] * 6


async def test_a_bad_code_is_replaced_out_of_a_pack(purchase: Purchase) -> None:
    shelf = await stocked(purchase, 6)
    order = await purchase.order(3)
    await purchase.pay(order, amount=2970)
    assert await shelf.packs() == [3]
    bad = (await shelf.rows())[0][0]
    report = await code_report(
        purchase.installation, purchase.shop.id, order, bad, Complaint("used", "")
    )

    await report_replace(
        purchase.installation, purchase.shop.id, report, answer=Answer("lin", str(new_id()))
    )

    good = await reveal_order_codes(
        purchase.installation, purchase.shop.id, order, address="", good_only=True
    )
    assert sorted(good.values()) == ["a01", "a02", "a03"]
    assert await counts(shelf) == StockCount(2, 0, 4)


@pytest.mark.parametrize(("left", "status"), [(6, "delivered"), (0, "refunding")])
async def test_a_late_payment_finds_goods_in_a_pack_or_goes_back(
    purchase: Purchase, left: int, status: str
) -> None:
    shelf = await stocked(purchase, 3)
    order = await purchase.order(3)
    await purchase.expire(order)
    await take(shelf, 3)
    if left:
        await shelf.fill("\n".join(some("b", left)))

    await purchase.pay(order, amount=2970)

    assert await purchase.status(order) == status
    assert await counts(shelf) == (StockCount(3, 3, 3) if left else StockCount(0, 3, 0))
