import io
import struct
import zlib

import pytest
from PIL import Image

from keystall.platform.pictures import (
    MAX_PIXELS,
    NotAPicture,
    PictureBroken,
    PictureError,
    PictureTooLarge,
    reencode,
)

RED, BLUE = (220, 20, 30), (20, 30, 220)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def halves(width: int, height: int) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def is_near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 24 for a, b in zip(pixel[:3], colour, strict=True))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_every_kind_becomes_webp_of_the_same_picture(kind: str) -> None:
    picture = await reencode(encoded(halves(64, 40), kind))

    shown = decoded(picture.webp)
    assert (shown.format, shown.size) == ("WEBP", (64, 40))
    assert (picture.width, picture.height) == (64, 40)
    assert is_near(shown.getpixel((8, 20)), RED)
    assert is_near(shown.getpixel((56, 20)), BLUE)


async def test_large_pictures_shrink_and_keep_their_shape() -> None:
    picture = await reencode(encoded(halves(3200, 2000), "JPEG"))

    assert (picture.width, picture.height) == (1600, 1000)
    assert (picture.thumbnail_width, picture.thumbnail_height) == (480, 300)
    assert decoded(picture.webp).size == (1600, 1000)
    assert decoded(picture.thumbnail).size == (480, 300)


async def test_small_pictures_are_not_enlarged() -> None:
    picture = await reencode(encoded(halves(30, 20), "PNG"))

    assert (picture.width, picture.height) == (30, 20)
    assert (picture.thumbnail_width, picture.thumbnail_height) == (30, 20)


async def test_the_same_upload_gives_the_same_bytes() -> None:
    upload = encoded(halves(900, 700), "JPEG")

    assert await reencode(upload) == await reencode(upload)


async def test_metadata_is_gone_and_the_picture_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn a quarter clockwise to see it upright
    exif[0x010F] = "SecretPhone"
    upload = encoded(
        halves(64, 40), "JPEG", exif=exif, icc_profile=b"SecretProfile" * 20, xmp=b"SecretXmp"
    )
    assert b"SecretPhone" in upload
    assert b"SecretProfile" in upload

    picture = await reencode(upload)

    shown = decoded(picture.webp)
    assert shown.size == (40, 64)
    assert is_near(shown.getpixel((20, 8)), RED)
    assert is_near(shown.getpixel((20, 56)), BLUE)
    assert dict(shown.getexif()) == {}
    assert b"Secret" not in picture.webp + picture.thumbnail
    assert b"ICCP" not in picture.webp
    assert b"XMP " not in picture.webp


async def test_what_hangs_behind_a_picture_is_gone() -> None:
    picture = await reencode(encoded(halves(8, 8), "PNG") + b"PK\x03\x04<script>")

    assert b"<script>" not in picture.webp


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
async def test_transparency_stays(mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0)).convert(mode)

    picture = await reencode(encoded(image, "PNG"))

    shown = decoded(picture.webp)
    assert shown.mode == "RGBA"
    assert shown.getchannel("A").getextrema() == (0, 0)


async def test_sixteen_bit_greys_keep_their_tone() -> None:
    image = Image.new("I;16", (20, 20), 128 * 257)

    picture = await reencode(encoded(image, "PNG"))

    assert is_near(decoded(picture.webp).getpixel((5, 5)), (128, 128, 128))


async def test_of_a_moving_picture_the_first_frame_stays() -> None:
    first, second = Image.new("RGB", (20, 20), RED), Image.new("RGB", (20, 20), BLUE)

    picture = await reencode(encoded(first, "GIF", save_all=True, append_images=[second]))

    shown = decoded(picture.webp)
    assert getattr(shown, "n_frames", 1) == 1
    assert is_near(shown.getpixel((5, 5)), RED)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


async def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PictureTooLarge):
        await reencode(bomb(100_000, 100_000))
    with pytest.raises(PictureTooLarge):
        await reencode(bomb(MAX_PIXELS + 1, 1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
async def test_a_truncated_file_is_broken(kind: str, share: float) -> None:
    noisy = Image.effect_noise((200, 200), 90).convert("RGB")
    whole = encoded(noisy, kind)

    with pytest.raises(PictureBroken):
        await reencode(whole[: int(len(whole) * share)])


@pytest.mark.parametrize(
    "upload",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        encoded(halves(8, 8), "BMP"),
        encoded(halves(8, 8), "TIFF"),
        encoded(halves(8, 8), "ICO"),
    ],
)
async def test_other_kinds_of_file_are_not_pictures(upload: bytes) -> None:
    with pytest.raises(NotAPicture):
        await reencode(upload)


@pytest.mark.parametrize("position", range(8, 120, 7))
async def test_a_damaged_file_is_a_picture_error_or_a_picture(position: int) -> None:
    upload = bytearray(encoded(halves(64, 40), "GIF"))
    upload[position % len(upload)] ^= 0xFF

    try:
        picture = await reencode(bytes(upload))
    except PictureError:
        return
    assert decoded(picture.webp).size == (picture.width, picture.height)
