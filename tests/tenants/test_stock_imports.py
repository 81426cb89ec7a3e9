"""Code files from paste or upload to the shelf, on real PostgreSQL and a real file store."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from keystall.platform import clock, database
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.installation import Installation
from keystall.tenants.jobs.service import job_cancel
from keystall.tenants.stock import import_work, packs
from keystall.tenants.stock.card_files import MAX_LINES, parse_file, survey
from keystall.tenants.stock.imports import codes_import
from keystall.tenants.stock.previews import MAX_TEXT
from keystall.tenants.writing import writing
from tests.tenants.shelves import Shelf, a_shelf, an_upload

DATA = Path(__file__).parents[1] / "data"
THREE_THOUSAND = "\n".join(f"CODE-{n:05d}" for n in range(3_000))


@pytest.fixture
async def shelf(installation: Installation) -> Shelf:
    return await a_shelf(installation)


async def refusal(asked: Any) -> UserError:
    with pytest.raises(Refused) as refused:
        await asked
    [error] = refused.value.errors
    return error


def stored_files(shelf: Shelf) -> list[Path]:
    root = Path(urlsplit(shelf.installation.settings.files_url).path)
    return [path for path in root.rglob("*") if str(shelf.shop) in str(path) and path.is_file()]


def die_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """The worker dies on the way to the chunk after so many, once."""
    add = import_work._add
    left = [chunks]
    monkeypatch.setattr(import_work, "STEP", 1_000)

    async def dying(*args: Any) -> int | None:
        left[0] -= 1
        if left[0] == -1:
            raise asyncio.CancelledError
        return await add(*args)

    monkeypatch.setattr(import_work, "_add", dying)


@pytest.mark.parametrize(
    ("name", "added", "repeated"),
    [
        ("codes-utf8bom-crlf.txt", 1_000, 7),
        ("cards-gbk.txt", 500, 0),
        ("cards-big5.txt", 120, 0),
        ("accounts-utf16.txt", 300, 0),
        ("keys.csv", 600, 0),
    ],
)
async def test_the_sample_files_come_out_whole_and_in_order(
    shelf: Shelf, name: str, added: int, repeated: int
) -> None:
    content = (DATA / name).read_bytes()
    upload = await an_upload(shelf, content)

    job = await codes_import(
        shelf.installation, shelf.shop, shelf.variant, upload_id=upload, idempotency_key=name
    )
    await shelf.work(job)

    assert await shelf.codes() == [code.text for code in parse_file(content).codes]
    row = await shelf.job(job)
    lines = survey([content]).lines
    assert (row["state"], row["done"], row["total"]) == ("done", lines, lines)
    assert row["result"] == {
        "added": added, "duplicates_in_file": repeated, "duplicates_in_stock": 0,
        "duplicates_sold": 0, "bad": 0,
    }  # fmt: skip
    assert stored_files(shelf) == []
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select count(*) from files") == 0


async def test_codes_of_any_length_are_sold_in_the_order_of_their_lines_blank_ones_between(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "STEP", 3)

    job = await shelf.fill("a\nbbb\n\ncc\n\n\nd\ne\nf\ngggg")

    assert await shelf.codes() == ["a", "bbb", "cc", "d", "e", "f", "gggg"]
    async with database.transaction(shelf.shop) as tx:
        rows = await tx.rows("select position, id from codes order by id")
    began = (job.int >> 80) << 21
    assert [row["position"] - began for row in rows] == [1, 2, 4, 7, 8, 9, 10]


async def test_importing_the_same_again_adds_nothing(shelf: Shelf) -> None:
    await shelf.fill("one\ntwo\nthree")

    job = await shelf.fill("three\none\none\ntwo\nfour")

    assert await shelf.codes() == ["one", "two", "three", "four"]
    assert (await shelf.job(job))["result"] == {
        "added": 1, "duplicates_in_file": 1, "duplicates_in_stock": 3,
        "duplicates_sold": 0, "bad": 0,
    }  # fmt: skip


async def test_nothing_to_add_is_an_import_that_is_done(shelf: Shelf) -> None:
    job = await shelf.fill("\n \n")

    row = await shelf.job(job)
    assert (row["state"], row["total"], row["result"]["added"]) == ("done", 2, 0)


async def test_the_same_key_is_one_import_even_after_its_end(shelf: Shelf) -> None:
    upload = await an_upload(shelf, b"one\ntwo")

    async def ask() -> UUID:
        return await codes_import(
            shelf.installation, shelf.shop, shelf.variant,
            upload_id=upload, idempotency_key="again and again",
        )  # fmt: skip

    job, same = await asyncio.gather(ask(), ask())
    await shelf.work(job)
    await shelf.work(job)

    assert same == job == await ask()
    assert await shelf.codes() == ["one", "two"]
    assert (await shelf.job(job))["result"]["added"] == 2


async def test_a_pasted_text_asked_for_twice_at_once_leaves_one_file(shelf: Shelf) -> None:
    jobs = await asyncio.gather(*(shelf.ask("one", key="key-12345") for _ in range(3)))

    assert len(set(jobs)) == 1
    assert len(stored_files(shelf)) == 1
    await shelf.work(jobs[0])
    assert await shelf.codes() == ["one"]


async def test_other_input_under_the_same_key_is_refused_and_kept_nowhere(shelf: Shelf) -> None:
    await shelf.ask("one", key="key-12345")

    error = await refusal(shelf.ask("two", key="key-12345"))

    assert error == UserError("IDEMPOTENCY_MISMATCH", ("idempotency_key",))
    assert len(stored_files(shelf)) == 1


async def test_an_upload_serves_one_import(shelf: Shelf) -> None:
    upload = await an_upload(shelf, b"one")

    async def ask(key: str) -> UUID:
        return await codes_import(
            shelf.installation, shelf.shop, shelf.variant, upload_id=upload, idempotency_key=key
        )

    await ask("first key")

    assert await refusal(ask("second key")) == UserError("NOT_FOUND", ("upload_id",))


async def test_another_shops_upload_and_variant_are_missing(
    installation: Installation, shelf: Shelf
) -> None:
    other = await a_shelf(installation)
    upload = await an_upload(other, b"one")

    borrowed = codes_import(
        installation, shelf.shop, shelf.variant, upload_id=upload, idempotency_key="key-12345"
    )
    intruding = codes_import(
        installation, shelf.shop, other.variant, text="one", idempotency_key="key-12345"
    )

    assert await refusal(borrowed) == UserError("NOT_FOUND", ("upload_id",))
    assert await refusal(intruding) == UserError("NOT_FOUND", ("variant_id",))
    assert stored_files(shelf) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("good\nb\x00d\nx\x01", UserError(
            "BAD_LINES", ("text",), {"count": 2, "line": 2, "reason": "CONTROL_CHARACTERS"})),
        ("half \ud800 of it", UserError(
            "BAD_LINES", ("text",), {"count": 1, "line": 1, "reason": "INVALID_ENCODING"})),
        ("\n" * (MAX_LINES + 1), UserError("TOO_MANY", ("text",), {"limit": MAX_LINES})),
        ("x" * (MAX_TEXT + 1), UserError("TOO_LONG", ("text",), {"limit": MAX_TEXT})),
    ],
    ids=["bad", "surrogate", "lines", "bytes"],
)  # fmt: skip
async def test_what_cannot_be_added_is_refused_before_anything_is_written(
    shelf: Shelf, text: str, error: UserError
) -> None:
    assert await refusal(shelf.ask(text)) == error

    async with database.transaction(shelf.shop) as tx:
        for table in ("jobs", "outbox", "idempotency_keys", "files", "batches"):
            assert await tx.value(f"select count(*) from {table}") == 0
    assert stored_files(shelf) == []


async def test_a_file_in_an_unknown_encoding_is_refused(shelf: Shelf) -> None:
    content = "会員カード".encode("shift_jis")
    upload = await an_upload(shelf, content)

    asked = codes_import(
        shelf.installation, shelf.shop, shelf.variant, upload_id=upload, idempotency_key="key-12345"
    )

    assert await refusal(asked) == UserError("ENCODING_UNKNOWN", ("upload_id",))


async def test_bad_lines_are_skipped_when_told_to(shelf: Shelf) -> None:
    job = await shelf.ask("good\nb\x00d\nhalf \ud800\nbetter", skip_bad=True)
    await shelf.work(job)

    assert await shelf.codes() == ["good", "better"]
    assert (await shelf.job(job))["result"]["bad"] == 2


async def test_text_and_upload_are_one_or_the_other(shelf: Shelf) -> None:
    async def ask(**content: Any) -> UUID:
        return await codes_import(
            shelf.installation, shelf.shop, shelf.variant, idempotency_key="key-12345", **content
        )

    assert await refusal(ask()) == UserError("REQUIRED", ("text",))
    assert await refusal(ask(text="")) == UserError("REQUIRED", ("text",))
    assert await refusal(ask(text="one", upload_id=shelf.variant)) == UserError(
        "INVALID", ("text",)
    )


async def test_equal_codes_of_another_variant_or_shop_are_no_duplicates(
    installation: Installation, shelf: Shelf
) -> None:
    sibling = await a_shelf(installation, shelf.shop)
    stranger = await a_shelf(installation)

    for other in (shelf, sibling, stranger):
        job = await other.fill("one\ntwo")
        assert (await other.job(job))["result"]["added"] == 2

    assert await stranger.codes() == await sibling.codes() == ["one", "two"]


async def test_a_worker_that_dies_between_chunks_is_followed_without_loss_or_doubling(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fill("CODE-00005\nCODE-01500")
    job = await shelf.ask(THREE_THOUSAND)
    die_after(monkeypatch, 2)
    with pytest.raises(asyncio.CancelledError):
        await shelf.work(job)
    halfway = await shelf.job(job)

    await shelf.work(job)

    assert (halfway["state"], halfway["done"], halfway["total"]) == ("running", 2_000, 3_000)
    assert halfway["result"]["added"] == 1_998
    row = await shelf.job(job)
    assert (row["state"], row["done"], row["total"]) == ("done", 3_000, 3_000)
    assert row["result"] == {
        "added": 2_998, "duplicates_in_file": 0, "duplicates_in_stock": 2,
        "duplicates_sold": 0, "bad": 0,
    }  # fmt: skip
    assert sorted(await shelf.codes()) == THREE_THOUSAND.split("\n")


async def test_two_workers_at_once_count_every_code_once(shelf: Shelf) -> None:
    job = await shelf.ask(THREE_THOUSAND)

    await asyncio.gather(shelf.work(job), shelf.work(job), shelf.work(job))

    row = await shelf.job(job)
    assert (row["state"], row["done"], row["result"]["added"]) == ("done", 3_000, 3_000)
    assert row["result"]["duplicates_in_stock"] == 0
    assert await shelf.codes() == THREE_THOUSAND.split("\n")


async def test_two_imports_of_the_same_codes_in_opposite_order_do_not_lock_up(
    shelf: Shelf,
) -> None:
    lines = THREE_THOUSAND.split("\n")
    forth, back = await shelf.ask("\n".join(lines)), await shelf.ask("\n".join(reversed(lines)))

    await asyncio.gather(shelf.work(forth), shelf.work(back))

    results = [(await shelf.job(job))["result"] for job in (forth, back)]
    assert sum(result["added"] for result in results) == 3_000
    assert sum(result["duplicates_in_stock"] for result in results) == 3_000
    assert sorted(await shelf.codes()) == lines


async def test_a_canceled_import_keeps_and_tells_what_was_added(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await shelf.ask(THREE_THOUSAND)
    die_after(monkeypatch, 1)
    with pytest.raises(asyncio.CancelledError):
        await shelf.work(job)
    await shelf.cancel(job)

    await shelf.work(job)
    await shelf.work(job)

    row = await shelf.job(job)
    assert (row["state"], row["done"], row["total"]) == ("canceled", 1_000, 3_000)
    assert row["result"]["added"] == 1_000
    assert row["finished_at"] is not None
    assert await shelf.codes() == THREE_THOUSAND.split("\n")[:1_000]
    assert stored_files(shelf) == []


async def test_an_import_canceled_before_it_began_adds_nothing(shelf: Shelf) -> None:
    job = await shelf.ask("one")
    await shelf.cancel(job)

    await shelf.work(job)

    row = await shelf.job(job)
    assert (row["state"], row["result"]["added"]) == ("canceled", 0)
    assert await shelf.codes() == []


async def test_an_import_canceled_while_it_waits_ends_at_once_and_its_file_goes(
    shelf: Shelf,
) -> None:
    job = await shelf.ask("one")
    canceled = await job_cancel(shelf.installation, shelf.shop, job)

    await shelf.work(job)

    assert canceled.state == (await shelf.job(job))["state"] == "canceled"
    assert await shelf.codes() == []
    assert stored_files(shelf) == []
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select done_at from outbox where subject_id = $1", job) is not None


async def test_an_import_whose_file_is_gone_fails_once_and_says_so(shelf: Shelf) -> None:
    job = await shelf.ask("one")
    for path in stored_files(shelf):
        path.unlink()

    await shelf.work(job)

    row = await shelf.job(job)
    assert (row["state"], row["result"]) == ("failed", {"problem": "FILE_MISSING"})
    async with database.transaction(shelf.shop) as tx:
        assert await tx.value("select done_at from outbox where subject_id = $1", job) is not None


async def test_each_chunk_keeps_the_work_leased(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await shelf.ask(THREE_THOUSAND)
    async with database.transaction(shelf.shop) as tx:
        await tx.execute("update outbox set due_at = now() where subject_id = $1", job)
    die_after(monkeypatch, 1)
    before = clock.now()

    with pytest.raises(asyncio.CancelledError):
        await shelf.work(job)

    async with database.transaction(shelf.shop) as tx:
        due = await tx.value("select due_at from outbox where subject_id = $1", job)
    assert before + timedelta(seconds=30) <= due <= clock.now() + timedelta(seconds=30)


async def test_plain_codes_rest_nowhere(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "CANARY-7391-XQZV"
    job = await shelf.ask("\n".join([canary, *THREE_THOUSAND.split("\n")]))
    die_after(monkeypatch, 1)
    with pytest.raises(asyncio.CancelledError):
        await shelf.work(job)

    [stored] = stored_files(shelf)
    assert canary.encode() not in stored.read_bytes()
    assert (await shelf.codes())[0] == canary
    async with database.transaction(shelf.shop) as tx:
        for table in ("code_packs", "jobs", "outbox", "idempotency_keys", "batches"):
            rows: Sequence[Any] = await tx.rows(f"select to_jsonb(t)::text as row from {table} t")
            assert rows
            assert not [row for row in rows if canary in row["row"]]
            assert not [row for row in rows if canary.encode().hex() in row["row"]]


# Codes that rest in packs, of three here.


@pytest.fixture
def packs_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK", 3)


ODD = "one\n\ntwo\none\nb\x00d\nthree\nfour\n\n\nfive\nsix\ntwo\nseven\neight"
"""Eight codes, blank, repeated and bad lines between."""
EIGHT = ["one", "two", "three", "four", "five", "six", "seven", "eight"]


@pytest.mark.parametrize(
    ("size", "in_packs"), [(2, []), (3, [3]), (4, [3, 3]), (6, [3, 3]), (100, [3, 3])]
)
async def test_whatever_lies_between_codes_in_packs_are_sold_in_the_order_of_their_lines(
    shelf: Shelf, packs_of_three: None, monkeypatch: pytest.MonkeyPatch,
    size: int, in_packs: list[int],
) -> None:  # fmt: skip
    monkeypatch.setattr(import_work, "STEP", size)
    job = await shelf.ask(ODD, skip_bad=True)
    await shelf.work(job)

    assert await shelf.codes() == EIGHT
    assert await shelf.packs() == in_packs
    assert (await shelf.job(job))["result"] == {
        "added": 8, "duplicates_in_file": 2, "duplicates_in_stock": 0, "duplicates_sold": 0,
        "bad": 1,
    }  # fmt: skip


@pytest.mark.parametrize("dies", [0, 1, 2])
@pytest.mark.parametrize("canceled", [False, True])
async def test_a_worker_that_dies_between_packs_is_followed_or_canceled_with_what_there_is(
    shelf: Shelf, packs_of_three: None, monkeypatch: pytest.MonkeyPatch, dies: int, canceled: bool
) -> None:
    lines = [f"c{n}" for n in range(12)]
    await shelf.fill("c11\nc1\nother")
    text = "\n".join([*lines[:6], "c2", *lines[6:], "c0"])
    job = await shelf.ask(text)
    die_after(monkeypatch, dies)
    monkeypatch.setattr(import_work, "STEP", 5)
    with pytest.raises(asyncio.CancelledError):
        await shelf.work(job)
    if canceled:
        await shelf.cancel(job)

    await shelf.work(job)

    row = await shelf.job(job)
    added = [[], ["c0", "c2", "c3", "c4"], ["c0", "c2", "c3", "c4", "c5", "c6", "c7", "c8"]][dies]
    if not canceled:
        added = [line for line in lines if line not in ("c1", "c11")]
    assert row["state"] == ("canceled" if canceled else "done")
    assert row["result"]["added"] == len(added)
    assert await shelf.codes() == ["c11", "c1", "other", *added]
    assert len(await shelf.packs()) == 1 + (dies if canceled else 2)
    assert stored_files(shelf) == []


async def test_two_workers_at_once_pack_every_code_once(
    shelf: Shelf, packs_of_three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "STEP", 7)
    lines = [f"c{n}" for n in range(50)]
    job = await shelf.ask("\n".join(lines))

    await asyncio.gather(shelf.work(job), shelf.work(job), shelf.work(job))

    row = await shelf.job(job)
    assert (row["state"], row["done"], row["result"]["added"]) == ("done", 50, 50)
    assert await shelf.codes() == lines


async def test_codes_of_which_the_file_tells_something_have_rows(
    shelf: Shelf, packs_of_three: None
) -> None:
    content = b"code,note\nA-1,first\nA-2,\nA-3,\nA-4,\n"

    job = await codes_import(
        shelf.installation, shelf.shop, shelf.variant,
        upload_id=await an_upload(shelf, content), idempotency_key="told-1234",
    )  # fmt: skip
    await shelf.work(job)

    assert await shelf.codes() == ["A-1", "A-2", "A-3", "A-4"]
    assert await shelf.packs() == []
    async with database.transaction(shelf.shop) as tx:
        rows = await tx.rows("select note from codes order by position")
    assert [row["note"] for row in rows] == ["first", "", "", ""]


async def test_codes_of_any_script_survive_a_pack_and_its_opening(
    shelf: Shelf, packs_of_three: None
) -> None:
    texts = ["login: b\npass: 2", 'say "no" \\ x', "卡密🔑"]
    out = BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet().write_column(0, 0, texts)
    job = await codes_import(
        shelf.installation, shelf.shop, shelf.variant,
        upload_id=await an_upload(shelf, out.getvalue()), idempotency_key="odd-12345",
    )  # fmt: skip
    await shelf.work(job)

    assert (await shelf.packs(), await shelf.codes()) == ([3], texts)

    code, _ = (await shelf.rows())[1]
    async with writing(shelf.installation, shelf.shop) as tx:
        await packs.open_with(tx, shelf.shop, [code])
    assert (await shelf.packs(), await shelf.codes()) == ([], texts)
    again = await shelf.fill("卡密🔑")
    assert (await shelf.job(again))["result"]["duplicates_in_stock"] == 1
