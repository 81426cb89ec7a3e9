"""Taking uploads in: pictures, made safe. (Files of codes are `stock.uploads`: they rest sealed.)

The bytes go to the file store first and the row follows: a row always has its file. What a crash
leaves in between is a file that no row names, never the other way round.
"""

import unicodedata
from collections.abc import AsyncIterable
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.platform.ids import new_id
from keystall.platform.pictures import PictureError, PictureTooLarge, reencode
from keystall.tenants.errors import refuse
from keystall.tenants.files.models import File
from keystall.tenants.files.queries import FileView, file_by_id
from keystall.tenants.installation import Installation
from keystall.tenants.writing import writing

MAX_PICTURE_BYTES = 15 * 1024 * 1024
MAX_NAME = 200


def picture_path(shop: UUID, file: UUID, *, thumbnail: bool = False) -> str:
    """Where a picture is stored."""
    return f"{shop}/{file}{'-thumb' if thumbnail else ''}.webp"


async def picture_upload(
    installation: Installation,
    shop: UUID,
    name: str,
    chunks: AsyncIterable[bytes],
    *,
    file: UUID | None = None,
) -> FileView:
    """Keeps a picture of the shop, written anew as WebP with a thumbnail, under the new id `file`
    where it was given out already.

    Refuses at `file` REQUIRED (empty), FILE_TOO_LARGE, PICTURE_TOO_LARGE (too many pixels) and
    PICTURE_INVALID (no picture, or a broken one).
    """
    data = await read_whole(chunks, MAX_PICTURE_BYTES)
    try:
        picture = await reencode(data)
    except PictureTooLarge:
        raise refuse("PICTURE_TOO_LARGE", "file") from None
    except PictureError:
        raise refuse("PICTURE_INVALID", "file") from None
    file = file or new_id()
    await installation.files.put(picture_path(shop, file), picture.webp)
    await installation.files.put(picture_path(shop, file, thumbnail=True), picture.thumbnail)
    row = File(
        id=file, shop_id=shop, kind="picture", name=shown_name(name), media_type="image/webp",
        size=len(picture.webp), width=picture.width, height=picture.height,
    )  # fmt: skip
    async with writing(installation, shop) as tx:
        return await record(tx, row)


async def record(tx: Transaction, row: File) -> FileView:
    """Writes the row of a file that is stored already."""
    await row.save(force_create=True)
    found = await file_by_id(tx, row.shop_id, row.id)
    if found is None:
        raise LookupError("an upload vanished from the transaction that recorded it")
    return found


async def read_whole(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    """An upload of `limit` bytes at most. Refuses REQUIRED and FILE_TOO_LARGE at `file`."""
    # What is too large is refused at the first byte too many, not after all of it.
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise refuse("FILE_TOO_LARGE", "file", limit=limit)
    if not data:
        raise refuse("REQUIRED", "file")
    return bytes(data)


def shown_name(name: str) -> str:
    """A file's name as it is shown: its last part, without what cannot be stored. Never a path."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    return plain.strip()[:MAX_NAME] or "file"
