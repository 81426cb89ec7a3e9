"""Code files at rest: sealed with the shop's key before they reach the file store.

An upload waits as a row of `files` (kind "codes") until an import takes it over, once; pasted text
goes to its import without a row. What is stored opens only with the shop's key and at its own
place, and is gone when the import has ended.
"""

import asyncio
from uuid import UUID

from keystall.platform import database
from keystall.platform.crypto import Unreadable
from keystall.platform.database import Transaction
from keystall.platform.files import FileMissing
from keystall.platform.ids import new_id
from keystall.tenants.errors import refuse
from keystall.tenants.installation import Installation
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher

MAX_CODES_BYTES = 10 * 1024 * 1024
"""Bytes that one code file may have."""


def codes_path(shop: UUID, file: UUID) -> str:
    """Where the sealed file lies in the file store."""
    return f"{shop}/{file}.codes"


async def codes_upload(
    installation: Installation, shop: UUID, content: bytes, *, name: str
) -> UUID:
    """Keeps an uploaded code file until it is imported; answers its id. Refuses TOO_LONG."""
    async with database.transaction(shop) as tx:
        cipher = await shop_cipher(tx, installation.keys, shop)
    file = await store_codes(installation, shop, cipher, content)
    async with database.transaction(shop) as tx:
        await tx.execute(
            "insert into files (shop_id, id, kind, name, media_type, size)"
            " values ($1, $2, 'codes', $3, 'text/plain', $4)",
            shop, file, name[:200], len(content),
        )  # fmt: skip
    return file


async def store_codes(
    installation: Installation, shop: UUID, cipher: ShopCipher, content: bytes
) -> UUID:
    """Seals and stores `content`, without a row; answers the file's id. Refuses TOO_LONG."""
    if len(content) > MAX_CODES_BYTES:
        raise refuse("TOO_LONG", "text", limit=MAX_CODES_BYTES)
    file = new_id()
    sealed = await asyncio.to_thread(cipher.seal_file, file, content)
    await installation.files.put(codes_path(shop, file), sealed)
    return file


async def take_codes(tx: Transaction, shop: UUID, upload: UUID) -> None:
    """Makes the upload the caller's own: nobody else can use it. Refuses NOT_FOUND."""
    taken = await tx.execute(
        "delete from files where shop_id = $1 and id = $2 and kind = 'codes'", shop, upload
    )
    if not taken:
        raise refuse("NOT_FOUND", "upload_id")


async def open_codes(
    installation: Installation, shop: UUID, cipher: ShopCipher, file: UUID
) -> bytes:
    """The plain content. Raises FileMissing, Unreadable."""
    sealed = await installation.files.get(codes_path(shop, file))
    return await asyncio.to_thread(cipher.open_file, file, sealed)


async def uploaded_codes(installation: Installation, shop: UUID, upload: UUID) -> bytes:
    """The plain content of an upload, to be looked at in memory. Refuses NOT_FOUND."""
    async with database.transaction(shop) as tx:
        waiting = await tx.value(
            "select exists (select from files where shop_id = $1 and id = $2 and kind = 'codes')",
            shop, upload,
        )  # fmt: skip
        if not waiting:
            raise refuse("NOT_FOUND", "upload_id")
        cipher = await shop_cipher(tx, installation.keys, shop)
    try:
        return await open_codes(installation, shop, cipher, upload)
    except (FileMissing, Unreadable):
        raise refuse("NOT_FOUND", "upload_id") from None


async def drop_codes(installation: Installation, shop: UUID, file: UUID) -> None:
    """Removes the stored file; one that is not there is gone already."""
    await installation.files.delete(codes_path(shop, file))
