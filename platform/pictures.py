"""Pictures people upload, made safe to show: decoded, turned upright, and written anew as WebP.

What comes out was written by us: no EXIF (a phone's position, its owner's name), no colour profile,
no trailing archive, one frame. Work is done in two threads of its own, off the event loop.
"""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keystall.platform.later import later

if TYPE_CHECKING:
    import PIL
    from PIL import Image, ImageOps
else:
    PIL, Image, ImageOps = later("PIL"), later("PIL.Image"), later("PIL.ImageOps")

MAX_SIDE = 1600
THUMBNAIL_SIDE = 480
MAX_PIXELS = 50_000_000
"""A phone's largest; decoded it takes 200 MB, the most that one upload may cost."""
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_QUALITY = 82
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pictures")


class PictureError(ValueError):
    """An upload that cannot become a picture; the class is the reason."""


class NotAPicture(PictureError):
    """Not a PNG, JPEG, WebP or GIF."""


class PictureTooLarge(PictureError):
    """More than `MAX_PIXELS` once decoded."""


class PictureBroken(PictureError):
    """Begins like a picture and is cut off or damaged."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A WebP of at most 1600 px a side and a thumbnail of at most 480; sizes in pixels."""

    webp: bytes
    width: int
    height: int
    thumbnail: bytes
    thumbnail_width: int
    thumbnail_height: int


async def reencode(data: bytes) -> Picture:
    """`data` as a safe picture, never enlarged, its transparency kept.

    Raises `NotAPicture`, `PictureTooLarge` or `PictureBroken`, all `PictureError`.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _reencode, data)


def _reencode(data: bytes) -> Picture:
    # Pillow's own limit warns where ours refuses, and is a global that others' warnings depend on.
    Image.MAX_IMAGE_PIXELS = None
    try:
        opened = Image.open(io.BytesIO(data), formats=_FORMATS)
    except PIL.UnidentifiedImageError:
        raise NotAPicture from None
    except Exception as error:
        # Pillow's parsers raise nearly anything over damaged headers.
        raise PictureBroken from error
    with opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise PictureTooLarge
        try:
            full = _upright(opened)
        except Exception as error:
            raise PictureBroken from error
    full.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    small = full.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return Picture(_webp(full), *full.size, _webp(small), *small.size)


def _upright(opened: "Image.Image") -> "Image.Image":
    # JPEGs decode straight to a smaller size: a quarter of the memory for a phone's picture.
    opened.draft("RGB", (2 * MAX_SIDE, 2 * MAX_SIDE))
    opened.load()
    turned = ImageOps.exif_transpose(opened)
    if turned.mode in {"I;16", "I;16B", "I;16L", "I"}:
        # Pillow cuts 16-bit greys off at 255 instead of scaling them.
        turned = turned.convert("I").point(lambda level: level / 257).convert("L")
    plain = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    # The WebP writer would copy profile and XMP from here.
    plain.info.clear()
    return plain


def _webp(image: "Image.Image") -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()
