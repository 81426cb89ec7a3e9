"""Reading what was uploaded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads


@dataclass(frozen=True, slots=True)
class FileView:
    """An upload. `size` in bytes; `width` and `height` in pixels, of pictures only."""

    id: UUID
    kind: str
    name: str
    media_type: str
    size: int
    width: int | None
    height: int | None
    created_at: datetime


_COLUMNS = "id, kind, name, media_type, size, width, height, created_at"


async def file_by_id(db: Reads, shop: UUID, file: UUID) -> FileView | None:
    """One upload of the shop."""
    row = await db.row(
        f"select {_COLUMNS} from files where shop_id = $1 and id = $2",  # noqa: S608 constant
        shop, file,
    )  # fmt: skip
    return None if row is None else FileView(**row)


async def picture(db: Reads, shop: UUID, file: UUID) -> FileView | None:
    """One picture of the shop."""
    found = await file_by_id(db, shop, file)
    return found if found is not None and found.kind == "picture" else None


async def picture_exists(db: Reads, shop: UUID, file: UUID) -> bool:
    """Whether the shop has this picture."""
    return await picture(db, shop, file) is not None
