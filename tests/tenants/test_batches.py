"""Batches taken back, codes that expire, orders of sale, and mail when stock runs low."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Sequence
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants.catalog.availability import bands_by_variants
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.installation import Installation
from keystall.tenants.stock import exports, import_work, packs
from keystall.tenants.stock.allocation import Wanted, free, reserve, sell
from keystall.tenants.stock.batches import BatchView, batch_undo, batches_pages
from keystall.tenants.stock.exports import codes_export, csv_line
from keystall.tenants.stock.imports import BatchInput, codes_import
from keystall.tenants.stock.listing import StockCount, codes_delete, stock_counts
from keystall.tenants.stock.low_stock import in_words, lasts, low_stock_of, tell_of_sale
from keystall.tenants.stock.rejects import Reject, forget_rejects, read_rejects
from keystall.tenants.stock.selling import SaleOrder, SellingRules, selling_rules_update
from keystall.tenants.writing import writing
from tests.tenants.shelves import Shelf, a_shelf, an_order_line, an_upload


@pytest.fixture
async def shelf(installation: Installation) -> Shelf:
    return await a_shelf(installation)


async def imported(
    shelf: Shelf, content: bytes, *, dry_run: bool = False, batch: BatchInput | None = None
) -> UUID:
    """An import of a file, done, bad lines skipped."""
    job = await codes_import(
        shelf.installation, shelf.shop, shelf.variant, upload_id=await an_upload(shelf, content),
        skip_bad=True, dry_run=dry_run, batch=batch or BatchInput(), idempotency_key=str(new_id()),
    )  # fmt: skip
    await shelf.work(job)
    return job


async def take(shelf: Shelf, quantity: int) -> tuple[UUID, list[UUID], int]:
    """An order's codes held: the order's id, the codes' ids and how many are short."""
    order, line = await an_order_line(shelf, quantity)
    async with writing(shelf.installation, shelf.shop) as tx:
        short = await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, quantity)])
        rows = await tx.rows(
            "select id from codes where order_line_id = $1 order by position", line
        )
    return order, [row["id"] for row in rows], short.get(line, 0)


async def rules(
    shelf: Shelf, order: SaleOrder = "first_in", margin: int = 24, low: int = 10
) -> None:
    await selling_rules_update(
        shelf.installation, shelf.shop, shelf.variant, SellingRules(order, margin, low)
    )


async def counts(shelf: Shelf) -> StockCount:
    async with database.transaction(shelf.shop) as tx:
        return (await stock_counts(tx, shelf.shop, [shelf.variant]))[shelf.variant]


async def batches(shelf: Shelf) -> list[BatchView]:
    async with database.transaction(shelf.shop) as tx:
        pages = await batches_pages(tx, shelf.shop, [shelf.variant], limit=10)
        return pages.get(shelf.variant, [])


async def undo(shelf: Shelf, batch: UUID) -> int:
    return await batch_undo(shelf.installation, shelf.shop, batch, actor="lin")


async def undo_refused(shelf: Shelf, batch: UUID) -> tuple[UserError, ...]:
    with pytest.raises(Refused) as refused:
        await undo(shelf, batch)
    return refused.value.errors


async def rejects(shelf: Shelf, job: UUID) -> list[Reject]:
    steps = read_rejects(shelf.installation, shelf.shop, job)
    return [one async for step in steps for one in step]


async def test_a_batch_keeps_what_was_told_of_it_and_goes_whole(shelf: Shelf) -> None:
    expiry = datetime(2027, 5, 1, tzinfo=UTC)
    told = BatchInput(supplier="Moon", note="Spring", cost="812.50", expires_at=expiry)
    stays = await shelf.fill("stays")
    goes = await imported(shelf, b"one\ntwo", batch=told)

    newest = (await batches(shelf))[0]
    assert (newest.id, newest.supplier, newest.note) == (goes, "Moon", "Spring")
    assert (newest.cost, newest.currency, newest.expires_at) == (81250, "CNY", expiry)
    assert (newest.added, newest.working, newest.undone_at) == (2, False, None)

    assert await undo(shelf, goes) == 2

    assert await shelf.codes() == ["stays"]
    assert [one.id for one in await batches(shelf) if one.undone_at is None] == [stays]
    assert await undo_refused(shelf, goes) == (UserError("BATCH_UNDONE", ("id",)),)


_ANOTHER_CODE = """
  insert into codes (shop_id, id, variant_id, batch_id, state, sealed, key_version, lookup)
  select shop_id, $2, $3, $4, 'available', sealed, key_version, 'another'
  from codes where shop_id = $1 limit 1"""


async def test_a_code_is_of_a_batch_of_its_own_shop_and_variant_or_is_not(
    installation: Installation, shelf: Shelf
) -> None:
    sibling, stranger = await a_shelf(installation, shelf.shop), await a_shelf(installation)
    own, others = await shelf.fill("one"), [await sibling.fill("two"), await stranger.fill("three")]

    for batch in (*others, new_id()):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with database.transaction(shelf.shop) as tx:
                await tx.execute(_ANOTHER_CODE, shelf.shop, new_id(), shelf.variant, batch)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with database.transaction(shelf.shop) as tx:
                await tx.execute("update codes set batch_id = $1 where batch_id = $2", batch, own)
    async with database.transaction(shelf.shop) as tx:
        await tx.execute(_ANOTHER_CODE, shelf.shop, new_id(), shelf.variant, own)
        count = await tx.value("select count(*) from codes where batch_id = $1", own)
        # It was sealed for another place: no rotation of keys could open it.
        await tx.execute("delete from codes where lookup = 'another'")
    assert count == 2


async def test_batches_are_kept_by_whoever_asks(shelf: Shelf) -> None:
    batch = await shelf.fill("one")
    assert await undo(shelf, batch) == 1

    owner = await asyncpg.connect(shelf.installation.settings.owner_database_url)
    try:
        for sql in (
            "delete from batches where id = $1",
            "update batches set id = gen_random_uuid() where id = $1",
            "update batches set variant_id = shop_id where id = $1",
        ):
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await owner.execute(sql, batch)
        assert await owner.execute("update batches set id = id where id = $1", batch) == "UPDATE 1"
    finally:
        await owner.close()


@pytest.mark.parametrize("paid", [False, True])
async def test_a_batch_of_which_one_is_held_or_sold_stays_whole(shelf: Shelf, paid: bool) -> None:
    batch = await shelf.fill("one\ntwo\nthree")
    order, _, _ = await take(shelf, 1)
    if paid:
        async with database.transaction(shelf.shop) as tx:
            await sell(tx, shelf.shop, order)

    assert await undo_refused(shelf, batch) == (UserError("BATCH_SOLD", ("id",)),)
    assert await shelf.codes() == ["one", "two", "three"]


async def test_orders_and_the_taking_back_of_their_batch_never_both_have_a_code(
    shelf: Shelf,
) -> None:
    batch = await shelf.fill("\n".join(f"c{n}" for n in range(200)))

    results = await asyncio.gather(
        *(take(shelf, 1) for _ in range(6)), undo(shelf, batch), return_exceptions=True
    )

    held = [result for result in results[:6] if isinstance(result, tuple) and result[1]]
    refused = isinstance(results[6], Refused)
    assert refused == bool(held)
    left = await counts(shelf)
    assert left == (StockCount(200 - len(held), len(held), 0) if held else StockCount())


async def test_a_batch_and_a_step_of_its_import_do_not_wait_for_each_other(shelf: Shelf) -> None:
    job = await imported(shelf, b"AAAA-1\nAAAA-2\n")
    outside = copy_context()
    async with database.transaction(shelf.shop) as step:
        await step.execute(
            "select from jobs where shop_id = $1 and id = $2 for update", shelf.shop, job
        )
        undoing = asyncio.create_task(undo(shelf, job), context=outside)
        async with asyncio.timeout(30):
            while not await step.value(_SOMEBODY_WAITS):  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)
        # What `codes_of_batch` does when the step's codes are in.
        await step.execute(
            "select from batches where shop_id = $1 and id = $2 for key share", shelf.shop, job
        )

    assert await undoing == 2


_SOMEBODY_WAITS = """
  select exists (select from pg_locks where locktype = 'transactionid' and not granted
    and transactionid = pg_current_xact_id()::xid)"""


async def test_another_shop_takes_no_batch_back(installation: Installation, shelf: Shelf) -> None:
    stranger = await a_shelf(installation)
    batch = await shelf.fill("one")

    assert await undo_refused(stranger, batch) == (UserError("NOT_FOUND", ("id",)),)
    assert await shelf.codes() == ["one"]


async def test_a_canceled_import_is_a_batch_that_can_be_taken_back(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "STEP", 2)
    add = import_work._add

    async def canceled_meanwhile(*args: Any) -> int | None:
        answer = await add(*args)
        await shelf.cancel(job)
        return answer

    monkeypatch.setattr(import_work, "_add", canceled_meanwhile)
    job = await shelf.ask("one\ntwo\nthree\nfour\nfive")
    await shelf.work(job)

    assert (await shelf.job(job))["state"] == "canceled"
    assert await shelf.codes() == ["one", "two"]
    assert await undo(shelf, job) == 2
    assert await shelf.codes() == []


async def test_a_dry_run_counts_everything_and_adds_nothing(shelf: Shelf) -> None:
    await shelf.fill("sold\nstocked")
    order, _, _ = await take(shelf, 1)
    async with database.transaction(shelf.shop) as tx:
        await sell(tx, shelf.shop, order)

    job = await imported(shelf, b"sold\nstocked\nnew\nnew\nb\x07d", dry_run=True)

    assert (await shelf.job(job))["result"] == {
        "new": 1, "duplicates_in_file": 1, "duplicates_in_stock": 1, "duplicates_sold": 1, "bad": 1,
    }  # fmt: skip
    assert await rejects(shelf, job) == [
        Reject(1, "SOLD", 0, "sold"),
        Reject(2, "IN_STOCK", 0, "stocked"),
        Reject(4, "IN_FILE", 3, "new"),
        Reject(5, "CONTROL_CHARACTERS", 0, "b\x07d"),
    ]
    assert len(await batches(shelf)) == 1
    assert await shelf.codes() == ["sold", "stocked"]
    # The upload waits for the import itself.
    file = (await shelf.job(job))["input"]["file_id"]
    real = await codes_import(
        shelf.installation, shelf.shop, shelf.variant, upload_id=UUID(file), skip_bad=True,
        idempotency_key=str(new_id()),
    )  # fmt: skip
    await shelf.work(real)
    assert (await shelf.codes())[-1] == "new"


async def test_rejects_rest_sealed_for_their_shop_and_are_forgotten(
    installation: Installation, shelf: Shelf
) -> None:
    job = await imported(shelf, b"CANARY-REJECT\x07\ngood")

    assert [one.text for one in await rejects(shelf, job)] == ["CANARY-REJECT\x07"]
    assert await rejects(await a_shelf(installation), job) == []
    async with database.transaction(shelf.shop) as tx:
        resting = await tx.value("select sealed from import_rejects")
        item = await tx.value(
            "select id from outbox where subject_id = $1 and kind = 'codes.forget_rejects'", job
        )
        due = await tx.value("select due_at from outbox where id = $1", item)
    assert b"CANARY" not in resting
    assert due > clock.now() + timedelta(days=29)
    await forget_rejects(shelf.installation, shelf.shop, item)
    assert await rejects(shelf, job) == []


async def test_a_large_file_with_bad_lines_adds_nothing_unless_told_to(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keystall.tenants.stock.imports.AT_ONCE", 3)
    job = await codes_import(
        shelf.installation, shelf.shop, shelf.variant,
        upload_id=await an_upload(shelf, b"good\nb\x07d"), idempotency_key=str(new_id()),
    )  # fmt: skip

    await shelf.work(job)

    row = await shelf.job(job)
    assert row["state"] == "failed"
    assert row["result"] == {"problem": "BAD_LINES", "line": 2, "reason": "CONTROL_CHARACTERS"}
    assert await shelf.codes() == []


async def test_a_spreadsheet_is_read_with_its_rows_dates_and_line_breaks(shelf: Shelf) -> None:
    out = BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        dates = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(1, 0, ["卡密", "备注", "到期日"])
        sheet.write_row(2, 0, ["A-1", "甲"])
        sheet.write_datetime(2, 2, datetime(2027, 12, 31), dates)  # noqa: DTZ001  (as Excel)
        sheet.write_row(3, 0, ["login: b\npass: 2", ""])
        sheet.write_number(4, 0, 1234567)
        sheet.write_row(5, 0, ["", "no code"])

    job = await imported(shelf, out.getvalue())

    assert await shelf.codes() == ["A-1", "login: b\npass: 2", "1234567"]
    assert await rejects(shelf, job) == [Reject(6, "CODE_MISSING", 0, " no code ")]
    async with database.transaction(shelf.shop) as tx:
        row = await tx.row("select note, expires_at from codes order by position limit 1")
    assert row is not None
    assert dict(row) == {"note": "甲", "expires_at": datetime(2028, 1, 1, tzinfo=UTC)}


async def test_a_spreadsheet_that_asks_for_too_much_is_refused_by_name(shelf: Shelf) -> None:
    far = BytesIO()
    with xlsxwriter.Workbook(far) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "A-1")
        sheet.write(1_048_575, 16_383, "far away")

    for content, code in (
        (far.getvalue(), "SPREADSHEET_TOO_LARGE"),
        (b"PK\x03\x04 no workbook", "SPREADSHEET_INVALID"),
    ):
        with pytest.raises(Refused) as refused:
            await an_upload(shelf, content)
        assert refused.value.errors[0].code == code


async def test_what_expires_within_the_margin_is_shown_and_not_sold(shelf: Shelf) -> None:
    soon, later = (clock.now() + timedelta(hours=hours) for hours in (20, 30))
    await imported(shelf, b"soon", batch=BatchInput(expires_at=soon))
    await imported(shelf, b"later", batch=BatchInput(expires_at=later))

    assert await counts(shelf) == StockCount(available=1, expired=1)
    async with database.transaction(shelf.shop) as tx:
        assert await bands_by_variants(tx, shelf.shop, [shelf.variant]) == {shelf.variant: "low"}
    order, held, short = await take(shelf, 2)
    assert (len(held), short) == (1, 1)
    assert await counts(shelf) == StockCount(reserved=1, expired=1)

    await rules(shelf, margin=36)
    async with database.transaction(shelf.shop) as tx:
        assert await free(tx, shelf.shop, order) == 1
        assert await bands_by_variants(tx, shelf.shop, [shelf.variant]) == {
            shelf.variant: "sold_out"
        }
    assert await counts(shelf) == StockCount(expired=2)

    await rules(shelf, margin=1)
    assert await counts(shelf) == StockCount(available=2)
    assert (await take(shelf, 2))[2] == 0


async def test_codes_go_in_the_variants_order(shelf: Shelf) -> None:
    await shelf.fill("\n".join(f"a{n}" for n in range(20)))
    await shelf.fill("\n".join(f"b{n}" for n in range(20)))
    texts = dict(await shelf.rows())
    in_order = list(texts.values())

    await rules(shelf, "newest_first")
    _, held, _ = await take(shelf, 2)
    assert {texts[code] for code in held} == {"b18", "b19"}

    await rules(shelf, "random")
    shuffled = [texts[code] for _ in range(8) for code in (await take(shelf, 1))[1]]
    assert len(set(shuffled)) == 8
    assert shuffled != in_order[:8]

    await rules(shelf, "first_in")
    first = next(text for text in in_order if text not in {*shuffled, "b18", "b19"})
    _, held, _ = await take(shelf, 1)
    assert texts[held[0]] == first


@pytest.mark.parametrize("field", ["expiry_margin_hours", "low_stock"])
async def test_rules_out_of_range_are_refused_and_change_nothing(shelf: Shelf, field: str) -> None:
    asked = {"sale_order": "random", "expiry_margin_hours": 1, "low_stock": 1, field: -1}

    with pytest.raises(Refused) as refused:
        await selling_rules_update(
            shelf.installation,
            shelf.shop,
            shelf.variant,
            SellingRules(**asked),  # type: ignore[arg-type]
        )

    assert refused.value.errors == (UserError("INVALID", (field,)),)
    async with database.transaction(shelf.shop) as tx:
        row = await tx.row("select sale_order, expiry_margin_hours, low_stock from variants")
    assert row is not None
    assert dict(row) == {"sale_order": "first_in", "expiry_margin_hours": 24, "low_stock": 10}


async def test_low_stock_is_told_once_a_fall(shelf: Shelf) -> None:
    async def told() -> int:
        async with writing(shelf.installation, shelf.shop) as tx:
            await tell_of_sale(tx, shelf.shop, [shelf.variant])
        async with database.transaction(shelf.shop) as tx:
            count: int = await tx.value(
                "select count(*) from outbox where kind = 'mail.merchant_low_stock'"
            )
        return count

    await rules(shelf, low=2)
    await shelf.fill("one\ntwo\nthree")
    assert await told() == 0
    await take(shelf, 1)
    assert [await told(), await told()] == [1, 1]
    async with database.transaction(shelf.shop) as tx:
        found = await low_stock_of(tx, shelf.shop, shelf.variant)
    assert found is not None
    assert (found.product, found.free, found.lasts) == ("Steam card", 2, None)

    await shelf.fill("four\nfive")
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select low_since from variants") is None
        assert await low_stock_of(tx, shelf.shop, shelf.variant) is None
    await take(shelf, 2)
    assert await told() == 2


async def test_the_forecast_follows_the_last_days_sales(shelf: Shelf) -> None:
    await shelf.fill("\n".join(f"c{n}" for n in range(8)))
    order, _, _ = await take(shelf, 4)
    async with database.transaction(shelf.shop) as tx:
        await sell(tx, shelf.shop, order)
        await tx.execute(
            "update orders set status = 'delivered', paid_at = $1, delivered_at = $1",
            clock.now() - timedelta(hours=6),
        )
        found = await low_stock_of(tx, shelf.shop, shelf.variant)

    assert found is not None
    assert found.lasts is not None
    assert in_words(found.lasts) == ("hours", 6)


@pytest.mark.parametrize(
    ("free_codes", "sold", "hours", "words"),
    [
        (6, 6, 6, ("hours", 6)),
        (1, 100, 24, ("hours", 1)),
        (10, 3, 24, ("days", 3)),
        (3, 3, 0, ("hours", 1)),
    ],
)
def test_how_long_stock_lasts(
    free_codes: int, sold: int, hours: int, words: tuple[str, int]
) -> None:
    span = lasts(free_codes, sold, timedelta(hours=hours))
    assert span is not None
    assert in_words(span) == words


def test_two_sales_do_not_tell_how_long_stock_lasts() -> None:
    assert lasts(20, 2, timedelta(hours=1)) is None


async def exported(shelf: Shelf) -> list[dict[str, str]]:
    lines: AsyncIterator[str] = await codes_export(
        shelf.installation, shelf.shop, shelf.variant,
        actor="lin", address="203.0.113.7", user_agent="Firefox",
    )  # fmt: skip
    text = "".join([line async for line in lines])
    assert text.startswith("\ufeff")
    return list(csv.DictReader(StringIO(text[1:], newline="")))


async def test_an_export_has_every_code_and_is_recorded(shelf: Shelf) -> None:
    batch = await shelf.fill('=HYPERLINK("http://evil.example","x")\nplain "two"')
    order, held, _ = await take(shelf, 1)

    rows = await exported(shelf)

    assert list(rows[0]) == [
        "id", "secret", "status", "product", "variant", "order", "batch", "created_at",
    ]  # fmt: skip
    assert [row["secret"] for row in rows] == [
        '\'=HYPERLINK("http://evil.example","x")', 'plain "two"',
    ]  # fmt: skip
    assert [row["status"] for row in rows] == ["reserved", "available"]
    assert (rows[0]["id"], rows[0]["order"], rows[1]["order"]) == (str(held[0]), str(order), "")
    assert {row["batch"] for row in rows} == {str(batch)}
    async with database.transaction(shelf.shop) as tx:
        recorded = await tx.row("select actor, address, user_agent, codes from code_exports")
    assert recorded is not None
    assert dict(recorded) == {
        "actor": "lin", "address": "203.0.113.7", "user_agent": "Firefox", "codes": 2,
    }  # fmt: skip


async def test_another_shop_exports_nothing(installation: Installation, shelf: Shelf) -> None:
    await shelf.fill("one")
    stranger = await a_shelf(installation)

    with pytest.raises(Refused) as refused:
        await codes_export(
            installation, stranger.shop, shelf.variant, actor="x", address="", user_agent=""
        )

    assert refused.value.errors == (UserError("NOT_FOUND", ("variant_id",)),)
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select count(*) from code_exports") == 0


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_as_a_formula(start: str) -> None:
    (cells,) = csv.reader(StringIO(csv_line([f"{start}1+1", "x"]), newline=""))
    assert cells == [f"'{start}1+1", "x"]


def test_rejects_do_not_show_in_a_repr() -> None:
    assert "SECRET" not in repr(Reject(1, "SOLD", 0, "SECRET"))
    assert json.loads(json.dumps(Reject(1, "SOLD", 0, "x"))) == [1, "SOLD", 0, "x"]


# Codes that rest in packs, of three here.


@pytest.fixture
def packs_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 3)


@pytest.mark.parametrize(("rows_at_once", "packs_at_once"), [(1, 1), (2, 1), (1, 2), (3, 2)])
async def test_an_export_of_rows_and_packs_has_every_code_once_in_the_order_they_came(
    shelf: Shelf, packs_of_three: None, monkeypatch: pytest.MonkeyPatch,
    rows_at_once: int, packs_at_once: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(exports, "_CODES", _few_at_once(rows_at_once, packs_at_once))
    monkeypatch.setattr(exports, "_PAGE", rows_at_once)
    monkeypatch.setattr(exports, "_PACKS", packs_at_once)
    batch_of = {}
    batch_of["a"] = await shelf.fill("a0\na1")
    batch_of["b"] = await shelf.fill("\n".join(f"b{n}" for n in range(7)))
    soon = BatchInput(expires_at=clock.now() + timedelta(hours=1))
    batch_of["c"] = await imported(shelf, b"c0\nc1\nc2\nc3", batch=soon)
    batch_of["d"] = await shelf.fill("\n".join(f"d{n}" for n in range(9)))
    order, held, _ = await take(shelf, 4)
    await codes_delete(shelf.installation, shelf.shop, [dict(_by_text(await shelf.rows()))["d4"]])
    assert await shelf.packs() == [3, 3, 3, 3]

    rows = await exported(shelf)

    texts = [
        *("a0", "a1"), *(f"b{n}" for n in range(7)), *(f"c{n}" for n in range(4)),
        *(f"d{n}" for n in range(9) if n != 4),
    ]  # fmt: skip
    assert [row["secret"] for row in rows] == texts
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert [UUID(row["id"]) for row in rows if row["order"]] == held
    assert {row["order"] for row in rows} == {"", str(order)}
    assert [row["batch"] for row in rows] == [str(batch_of[text[0]]) for text in texts]
    assert [row["status"] for row in rows] == [
        "reserved" if at < 4 else "expired" if text[0] == "c" else "available"
        for at, text in enumerate(texts)
    ]
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select codes from code_exports") == len(texts)


def _few_at_once(rows: int, of_packs: int) -> str:
    before = (f"limit {exports._PAGE}", f"limit {exports._PACKS}")
    assert all(exports._CODES.count(f"{one})") == 1 for one in before)
    return (
        exports._CODES.replace(f"{before[0]})", f"limit {rows})")
        .replace(f"{before[1]})", f"limit {of_packs})")
    )  # fmt: skip


def _by_text(rows: Sequence[tuple[UUID, str]]) -> list[tuple[str, UUID]]:
    return [(text, id_) for id_, text in rows]


async def test_a_pack_that_is_opened_while_it_is_exported_is_neither_lost_nor_doubled(
    shelf: Shelf, packs_of_three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_CODES", _few_at_once(2, 1))
    monkeypatch.setattr(exports, "_PAGE", 2)
    monkeypatch.setattr(exports, "_PACKS", 1)
    await shelf.fill("\n".join(f"b{n}" for n in range(13)))
    rows = await shelf.rows()
    lines = await codes_export(
        shelf.installation, shelf.shop, shelf.variant, actor="lin", address="", user_agent=""
    )

    told: list[str] = []
    async for part in lines:
        told.append(part)
        # The one that was told last, and one that is to come.
        so_far = "".join(told).count("\r\n") - 1
        opens = [rows[max(0, so_far - 1)][0], rows[min(12, so_far + 4)][0]]
        async with writing(shelf.installation, shelf.shop) as tx:
            await packs.open_with(tx, shelf.shop, opens)

    found = csv.DictReader(StringIO("".join(told)[1:], newline=""))
    assert [(UUID(row["id"]), row["secret"]) for row in found] == list(rows)
    assert await shelf.packs() == []


async def test_a_batch_in_packs_and_rows_goes_whole_and_can_come_again(
    shelf: Shelf, packs_of_three: None
) -> None:
    text = "\n".join(f"b{n}" for n in range(8))
    stays = await shelf.fill("s0\ns1\ns2")
    goes = await shelf.fill(text)
    opened = dict(_by_text(await shelf.rows()))["b4"]
    await codes_delete(shelf.installation, shelf.shop, [opened])
    assert (await shelf.packs(), await counts(shelf)) == ([3, 3], StockCount(available=10))

    key = str(new_id())
    for _ in range(2):
        undone = await batch_undo(
            shelf.installation, shelf.shop, goes, actor="lin", idempotency_key=key
        )
        assert undone == 7

    assert await shelf.codes() == ["s0", "s1", "s2"]
    assert await shelf.packs() == [3]
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select undone_codes from batches where id = $1", goes) == 7
    again = await shelf.fill(text)
    assert (await shelf.job(again))["result"]["added"] == 8
    assert (await shelf.packs(), await counts(shelf)) == ([3, 3, 3], StockCount(available=11))
    assert [one.added for one in await batches(shelf)] == [8, 8, 3]
    assert {one.id for one in await batches(shelf) if one.undone_at is None} == {stays, again}


@pytest.mark.parametrize("paid", [False, True])
async def test_a_batch_in_packs_of_which_one_is_held_or_sold_stays_whole(
    shelf: Shelf, packs_of_three: None, paid: bool
) -> None:
    batch = await shelf.fill("\n".join(f"b{n}" for n in range(8)))
    order, _, _ = await take(shelf, 1)
    if paid:
        async with database.transaction(shelf.shop) as tx:
            await sell(tx, shelf.shop, order)

    assert await undo_refused(shelf, batch) == (UserError("BATCH_SOLD", ("id",)),)
    assert await shelf.codes() == [f"b{n}" for n in range(8)]
    assert await shelf.packs() == [3]
