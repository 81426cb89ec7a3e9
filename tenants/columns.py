"""Which columns of a row are read: what is long, or dear to read, only where it is asked for.

A view's fields are named as its columns. Those that may be left out have UNREAD for their default.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any


class _Unread:
    """Stands where a column was not read: whoever takes it for a value fails."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise TypeError("this column was not read")

    def __str__(self) -> str:
        raise TypeError("this column was not read")


UNREAD: Any = _Unread()

NOTHING: frozenset[str] = frozenset()
"""Left out, where all is read."""


@lru_cache(maxsize=256)
def columns(view: type, without: frozenset[str] = NOTHING) -> str:
    """What to select for a dataclass, its columns `without` left out."""
    return ", ".join(one.name for one in fields(view) if one.name not in without)


def named(expressions: Mapping[str, str], without: frozenset[str] = NOTHING) -> str:
    """The same where columns are expressions, by their names."""
    return ", ".join(f"{sql} as {name}" for name, sql in expressions.items() if name not in without)
