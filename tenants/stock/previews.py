"""What an import would do, told before it is asked for; nothing is written."""

import asyncio
import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Reads
from keystall.tenants.errors import refuse
from keystall.tenants.installation import Installation
from keystall.tenants.stock.card_files import (
    BadLine,
    Duplicate,
    ParsedCode,
    ParsedFile,
    UndecidableEncoding,
    parse_file,
    parse_text,
)
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher
from keystall.tenants.stock.uploads import MAX_CODES_BYTES

MAX_LINES = 200_000
SHOWN_LINES = 100
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CodesPreview:
    """How many lines would be added, and which would not: the first 100 of each kind, all counted.

    `duplicates_in_stock` are line numbers; `encoding` as in `ParsedFile`.
    """

    encoding: str
    new: int
    duplicates_in_file: Sequence[Duplicate]
    duplicates_in_file_count: int
    duplicates_in_stock: Sequence[int]
    duplicates_in_stock_count: int
    bad: Sequence[BadLine]
    bad_count: int


async def codes_preview(
    installation: Installation, shop: UUID, variant_id: UUID, content: bytes | str
) -> CodesPreview:
    """What importing `content` into the variant would do: a file's bytes, or pasted text.

    The bytes of an upload are those that `uploads.codes_content` answers.
    Refuses NOT_FOUND (variant), TOO_LONG (10 MiB), TOO_MANY (200,000 lines), ENCODING_UNKNOWN.
    """
    async with database.transaction(shop) as tx:
        await require_variant(tx, shop, variant_id)
        cipher = await shop_cipher(tx, installation.keys, shop)
    parsed = await parse_codes(content)
    lookups = await asyncio.to_thread(_lookups, cipher, variant_id, parsed.codes)
    async with database.transaction(shop) as tx:
        stocked = await tx.rows(
            "select distinct given.n from unnest($3::bytea[], $4::bigint[]) as given (lookup, n)"
            " join codes on shop_id = $1 and variant_id = $2 and codes.lookup = given.lookup"
            " order by given.n",
            shop, variant_id, [lookup for lookup, _ in lookups], [n for _, n in lookups],
        )  # fmt: skip
    return CodesPreview(
        encoding=parsed.encoding,
        new=len(parsed.codes) - len(stocked),
        duplicates_in_file=parsed.duplicates[:SHOWN_LINES],
        duplicates_in_file_count=len(parsed.duplicates),
        duplicates_in_stock=[parsed.codes[row["n"] - 1].line for row in stocked[:SHOWN_LINES]],
        duplicates_in_stock_count=len(stocked),
        bad=parsed.bad[:SHOWN_LINES],
        bad_count=len(parsed.bad),
    )


async def require_variant(db: Reads, shop: UUID, variant_id: UUID) -> None:
    """Refuses NOT_FOUND where the shop has no such variant."""
    known = await db.value(
        "select exists (select from variants where shop_id = $1 and id = $2)", shop, variant_id
    )
    if not known:
        raise refuse("NOT_FOUND", "variant_id")


async def parse_codes(content: bytes | str) -> ParsedFile:
    """The codes in a file's bytes or in pasted text, parsed beside the event loop.

    Refuses TOO_LONG, TOO_MANY, ENCODING_UNKNOWN, at the input field the content came by.
    """
    field = "text" if isinstance(content, str) else "upload_id"
    if len(content) > MAX_CODES_BYTES:
        raise refuse("TOO_LONG", field, limit=MAX_CODES_BYTES)
    if _line_ends(content) > MAX_LINES:
        raise refuse("TOO_MANY", field, limit=MAX_LINES)
    try:
        return await asyncio.to_thread(_parse, content)
    except UndecidableEncoding:
        raise refuse("ENCODING_UNKNOWN", field) from None


def storable(text: str) -> str:
    """Pasted text as UTF-8 can hold it; a line with half a character stays as bad as it was."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def _parse(content: bytes | str) -> ParsedFile:
    return parse_text(content) if isinstance(content, str) else parse_file(content)


def _line_ends(content: bytes | str) -> int:
    if isinstance(content, str):
        return max(content.count("\n"), content.count("\r"))
    if content.startswith(codecs.BOM_UTF16_LE):
        ends = (b"\n\0", b"\r\0")
    elif content.startswith(codecs.BOM_UTF16_BE):
        ends = (b"\0\n", b"\0\r")
    else:
        ends = (b"\n", b"\r")
    return max(content.count(end) for end in ends)


def _lookups(
    cipher: ShopCipher, variant_id: UUID, codes: Sequence[ParsedCode]
) -> list[tuple[bytes, int]]:
    """Every lookup by which a code may be in stock, with the code's place, counted from 1."""
    return [
        (lookup, n)
        for n, code in enumerate(codes, start=1)
        for lookup in (
            cipher.lookup(variant_id, code.text),
            *cipher.older_lookups(variant_id, code.text),
        )
    ]
