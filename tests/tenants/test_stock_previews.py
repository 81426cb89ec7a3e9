"""What an import would do, told without doing it."""

from pathlib import Path

import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.installation import Installation
from keystall.tenants.stock.allocation import Wanted, reserve, sell
from keystall.tenants.stock.card_files import BadLine, Duplicate, LineProblem
from keystall.tenants.stock.previews import CodesPreview, codes_preview
from keystall.tenants.stock.uploads import codes_content
from tests.tenants.shelves import Shelf, a_shelf, an_order_line, an_upload

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
async def shelf(installation: Installation) -> Shelf:
    return await a_shelf(installation)


async def preview(shelf: Shelf, content: bytes | str) -> CodesPreview:
    return await codes_preview(shelf.installation, shelf.shop, shelf.variant, content)


async def test_each_line_is_new_repeated_stocked_or_bad(shelf: Shelf) -> None:
    await shelf.fill("two\nsix")

    seen = await preview(shelf, "one\n\ntwo\none\nb\x00d\nsix\nseven")

    assert seen == CodesPreview(
        encoding="text",
        new=2,
        duplicates_in_file=[Duplicate(4, 1)],
        duplicates_in_file_count=1,
        duplicates_in_stock=[3, 6],
        duplicates_in_stock_count=2,
        bad=[BadLine(5, LineProblem.CONTROL_CHARACTERS)],
        bad_count=1,
    )
    assert await shelf.codes() == ["two", "six"]


async def test_sold_codes_are_found_as_well(shelf: Shelf) -> None:
    await shelf.fill("one")
    order, line = await an_order_line(shelf, 1)
    async with database.transaction(shelf.shop) as tx:
        await reserve(tx, shelf.shop, [Wanted(line, shelf.variant, 1)])
        await sell(tx, shelf.shop, order)

    assert (await preview(shelf, "one\ntwo")).duplicates_in_stock == [1]


async def test_an_upload_is_previewed_and_still_there(shelf: Shelf) -> None:
    content = (DATA / "codes-utf8bom-crlf.txt").read_bytes()
    upload = await an_upload(shelf, content)

    for _ in range(2):
        opened = await codes_content(shelf.installation, shelf.shop, upload)
        seen = await preview(shelf, opened)
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
        await codes_preview(shelf.installation, shelf.shop, new_id(), "one")
    assert refused.value.errors == (UserError("NOT_FOUND", ("variant_id",)),)

    with pytest.raises(Refused) as refused:
        await preview(shelf, (DATA / "cards-big5.txt").read_bytes())
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
