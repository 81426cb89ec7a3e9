"""Code files on their way into stock.

An upload waits as a row of `files` (kind "codes") until an import takes it over, once: then the row
goes, and the sealed file is the import's own until it ends. What is stored opens only with the
shop's key and at its own place.
"""

import asyncio
from collections.abc import AsyncIterable
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Transaction
from keystall.platform.files import FileMissing
from keystall.platform.ids import new_id
from keystall.tenants.errors import refuse
from keystall.tenants.files.models import File
from keystall.tenants.files.queries import FileView, file_by_id
from keystall.tenants.files.service import read_whole, record, shown_name
from keystall.tenants.installation import Installation
from keystall.tenants.stock.sealing import ShopCipher, sealed_version, shop_cipher
from keystall.tenants.writing import writing

MAX_CODES_BYTES = 10 * 1024 * 1024
"""Bytes that one code file may have."""


def codes_path(shop: UUID, file: UUID) -> str:
    """Where a sealed file of codes is stored."""
    return f"{shop}/{file}.sealed"


async def codes_upload(
    installation: Installation, shop: UUID, name: str, chunks: AsyncIterable[bytes]
) -> FileView:
    """Keeps a text file of codes, sealed with the shop's key.

    Refuses at `file` REQUIRED (empty) and FILE_TOO_LARGE.
    """
    data = await read_whole(chunks, MAX_CODES_BYTES)
    file = new_id()
    row = File(
        id=file, shop_id=shop, kind="codes", name=shown_name(name), media_type="text/plain",
        size=len(data),
    )  # fmt: skip
    cipher = await _cipher(installation, shop)
    while True:
        sealed = await asyncio.to_thread(cipher.seal_file, file, data)
        await installation.files.put(codes_path(shop, file), sealed)
        async with writing(installation, shop) as tx:
            newest = await shop_cipher(tx, installation.keys, shop)
            if newest.version == cipher.version:
                return await record(tx, row)
        cipher = newest  # the keys rotated while the file was on its way


async def codes_content(installation: Installation, shop: UUID, file: UUID) -> bytes:
    """The plain content of a file of codes: for memory alone.

    Refuses NOT_FOUND for what is no file of codes of this shop, or was discarded.
    """
    async with database.transaction(shop) as db:
        found = await file_by_id(db, shop, file)
    if found is None or found.kind != "codes":
        raise refuse("NOT_FOUND", "upload_id")
    try:
        return await open_codes(installation, shop, file)
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


async def open_codes(installation: Installation, shop: UUID, file: UUID) -> bytes:
    """The plain content of a file taken over. Raises FileMissing, Unreadable."""
    sealed = await installation.files.get(codes_path(shop, file))
    cipher = await _cipher(installation, shop)
    if not cipher.has(sealed_version(sealed)):
        # The keys rotated between the two: what lies there now has the newest key.
        sealed = await installation.files.get(codes_path(shop, file))
    return await asyncio.to_thread(cipher.open_file, file, sealed)


async def _cipher(installation: Installation, shop: UUID) -> ShopCipher:
    async with database.transaction(shop) as tx:
        return await shop_cipher(tx, installation.keys, shop)


async def drop_codes(installation: Installation, shop: UUID, file: UUID) -> None:
    """Removes a file taken over; one that is not there is gone already."""
    await installation.files.delete(codes_path(shop, file))
