import io
from uuid import UUID

import pytest
from PIL import Image

from keystall.platform import database
from keystall.platform.files import FileMissing
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.files import service
from keystall.tenants.files.queries import file_by_id, picture
from keystall.tenants.files.service import picture_path, picture_upload
from keystall.tenants.installation import Installation
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_update
from keystall.tenants.stock import uploads
from keystall.tenants.stock.uploads import (
    codes_content,
    codes_discard,
    codes_path,
    codes_upload,
)
from tests.factories import a_picture, a_shop, chunks_of

CANARY = "CANARY-7Q2X-CODE"


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[tuple[str, ...], str]]:
    return [(error.path, error.code) for error in refused.value.errors]


def a_photo(width: int, height: int) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(encoded, "JPEG")
    return encoded.getvalue()


async def count_files(shop: UUID) -> int:
    async with database.transaction(shop) as db:
        found: int = await db.value("select count(*) from files where shop_id = $1", shop)
        return found


async def test_a_picture_is_kept_anew_with_a_thumbnail(installation: Installation) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    photo = a_photo(2000, 1000)

    kept = await picture_upload(installation, shop.id, "C:\\me\\卡\x00.jpg", chunks_of(photo))

    full = await installation.files.get(picture_path(shop.id, kept.id))
    small = await installation.files.get(picture_path(shop.id, kept.id, thumbnail=True))
    assert (kept.kind, kept.name, kept.media_type) == ("picture", "卡.jpg", "image/webp")
    assert (kept.width, kept.height, kept.size) == (1600, 800, len(full))
    assert Image.open(io.BytesIO(full)).format == "WEBP"
    assert Image.open(io.BytesIO(small)).size == (480, 240)
    async with database.transaction(shop.id) as db:
        assert await picture(db, shop.id, kept.id) == kept
    async with database.transaction(other.id) as db:
        assert await picture(db, other.id, kept.id) is None
        assert await file_by_id(db, shop.id, kept.id) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "REQUIRED"),
        (b"<svg onload=alert(1)>", "PICTURE_INVALID"),
        (a_photo(100, 100)[:200], "PICTURE_INVALID"),
    ],
)
async def test_what_is_no_picture_is_refused_and_leaves_nothing(
    installation: Installation, data: bytes, expected: str
) -> None:
    shop = await a_shop(installation)

    with pytest.raises(Refused) as refused:
        await picture_upload(installation, shop.id, "x.jpg", chunks_of(data))

    assert codes(refused) == [(("file",), expected)]
    assert await count_files(shop.id) == 0


async def test_an_upload_too_large_is_refused_before_it_is_read_whole(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop(installation)
    monkeypatch.setattr(uploads, "MAX_CODES_BYTES", 2500)
    monkeypatch.setattr(service, "MAX_PICTURE_BYTES", 2500)
    for upload in (picture_upload, codes_upload):
        chunks = chunks_of(b"x" * 100_000)

        with pytest.raises(Refused) as refused:
            await upload(installation, shop.id, "big", chunks)

        assert codes(refused) == [(("file",), "FILE_TOO_LARGE")]
        assert len([chunk async for chunk in chunks]) == 97
    assert await count_files(shop.id) == 0


async def test_codes_rest_sealed_and_open_for_their_shop_alone(installation: Installation) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    content = f"{CANARY}\n".encode()
    kept = await codes_upload(installation, shop.id, "codes.txt", chunks_of(content))

    resting = await installation.files.get(codes_path(shop.id, kept.id))
    with pytest.raises(Refused) as foreign:
        await codes_content(installation, other.id, kept.id)
    assert (kept.kind, kept.name, kept.size) == ("codes", "codes.txt", len(content))
    assert CANARY.encode() not in resting
    assert await codes_content(installation, shop.id, kept.id) == content
    assert codes(foreign) == [(("upload_id",), "NOT_FOUND")]


async def test_a_picture_is_no_file_of_codes_nor_the_other_way_round(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    image = await a_picture(installation, shop)
    text = await codes_upload(installation, shop.id, "a.txt", chunks_of(b"A"))

    with pytest.raises(Refused) as as_codes:
        await codes_content(installation, shop.id, image.id)
    with pytest.raises(Refused) as as_logo:
        await shop_update(installation, shop.id, ShopChanges(logo_upload_id=text.id))
    await codes_discard(installation, shop.id, image.id)

    assert codes(as_codes) == [(("upload_id",), "NOT_FOUND")]
    assert codes(as_logo) == [(("logo_upload_id",), "NOT_FOUND")]
    assert await count_files(shop.id) == 2
    changed = await shop_update(installation, shop.id, ShopChanges(logo_upload_id=image.id))
    assert changed.logo_file_id == image.id
    assert (await shop_update(installation, shop.id, ShopChanges(logo_upload_id=None))) == shop


async def test_discarded_codes_are_gone_and_another_shop_discards_nothing(
    installation: Installation,
) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    kept = await codes_upload(installation, shop.id, "a.txt", chunks_of(b"A"))

    await codes_discard(installation, other.id, kept.id)
    assert await codes_content(installation, shop.id, kept.id) == b"A"
    await codes_discard(installation, shop.id, kept.id)
    await codes_discard(installation, shop.id, kept.id)

    with pytest.raises(Refused):
        await codes_content(installation, shop.id, kept.id)
    with pytest.raises(FileMissing):
        await installation.files.get(codes_path(shop.id, kept.id))
    with pytest.raises(Refused):
        await codes_content(installation, shop.id, new_id())
