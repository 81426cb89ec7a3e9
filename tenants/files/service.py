"""Taking uploads in: pictures made safe, files of codes sealed before they rest anywhere.

The bytes go to the file store first and the row follows: a row always has its file. What a crash
leaves in between is a file that no row names, never the other way round.
"""

import unicodedata
from collections.abc import AsyncIterable
from uuid import UUID

from keystall.platform import database
from keystall.platform.files import FileMissing
from keystall.platform.ids import new_id
from keystall.platform.pictures import PictureError, PictureTooLarge, reencode
from keystall.tenants.errors import refuse
from keystall.tenants.files.models import File
from keystall.tenants.files.queries import FileView, file_by_id
from keystall.tenants.installation import Installation
from keystall.tenants.stock.sealing import shop_cipher
from keystall.tenants.writing import writing

MAX_PICTURE_BYTES = 15 * 1024 * 1024
MAX_CODES_BYTES = 10 * 1024 * 1024
MAX_NAME = 200


def picture_path(shop: UUID, file: UUID, *, thumbnail: bool = False) -> str:
    """Where a picture is stored."""
    return f"{shop}/{file}{'-thumb' if thumbnail else ''}.webp"


def codes_path(shop: UUID, file: UUID) -> str:
    """Where a sealed file of codes is stored."""
    return f"{shop}/{file}.sealed"


async def picture_upload(
    installation: Installation, shop: UUID, name: str, chunks: AsyncIterable[bytes]
) -> FileView:
    """Keeps a picture of the shop, written anew as WebP with a thumbnail.

    Refuses at `file` REQUIRED (empty), FILE_TOO_LARGE, PICTURE_TOO_LARGE (too many pixels) and
    PICTURE_INVALID (no picture, or a broken one).
    """
    data = await _read(chunks, MAX_PICTURE_BYTES)
    try:
        picture = await reencode(data)
    except PictureTooLarge:
        raise refuse("PICTURE_TOO_LARGE", "file") from None
    except PictureError:
        raise refuse("PICTURE_INVALID", "file") from None
    file = new_id()
    await installation.files.put(picture_path(shop, file), picture.webp)
    await installation.files.put(picture_path(shop, file, thumbnail=True), picture.thumbnail)
    row = File(
        id=file, shop_id=shop, kind="picture", name=_shown(name), media_type="image/webp",
        size=len(picture.webp), width=picture.width, height=picture.height,
    )  # fmt: skip
    return await _record(installation, row)


async def codes_upload(
    installation: Installation, shop: UUID, name: str, chunks: AsyncIterable[bytes]
) -> FileView:
    """Keeps a text file of codes, sealed with the shop's key.

    Refuses at `file` REQUIRED (empty) and FILE_TOO_LARGE.
    """
    data = await _read(chunks, MAX_CODES_BYTES)
    file = new_id()
    async with database.transaction(shop) as db:
        cipher = await shop_cipher(db, installation.keys, shop)
    await installation.files.put(codes_path(shop, file), cipher.seal_file(file, data))
    row = File(
        id=file, shop_id=shop, kind="codes", name=_shown(name), media_type="text/plain",
        size=len(data),
    )  # fmt: skip
    return await _record(installation, row)


async def codes_content(installation: Installation, shop: UUID, file: UUID) -> bytes:
    """The plain content of a file of codes: for memory alone.

    Refuses NOT_FOUND for what is no file of codes of this shop, or was discarded.
    """
    async with database.transaction(shop) as db:
        found = await file_by_id(db, shop, file)
        cipher = await shop_cipher(db, installation.keys, shop)
    if found is None or found.kind != "codes":
        raise refuse("NOT_FOUND", "upload_id")
    try:
        return cipher.open_file(file, await installation.files.get(codes_path(shop, file)))
    except FileMissing:
        raise refuse("NOT_FOUND", "upload_id") from None


async def codes_discard(installation: Installation, shop: UUID, file: UUID) -> None:
    """Removes a file of codes once it was imported; one that is gone is no matter."""
    async with writing(installation, shop):
        gone = await File.filter(shop_id=shop, id=file, kind="codes").delete()
    if gone:
        await installation.files.delete(codes_path(shop, file))


async def _record(installation: Installation, row: File) -> FileView:
    async with writing(installation, row.shop_id) as tx:
        await row.save(force_create=True)
        found = await file_by_id(tx, row.shop_id, row.id)
    if found is None:
        raise LookupError("an upload vanished from the transaction that recorded it")
    return found


async def _read(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    # What is too large is refused at the first byte too many, not after all of it.
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise refuse("FILE_TOO_LARGE", "file", limit=limit)
    if not data:
        raise refuse("REQUIRED", "file")
    return bytes(data)


def _shown(name: str) -> str:
    # Shown to the merchant, never used as a path: the last part, without what cannot be stored.
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    return plain.strip()[:MAX_NAME] or "file"
