"""Code files on their way into stock.

An upload waits as a row of `files` (kind "codes") until an import takes it over, once: then the row
goes, and the sealed file is the import's own until it ends. What is stored opens only with the
shop's key and at its own place.
"""

import asyncio
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.tenants.errors import refuse
from keystall.tenants.files.service import codes_path
from keystall.tenants.installation import Installation
from keystall.tenants.stock.sealing import ShopCipher


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
    """The plain content of a file taken over. Raises FileMissing, Unreadable."""
    sealed = await installation.files.get(codes_path(shop, file))
    return await asyncio.to_thread(cipher.open_file, file, sealed)


async def drop_codes(installation: Installation, shop: UUID, file: UUID) -> None:
    """Removes a file taken over; one that is not there is gone already."""
    await installation.files.delete(codes_path(shop, file))
