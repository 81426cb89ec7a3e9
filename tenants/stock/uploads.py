"""Code files on their way into stock.

An upload waits as a row of `files` (kind "codes") until an import takes it over, once: then the row
goes, and the sealed file is the import's own until it ends. It is sealed as it comes and opened in
pieces, so that a million codes need no more memory than a thousand; what is stored opens only with
the shop's key and at its own place. A spreadsheet is kept as the text that was read out of it.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Transaction
from keystall.platform.files import FileMissing, FileStore, FileTooLarge
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.files.models import File
from keystall.tenants.files.queries import FileView, file_by_id
from keystall.tenants.files.service import record, shown_name
from keystall.tenants.files.staging import MAX_CODES_BYTES
from keystall.tenants.installation import Installation
from keystall.tenants.stock.sealing import ShopCipher, sealed_version, shop_cipher
from keystall.tenants.stock.spreadsheets import (
    MAX_SPREADSHEET_BYTES,
    is_spreadsheet,
    spreadsheet_rows,
)
from keystall.tenants.writing import writing

TEXT = "text/plain"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_PIECE = 4 * 1024
"""Bytes that a reader has at once: two hundred lines, less than a millisecond's work."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of codes of a shop. `size` in bytes, of the text in it; `sheet`: a spreadsheet's."""

    shop: UUID
    file: UUID
    size: int
    sheet: bool


def codes_path(shop: UUID, file: UUID) -> str:
    """Where a sealed file of codes is stored."""
    return f"{shop}/{file}.sealed"


async def codes_upload(
    installation: Installation,
    shop: UUID,
    name: str,
    chunks: AsyncIterable[bytes],
    *,
    file: UUID | None = None,
) -> FileView:
    """Keeps a text file or spreadsheet of codes, sealed with the shop's key, under the new id
    `file` where it was given out already.

    Refuses at `file` REQUIRED (empty), FILE_TOO_LARGE, SPREADSHEET_INVALID and
    SPREADSHEET_TOO_LARGE; nothing is kept then.
    """
    file = file or new_id()
    cipher = await _cipher(installation, shop)
    coming = _Coming(chunks)
    start = await coming.start()
    sheet = is_spreadsheet(start)
    text: AsyncIterator[bytes] = coming.text()
    if sheet:
        text = coming.counted(
            spreadsheet_rows(await coming.whole(MAX_SPREADSHEET_BYTES), limit=MAX_CODES_BYTES)
        )
    path = codes_path(shop, file)
    try:
        await installation.files.put_stream(path, cipher.seal_file(file, text), 2 * MAX_CODES_BYTES)
    except FileTooLarge:
        raise refuse("FILE_TOO_LARGE", "file", limit=MAX_CODES_BYTES) from None
    except Exception:
        if coming.refused is not None:  # the store may have its own word for it
            raise coming.refused from None
        raise
    row = File(
        id=file, shop_id=shop, kind="codes", name=shown_name(name),
        media_type=SHEET if sheet else TEXT, size=coming.size,
    )  # fmt: skip
    while True:
        async with writing(installation, shop) as tx:
            newest = await shop_cipher(tx, installation.keys, shop)
            if newest.version == cipher.version:
                return await record(tx, row)
        # The keys rotated while the file was on its way; what was sealed then is known here alone.
        await reseal_codes(installation.files, shop, file, cipher, newest)
        cipher = newest


class _Coming:
    """An upload as it comes; `size` are the bytes of text that came so far."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self._start = b""
        self.size = 0
        self.refused: Refused | None = None

    async def start(self) -> bytes:
        """Its first bytes. Refuses REQUIRED where there are none."""
        while len(self._start) < 4 and (chunk := await anext(self._chunks, None)) is not None:
            self._start += chunk
        if not self._start:
            raise refuse("REQUIRED", "file")
        return self._start

    async def text(self) -> AsyncIterator[bytes]:
        """All of it. What is too large is refused at the first byte too many."""
        async for piece in self.counted(self._all()):
            if self.size > MAX_CODES_BYTES:
                self.refused = refuse("FILE_TOO_LARGE", "file", limit=MAX_CODES_BYTES)
                raise self.refused
            yield piece

    async def whole(self, limit: int) -> bytes:
        """All of it at once. Refuses FILE_TOO_LARGE."""
        data = bytearray()
        async for piece in self._all():
            data += piece
            if len(data) > limit:
                raise refuse("FILE_TOO_LARGE", "file", limit=limit)
        return bytes(data)

    async def counted(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """`pieces`, their length noted, and why they end where they are refused."""
        try:
            async for piece in pieces:
                self.size += len(piece)
                yield piece
        except Refused as refused:
            self.refused = refused
            raise

    async def _all(self) -> AsyncIterator[bytes]:
        yield self._start
        async for chunk in self._chunks:
            yield chunk


async def find_upload(installation: Installation, shop: UUID, file: UUID) -> Upload:
    """An upload that waits. Refuses NOT_FOUND for what is no file of codes of this shop."""
    async with database.transaction(shop) as db:
        found = await file_by_id(db, shop, file)
    if found is None or found.kind != "codes":
        raise refuse("NOT_FOUND", "upload_id")
    return Upload(shop, file, found.size, found.media_type == SHEET)


async def codes_content(installation: Installation, shop: UUID, file: UUID) -> bytes:
    """The plain content of an upload that is small, whole: for memory alone.

    Refuses NOT_FOUND for what is no file of codes of this shop, or was discarded.
    """
    await find_upload(installation, shop, file)
    try:
        return await asyncio.to_thread(b"".join, await open_codes(installation, shop, file))
    except FileMissing:
        raise refuse("NOT_FOUND", "upload_id") from None


async def codes_discard(installation: Installation, shop: UUID, file: UUID) -> None:
    """Removes a file of codes once it was imported; one that is gone is no matter."""
    async with writing(installation, shop):
        gone = await File.filter(shop_id=shop, id=file, kind="codes").delete()
    if gone:
        await installation.files.delete(codes_path(shop, file))


async def take_codes(tx: Transaction, shop: UUID, upload: UUID) -> None:
    """Makes the upload the caller's own: nobody else can use it. Refuses NOT_FOUND."""
    taken = await tx.execute(
        "delete from files where shop_id = $1 and id = $2 and kind = 'codes'", shop, upload
    )
    if not taken:
        raise refuse("NOT_FOUND", "upload_id")


async def open_codes(installation: Installation, shop: UUID, file: UUID) -> Iterator[bytes]:
    """The plain content of a file in small pieces, for a thread that may wait; for memory alone.
    Raises FileMissing, and Unreadable as it is read."""
    path = codes_path(shop, file)
    pieces = installation.files.pieces(path)
    start = await asyncio.to_thread(next, pieces)
    cipher = await _cipher(installation, shop)
    if cipher.has(sealed_version(start)):
        pieces = chain([start], pieces)
    else:  # The keys rotated between the two: what lies there now has the newest key.
        pieces = installation.files.pieces(path)
    return _cut(cipher.open_file(file, pieces))


def _cut(content: Iterator[bytes]) -> Iterator[bytes]:
    for frame in content:
        for start in range(0, len(frame), _PIECE):
            yield frame[start : start + _PIECE]


async def stored_version(files: FileStore, shop: UUID, file: UUID) -> int:
    """The version of the key that a file is sealed with. Raises FileMissing."""
    return sealed_version(await asyncio.to_thread(next, files.pieces(codes_path(shop, file))))


async def reseal_codes(
    files: FileStore, shop: UUID, file: UUID, older: ShopCipher, newest: ShopCipher
) -> None:
    """Seals a file of codes anew. Raises FileMissing, Unreadable."""
    opened = older.open_file(file, files.pieces(codes_path(shop, file)))

    async def content() -> AsyncIterator[bytes]:
        while (piece := await asyncio.to_thread(next, opened, None)) is not None:
            yield piece

    await files.put_stream(
        codes_path(shop, file), newest.seal_file(file, content()), 2 * MAX_CODES_BYTES
    )


async def _cipher(installation: Installation, shop: UUID) -> ShopCipher:
    async with database.transaction(shop) as tx:
        return await shop_cipher(tx, installation.keys, shop)


async def drop_codes(installation: Installation, shop: UUID, file: UUID) -> None:
    """Removes a file taken over; one that is not there is gone already."""
    await installation.files.delete(codes_path(shop, file))
