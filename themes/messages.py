"""Texts of the product in each language: nested TOML tables, looked up by dotted key.

`themes/locales/<locale>.toml` holds the shared texts; `themes/<surface>/locales/<locale>.toml` adds
one surface's. A plural is a table of CLDR categories (`one`, `other`). A missing key, a missing or
an unknown value is an error: a page must never show a key to a person.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from babel import Locale
from markupsafe import Markup, escape

from keystall.themes.paths import THEMES

LOCALES: tuple[str, ...] = ("zh-CN", "en")
URL_CODES: Mapping[str, str] = {"zh-CN": "zh", "en": "en"}
_PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})
_HOLE = re.compile(r"\{(\w+)\}")

Message = str | dict[str, str]


class MessageError(LookupError):
    """A key or a value that a text needs and nobody gave."""


@dataclass(frozen=True)
class Messages:
    """The texts of one language."""

    locale: str
    texts: Mapping[str, Message]

    @cached_property
    def babel(self) -> Locale:
        """The language, for plural rules and formats."""
        return Locale.parse(self.locale, sep="-")

    def t(self, key: str, **values: object) -> str:
        """The text of `key` with `{name}` holes filled; `count` chooses a plural.

        HTML where one of the values is: the others and the text itself are escaped.
        """
        message = self.texts.get(key)
        if message is None:
            raise MessageError(f"no text {key} in {self.locale}")
        if isinstance(message, dict):
            count = values.get("count")
            if not isinstance(count, int | float):
                raise MessageError(f"{key} is a plural and needs count")
            message = message.get(self.babel.plural_form(count)) or message["other"]
        if any(isinstance(value, Markup) for value in values.values()):
            # A piece of HTML, such as a time: the rest is text.
            told = escape(message)
            return Markup(  # noqa: S704  # each part of it is escaped
                _HOLE.sub(lambda hole: escape(_filled(key, hole[1], values)), told)
            )
        return _HOLE.sub(lambda hole: str(_filled(key, hole[1], values)), message)

    def label(self, prefix: str, value: str) -> str:
        """The text of an enum value: `label('order.status', 'PAID')` reads `order.status.paid`."""
        return self.t(f"{prefix}.{value.lower()}")


def _filled(key: str, name: str, values: Mapping[str, object]) -> object:
    if name not in values:
        raise MessageError(f"{key} needs {name}")
    return values[name]


def placeholders(message: Message) -> frozenset[str]:
    """Names of the holes of a text, over all its plural forms."""
    texts = message.values() if isinstance(message, dict) else (message,)
    return frozenset(name for text in texts for name in _HOLE.findall(text))


@cache
def load_messages(locale: str, root: Path = THEMES) -> Messages:
    """All texts of one language, read once. Raises MessageError where two files share a key."""
    texts: dict[str, Message] = {}
    name = f"locales/{locale}.toml"
    paths = [THEMES / name, *sorted(THEMES.glob(f"*/{name}")), *sorted(root.glob(f"*/{name}"))]
    for path in dict.fromkeys(paths):
        for key, message in _flat(tomllib.loads(path.read_text("utf-8"))).items():
            if key in texts:
                raise MessageError(f"{key} stands twice, also in {path.parent.parent.name}")
            texts[key] = message
    return Messages(locale, texts)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Message]:
    found: dict[str, Message] = {}
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, str):
            found[key] = value
        elif "other" in value and _PLURALS.issuperset(value):
            found[key] = dict(value)
        else:
            found |= _flat(value, key + ".")
    return found


def negotiate(header: str, offered: tuple[str, ...] = LOCALES, default: str = "en") -> str:
    """The best of `offered` for an Accept-Language header (RFC 9110, 12.5.4), by language."""
    ranked: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        ranked.append((weight, tag.strip().lower()))
    for weight, tag in sorted(ranked, key=lambda entry: -entry[0]):
        for locale in offered:
            if weight > 0 and tag.split("-")[0] == locale.lower().split("-")[0]:
                return locale
    return default
