"""Sentences of the API in the reader's language, from `messages/<locale>.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


@cache
def _messages(locale: str) -> Mapping[str, str]:
    folder = resources.files("keystall.graphql") / "messages"
    return dict(_flat(tomllib.loads((folder / f"{locale}.toml").read_text("utf-8"))))


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, entry in table.items():
        if isinstance(entry, str):
            found.append((before + name, entry))
        else:
            found.extend(_flat(entry, f"{before}{name}."))
    return found


def worded(key: str, locale: str, params: Mapping[str, str | int] | None = None) -> str:
    """The sentence `key` in the language nearest to `locale`, filled from `params`.

    Numbers are grouped, which both languages do alike.

    `TOO_LONG-limit` is the wording of TOO_LONG where a parameter `limit` is given. Raises KeyError
    for a key without a sentence: a test holds the lists complete.
    """
    messages = _messages("zh-CN" if locale.lower().startswith("zh") else "en")
    told = (params or {}).items()
    filled = {name: f"{value:,}" if isinstance(value, int) else value for name, value in told}
    for name in sorted(filled, reverse=True):
        if f"{key}-{name}" in messages:
            return messages[f"{key}-{name}"].format_map(filled)
    return messages[key].format_map(filled)


def known(key: str) -> bool:
    """Whether there is a sentence for `key`."""
    return key in _messages("en")
