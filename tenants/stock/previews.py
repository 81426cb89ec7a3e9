"""What an import would do, told before it is asked for; nothing is written.

A small file is told of whole. Of a large one the format and the first lines are told at once; its
lines are counted by a worker, in an import that is only tried (`imports.codes_import`, `dry_run`).
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Reads
from keystall.platform.files import FileMissing
from keystall.tenants.errors import refuse
from keystall.tenants.installation import Installation
from keystall.tenants.stock.card_files import (
    BadLine,
    Duplicate,
    ParsedCode,
    ParsedFile,
    TooManyLines,
    UndecidableEncoding,
    cards,
    parse_file,
    parse_text,
    survey,
)
from keystall.tenants.stock.card_formats import CardFormat
from keystall.tenants.stock.insertion import stocked
from keystall.tenants.stock.masking import mask
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher
from keystall.tenants.stock.steps import NewCodes
from keystall.tenants.stock.uploads import Upload, codes_content, find_upload, open_codes

MAX_TEXT = 10 * 1024 * 1024
"""Characters of a pasted text."""
AT_ONCE = 1024 * 1024
"""Bytes of a file that is counted at once, while somebody waits."""
SHOWN_LINES = 100
SAMPLE_LINES = 5
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One of the first codes, masked, with what the file tells of it."""

    line: int
    masked: str
    note: str = ""
    expires_at: datetime | None = None
    preview: str = ""


@dataclass(frozen=True, slots=True)
class CodesPreview:
    """How many lines would be added, and which would not: the first 100 of each kind, all counted.

    `duplicates_in_stock` and `duplicates_sold` are line numbers. `counted` is false of a file so
    large that only its format and first lines were looked at: its counts are then zero. `lines` are
    all lines of the file.
    """

    format: CardFormat
    counted: bool
    lines: int
    sample: Sequence[SampleLine]
    new: int = 0
    duplicates_in_file: Sequence[Duplicate] = ()
    duplicates_in_file_count: int = 0
    duplicates_in_stock: Sequence[int] = ()
    duplicates_in_stock_count: int = 0
    duplicates_sold: Sequence[int] = ()
    duplicates_sold_count: int = 0
    bad: Sequence[BadLine] = ()
    bad_count: int = 0

    @property
    def encoding(self) -> str:
        return self.format.encoding


async def codes_preview(
    installation: Installation,
    shop: UUID,
    variant_id: UUID,
    *,
    text: str | None = None,
    upload_id: UUID | None = None,
    plain: bool = False,
) -> CodesPreview:
    """What importing a pasted text or an upload into the variant would do.

    Refuses NOT_FOUND (variant, upload), TOO_LONG, TOO_MANY, ENCODING_UNKNOWN.
    """
    async with database.transaction(shop) as tx:
        await require_variant(tx, shop, variant_id)
        cipher = await shop_cipher(tx, installation.keys, shop)
    if upload_id is not None:
        upload = await find_upload(installation, shop, upload_id)
        if upload.size > AT_ONCE:
            return await _glanced_at(installation, upload, plain)
    parsed = await parse_codes(installation, shop, text=text, upload_id=upload_id, plain=plain)
    codes = await asyncio.to_thread(_looked_up, cipher, variant_id, parsed.codes)
    async with database.transaction(shop) as tx:
        known = await stocked(tx, shop, variant_id, cipher, codes)
    sold = sorted(line for line, state in known.items() if state == "sold")
    here = sorted(line for line, state in known.items() if state != "sold")
    return CodesPreview(
        format=parsed.format,
        counted=True,
        lines=len(parsed.codes) + len(parsed.duplicates) + len(parsed.bad),
        sample=[_sample(code) for code in parsed.codes[:SAMPLE_LINES]],
        new=len(parsed.codes) - len(known),
        duplicates_in_file=parsed.duplicates[:SHOWN_LINES],
        duplicates_in_file_count=len(parsed.duplicates),
        duplicates_in_stock=here[:SHOWN_LINES],
        duplicates_in_stock_count=len(here),
        duplicates_sold=sold[:SHOWN_LINES],
        duplicates_sold_count=len(sold),
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


async def parse_codes(
    installation: Installation,
    shop: UUID,
    *,
    text: str | None = None,
    upload_id: UUID | None = None,
    plain: bool = False,
) -> ParsedFile:
    """The codes in a pasted text or a small upload, parsed beside the event loop.

    Refuses NOT_FOUND, TOO_LONG, TOO_MANY, ENCODING_UNKNOWN, at the field the content came by.
    """
    field = "text" if upload_id is None else "upload_id"
    try:
        if upload_id is not None:
            upload = await find_upload(installation, shop, upload_id)
            data = await codes_content(installation, shop, upload_id)
            return await asyncio.to_thread(parse_file, data, sheet=upload.sheet, plain=plain)
        if len(text or "") > MAX_TEXT:
            raise refuse("TOO_LONG", field, limit=MAX_TEXT)
        return await asyncio.to_thread(parse_text, text or "", plain=plain)
    except TooManyLines as error:
        raise refuse("TOO_MANY", field, limit=error.limit) from None
    except UndecidableEncoding:
        raise refuse("ENCODING_UNKNOWN", field) from None


def storable(text: str) -> str:
    """Pasted text as UTF-8 can hold it; a line with half a character stays as bad as it was."""
    return _LONE_SURROGATE.sub("\ufffd", text)


async def _glanced_at(installation: Installation, upload: Upload, plain: bool) -> CodesPreview:
    def glance(content: Iterator[bytes], again: Iterator[bytes]) -> CodesPreview:
        found = survey(content, sheet=upload.sheet, plain=plain)
        codes = (one for one in cards(again, found) if isinstance(one, ParsedCode))
        sample = [_sample(code) for code in islice(codes, SAMPLE_LINES)]
        return CodesPreview(found.format, counted=False, lines=found.lines, sample=sample)

    try:
        opened = [await open_codes(installation, upload.shop, upload.file) for _ in range(2)]
        return await asyncio.to_thread(glance, *opened)
    except FileMissing:
        raise refuse("NOT_FOUND", "upload_id") from None
    except TooManyLines as error:
        raise refuse("TOO_MANY", "upload_id", limit=error.limit) from None
    except UndecidableEncoding:
        raise refuse("ENCODING_UNKNOWN", "upload_id") from None


def _sample(code: ParsedCode) -> SampleLine:
    if code.facts is None:
        return SampleLine(code.line, mask(code.text))
    facts = code.facts
    return SampleLine(code.line, mask(code.text), facts.note, facts.expires_at, facts.preview)


def _looked_up(cipher: ShopCipher, variant_id: UUID, codes: Sequence[ParsedCode]) -> NewCodes:
    texts = [code.text.encode() for code in codes]
    lookups = list(map(cipher.for_import(variant_id).lookup, texts))
    return NewCodes([code.line for code in codes], texts, lookups)
