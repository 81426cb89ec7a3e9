"""What an import would do, told without doing it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.installation import Installation
from keystall.tenants.stock import card_files
from keystall.tenants.stock.allocation import Wanted, reserve, sell
from keystall.tenants.stock.card_files import BadLine, Duplicate, LineProblem
from keystall.tenants.stock.card_formats import CardFormat
from keystall.tenants.stock.previews import AT_ONCE, CodesPreview, SampleLine, codes_preview
from keystall.tenants.stock.uploads import codes_content
from keystall.tenants.writing import writing
from tests.tenants.shelves import Shelf, a_shelf, an_order_line, an_upload

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
async def shelf(installation: Installation) -> Shelf:
    return await a_shelf(installation)


async def preview(shelf: Shelf, content: bytes | str) -> CodesPreview:
    if isinstance(content, str):
        return await codes_preview(shelf.installation, shelf.shop, shelf.variant, text=content)
    upload = await an_upload(shelf, content)
    return await codes_preview(shelf.installation, shelf.shop, shelf.variant, upload_id=upload)


async def test_each_line_is_new_repeated_stocked_or_bad(shelf: Shelf) -> None:
    await shelf.fill("two\nsix")

    seen = await preview(shelf, "one\n\ntwo\none\nb\x00d\nsix\nseven")

    assert seen == CodesPreview(
        format=CardFormat("text", "text"),
        counted=True,
        lines=6,
        sample=[SampleLine(line, "••••••") for line in (1, 3, 6, 7)],
        new=2,
        duplicates_in_file=[Duplicate(4, 1)],
        duplicates_in_file_count=1,
        duplicates_in_stock=[3, 6],
        duplicates_in_stock_count=2,
        duplicates_sold=[],
        bad=[BadLine(5, LineProblem.CONTROL_CHARACTERS)],
        bad_count=1,
    )
    assert await shelf.codes() == ["two", "six"]


async def test_sold_codes_are_found_as_well(shelf: Shelf) -> None:
    await shelf.fill("one")
    order, line = await an_order_line(shelf, 1)
    async with writing(shelf.installation, shelf.shop) as tx:
        await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 1)])
        await sell(tx, shelf.shop, order)

    seen = await preview(shelf, "one\ntwo")
    assert (seen.duplicates_sold, seen.duplicates_sold_count) == ([1], 1)
    assert (seen.duplicates_in_stock, seen.new) == ([], 1)


async def test_an_upload_is_previewed_and_still_there(shelf: Shelf) -> None:
    content = (DATA / "codes-utf8bom-crlf.txt").read_bytes()
    upload = await an_upload(shelf, content)

    for _ in range(2):
        seen = await codes_preview(shelf.installation, shelf.shop, shelf.variant, upload_id=upload)
        assert (seen.encoding, seen.new, seen.duplicates_in_file_count) == ("utf-8", 1_000, 7)


async def test_the_first_hundred_of_a_kind_are_shown_and_all_are_counted(shelf: Shelf) -> None:
    stocked = "\n".join(f"CODE-{n}" for n in range(150))
    await shelf.fill(stocked)

    seen = await preview(shelf, f"{stocked}\n{stocked}\n" + "\x00bad\n" * 150)

    assert seen.new == 0
    assert seen.duplicates_in_stock == list(range(1, 101))
    assert [line.line for line in seen.duplicates_in_file] == list(range(151, 251))
    assert [line.line for line in seen.bad] == list(range(301, 401))
    counts = (seen.duplicates_in_stock_count, seen.duplicates_in_file_count, seen.bad_count)
    assert counts == (150, 150, 150)


async def test_missing_variants_and_unreadable_files_are_refused(shelf: Shelf) -> None:
    with pytest.raises(Refused) as refused:
        await codes_preview(shelf.installation, shelf.shop, new_id(), text="one")
    assert refused.value.errors == (UserError("NOT_FOUND", ("variant_id",)),)

    with pytest.raises(Refused) as refused:
        await preview(shelf, "会員カード".encode("shift_jis"))
    assert refused.value.errors == (UserError("ENCODING_UNKNOWN", ("upload_id",)),)


async def test_another_shop_neither_reads_an_upload_nor_learns_of_stock(
    installation: Installation, shelf: Shelf
) -> None:
    other = await a_shelf(installation)
    await other.fill("one")
    upload = await an_upload(other, b"one")

    with pytest.raises(Refused) as refused:
        await codes_content(installation, shelf.shop, upload)

    assert refused.value.errors == (UserError("NOT_FOUND", ("upload_id",)),)
    assert (await preview(shelf, "one")).new == 1


@pytest.mark.parametrize("bom", ["utf-16-le", "utf-16-be"])
async def test_utf16_lines_are_counted_as_characters(shelf: Shelf, bom: str) -> None:
    # 上 is 0x4E0A: its lower byte is a line feed's.
    content = "\ufeff上上\n" * 3

    assert (await preview(shelf, content.encode(bom))).duplicates_in_file_count == 2


async def test_the_first_codes_are_shown_masked_with_what_the_file_tells_of_them(
    shelf: Shelf,
) -> None:
    seen = await preview(shelf, (DATA / "keys.csv").read_bytes())

    assert (seen.format.kind, seen.format.separator, seen.new) == ("csv", ",", 600)
    assert len(seen.sample) == 5
    assert seen.sample[1] == SampleLine(
        4, "RX••••••8X", "批次 0, 第1张", datetime(2028, 1, 1, tzinfo=UTC)
    )


async def test_of_a_large_file_the_format_is_told_and_its_lines_are_left_to_a_worker(
    shelf: Shelf,
) -> None:
    content = "\n".join(f"CODE-{n:040d}" for n in range(30_000)).encode()

    seen = await preview(shelf, content)

    assert len(content) > AT_ONCE
    assert (seen.counted, seen.lines, seen.new) == (False, 30_000, 0)
    assert [line.line for line in seen.sample] == [1, 2, 3, 4, 5]


async def test_a_file_of_too_many_lines_is_refused_by_name(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_files, "MAX_LINES", 3)

    with pytest.raises(Refused) as refused:
        await preview(shelf, b"1\n2\n3\n4\n")

    assert refused.value.errors == (UserError("TOO_MANY", ("upload_id",), {"limit": 3}),)
