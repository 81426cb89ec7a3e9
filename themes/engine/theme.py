"""A theme is data: settings with a schema, presets, and the few CSS tokens that they become.

Tokens travel as one `<style>` element allowed by its hash, so that a page stays cacheable for
everyone and no stylesheet has to be generated or stored per shop.
"""

import base64
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_LIGHT_BACKGROUND, _DARK_BACKGROUND = (255, 255, 255), (22, 24, 29)


@dataclass(frozen=True)
class Look:
    """What a theme's settings become on a page: tokens as CSS, and texts for the templates."""

    css: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def csp_hash(self) -> str:
        """The style-src source that allows `css`, empty where there is none."""
        if not self.css:
            return ""
        digest = base64.b64encode(hashlib.sha256(self.css.encode()).digest()).decode()
        return f"'sha256-{digest}'"


PLAIN = Look()


class ThemeError(ValueError):
    """A setting that its schema does not allow; the message names it."""


@dataclass(frozen=True)
class Theme:
    """A parsed `theme.toml`."""

    id: str
    version: str
    schema: Mapping[str, Mapping[str, Any]]
    presets: Mapping[str, Mapping[str, str]]

    def look(self, preset: str = "", chosen: Mapping[str, str] | None = None) -> Look:
        """Defaults, then a preset, then the shop's own choices. Raises ThemeError."""
        values = {name: str(rule["default"]) for name, rule in self.schema.items()}
        if preset:
            if preset not in self.presets:
                raise ThemeError(f"unknown preset: {preset}")
            values |= self.presets[preset]
        values |= chosen or {}
        for name, value in values.items():
            self._check(name, value)
        return Look(_tokens(values), values)

    def _check(self, name: str, value: str) -> None:
        rule = self.schema.get(name)
        if rule is None:
            raise ThemeError(f"unknown setting: {name}")
        match rule["type"]:
            case "colour" if not _COLOUR.fullmatch(value):
                raise ThemeError(f"{name}: not a colour like #1a2b3c")
            case "choice" if value not in rule["choices"]:
                raise ThemeError(f"{name}: not one of {', '.join(rule['choices'])}")
            case "text" if len(value) > int(rule["max_length"]):
                raise ThemeError(f"{name}: longer than {rule['max_length']}")


def load_theme(path: Path) -> Theme:
    """Read `theme.toml` and prove its presets against its schema."""
    raw = tomllib.loads(path.read_text("utf-8"))
    theme = Theme(raw["id"], raw["version"], raw["settings"], raw["presets"])
    for preset in theme.presets:
        theme.look(preset)
    return theme


_RADII = {"sharp": "2px", "soft": "10px", "round": "18px"}
_FONTS = {
    "system": "var(--font-sans)",
    "serif": "var(--font-serif)",
    "mono": "var(--font-mono)",
}
_TONES = {
    "neutral": ("#f7f8fa", "#0e1014"),
    "warm": ("#faf7f2", "#14110d"),
    "cool": ("#f3f6fc", "#0b0f19"),
    "white": ("#ffffff", "#000000"),
}


def _tokens(values: Mapping[str, str]) -> str:
    accent = _rgb(values["accent"])
    light = _readable(accent, _LIGHT_BACKGROUND, towards=(0, 0, 0))
    dark = _readable(accent, _DARK_BACKGROUND, towards=(255, 255, 255))
    tone_light, tone_dark = _TONES[values["tone"]]
    fixed = f"--radius:{_RADII[values['radius']]};--font-display:{_FONTS[values['display']]};"
    return (
        f":root{{{fixed}{_accent(light)}--ground:{tone_light};}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_accent(dark)}--ground:{tone_dark};}}}}"
    )


def _accent(colour: tuple[int, int, int]) -> str:
    ink = "#ffffff" if _contrast(colour, (255, 255, 255)) >= 4.5 else "#0b0d12"
    return f"--accent:#{bytes(colour).hex()};--on-accent:{ink};"


def _rgb(text: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def _readable(
    colour: tuple[int, int, int], ground: tuple[int, int, int], *, towards: tuple[int, int, int]
) -> tuple[int, int, int]:
    """The colour nearest to the merchant's that reads as text on `ground` (WCAG AA, with room)."""
    for step in range(21):
        part = step / 20
        mixed = (
            round(colour[0] + (towards[0] - colour[0]) * part),
            round(colour[1] + (towards[1] - colour[1]) * part),
            round(colour[2] + (towards[2] - colour[2]) * part),
        )
        if _contrast(mixed, ground) >= 5.2:
            return mixed
    return towards


def _contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """WCAG 2.2 contrast ratio."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[int, int, int]) -> float:
    parts = [c / 255 for c in colour]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
