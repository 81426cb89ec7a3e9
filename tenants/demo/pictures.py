"""Pictures of the demo's goods: drawn, so that they are ours."""

import hashlib
import io
import math
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter

SIZE = 1200
_Draw = ImageDraw.ImageDraw


def product_picture(seed: str, motif: str, colours: tuple[str, str, str]) -> bytes:
    """A square PNG: a gradient of the first two colours, soft light, and a motif in the third."""
    dark, bright, ink = (_rgb(colour) for colour in colours)
    picture = _gradient(dark, bright)
    picture = Image.blend(picture, _glow(seed, picture, ink), 0.35)
    layer = Image.new("RGBA", (SIZE, SIZE))
    _MOTIFS[motif](ImageDraw.Draw(layer), (*ink, 235))
    shadow = layer.getchannel("A").filter(ImageFilter.GaussianBlur(28))
    picture.paste((0, 0, 0), (0, 26), shadow.point(lambda alpha: alpha // 2))
    picture.paste(layer, (0, 0), layer)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)  # it is written anew at once
    return out.getvalue()


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _gradient(dark: tuple[int, int, int], bright: tuple[int, int, int]) -> Image.Image:
    ramp = Image.linear_gradient("L").rotate(35, expand=True).resize((SIZE * 2, SIZE * 2))
    ramp = ramp.crop((SIZE // 2, SIZE // 2, SIZE + SIZE // 2, SIZE + SIZE // 2))
    whole = (SIZE, SIZE)
    return Image.composite(Image.new("RGB", whole, bright), Image.new("RGB", whole, dark), ramp)


def _glow(seed: str, base: Image.Image, ink: tuple[int, int, int]) -> Image.Image:
    digest = hashlib.sha256(seed.encode()).digest()
    # So blurred that a small one tells no less, at a sixteenth of the work.
    side = SIZE // 4
    glow = base.resize((side, side))
    draw = ImageDraw.Draw(glow)
    for index in range(5):
        x, y, r = (digest[index * 3 + k] for k in range(3))
        centre_x, centre_y, radius = x * side / 255, y * side / 255, (120 + r) / 4
        box = (centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius)
        draw.ellipse(box, fill=ink)
    blurred = glow.filter(ImageFilter.GaussianBlur(90 / 4))
    return blurred.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def _wallet(draw: _Draw, ink: tuple[int, ...]) -> None:
    draw.rounded_rectangle((300, 400, 900, 800), 56, outline=ink, width=36)
    draw.line((300, 520, 900, 520), fill=ink, width=36)
    draw.rounded_rectangle((700, 610, 830, 700), 30, fill=ink)


def _gem(draw: _Draw, ink: tuple[int, ...]) -> None:
    outline = [(600, 860), (320, 520), (440, 360), (760, 360), (880, 520)]
    draw.line([*outline, outline[0]], fill=ink, width=34, joint="curve")
    draw.line([(320, 520), (880, 520)], fill=ink, width=34)
    draw.line([(480, 520), (600, 860), (720, 520)], fill=ink, width=34, joint="curve")


def _star(draw: _Draw, ink: tuple[int, ...]) -> None:
    draw.polygon(_ring(5, 310, 132), fill=ink)


def _comet(draw: _Draw, ink: tuple[int, ...]) -> None:
    draw.ellipse((620, 380, 840, 600), fill=ink)
    for offset, length in ((-70, 330), (0, 430), (70, 300)):
        draw.line(
            (640 + offset, 580 + offset, 640 + offset - length, 580 + offset + length),
            fill=ink,
            width=30,
        )


def _drop(draw: _Draw, ink: tuple[int, ...]) -> None:
    draw.ellipse((420, 480, 780, 840), fill=ink)
    draw.polygon([(600, 320), (440, 580), (760, 580)], fill=ink)


def _box(draw: _Draw, ink: tuple[int, ...]) -> None:
    top, left, right = [(600, 340), (860, 470), (600, 600), (340, 470)], (340, 470), (860, 470)
    draw.line([*top, top[0]], fill=ink, width=34, joint="curve")
    draw.line([left, (340, 740), (600, 870), (860, 740), right], fill=ink, width=34, joint="curve")
    draw.line([(600, 600), (600, 870)], fill=ink, width=34)


def _wave(draw: _Draw, ink: tuple[int, ...]) -> None:
    for row in (460, 600, 740):
        curve = [(x, row + round(46 * math.sin((x - 300) / 95))) for x in range(300, 901, 5)]
        draw.line(curve, fill=ink, width=38, joint="curve")


def _note(draw: _Draw, ink: tuple[int, ...]) -> None:
    draw.ellipse((360, 680, 540, 840), fill=ink)
    draw.ellipse((680, 620, 860, 780), fill=ink)
    draw.line([(525, 760), (525, 400), (845, 340), (845, 700)], fill=ink, width=36, joint="curve")


def _brush(draw: _Draw, ink: tuple[int, ...]) -> None:
    draw.line((820, 360, 560, 640), fill=ink, width=60)
    draw.ellipse((400, 620, 610, 830), fill=ink)


def _glyph(draw: _Draw, ink: tuple[int, ...]) -> None:
    draw.rectangle((340, 340, 860, 860), outline=ink, width=20)
    draw.line((600, 400, 600, 800), fill=ink, width=44)
    draw.line((420, 520, 780, 520), fill=ink, width=20)
    draw.line([(590, 540), (430, 760)], fill=ink, width=34)
    draw.line([(610, 540), (770, 760)], fill=ink, width=34)


def _ring(points: int, outer: int, inner: int) -> list[tuple[float, float]]:
    return [
        (
            600 + radius * math.sin(math.pi * index / points),
            600 - radius * math.cos(math.pi * index / points),
        )
        for index in range(2 * points)
        for radius in ((outer if index % 2 == 0 else inner),)
    ]


_MOTIFS: dict[str, Callable[[_Draw, tuple[int, ...]], None]] = {
    "wallet": _wallet,
    "gem": _gem,
    "star": _star,
    "comet": _comet,
    "drop": _drop,
    "box": _box,
    "wave": _wave,
    "note": _note,
    "brush": _brush,
    "glyph": _glyph,
}
