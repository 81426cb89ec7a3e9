"""Code files as merchants bring them: one code a line, in whatever their program wrote.

Nothing is dropped in silence: a line is a code, a duplicate of an earlier line, bad for a named
reason, or blank. Line numbers count from 1 as an editor shows them, blank lines included.
Codes are opaque: beyond trimming, not one character is changed.
"""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from keystall.tenants.stock.text_encoding import (
    UndecidableEncoding,
    guess_encoding,
    is_garbled,
    marked_encoding,
)

__all__ = [
    "MAX_CODE_LENGTH",
    "BadLine",
    "Duplicate",
    "LineProblem",
    "ParsedCode",
    "ParsedFile",
    "UndecidableEncoding",
    "parse_file",
    "parse_text",
]

MAX_CODE_LENGTH = 4096

# Bidirectional overrides show a code other than it is; the rest shows nothing at all.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Programs leave marks at the ends of lines that nobody sees, nor can type.
_INVISIBLE_ENDS = "\ufeff\u200b\u200e\u200f\u2060"


class LineProblem(StrEnum):
    """Why a line holds no code."""

    TOO_LONG = "TOO_LONG"
    CONTROL_CHARACTERS = "CONTROL_CHARACTERS"
    INVALID_ENCODING = "INVALID_ENCODING"


@dataclass(frozen=True, slots=True)
class ParsedCode:
    """A code and the line it stands on. The text never shows in a repr, hence in no log."""

    line: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A line that repeats the code of an earlier one."""

    line: int
    first_line: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that holds no code, and why."""

    line: int
    reason: LineProblem


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file holds: distinct codes in its order, repeats, and lines that are no code.

    `encoding` is "utf-8", "gb18030", "utf-16-le", "utf-16-be", or "text" for pasted text.
    """

    encoding: str
    codes: list[ParsedCode]
    duplicates: list[Duplicate]
    bad: list[BadLine]


def parse_file(data: bytes) -> ParsedFile:
    """The codes in a file's bytes: UTF-8, UTF-16 with a mark, or GB18030.

    Raises UndecidableEncoding, where guessing could garble codes; nothing else, for any bytes.
    """
    marked = marked_encoding(data)
    if marked is None:
        lines = data.splitlines()
        encoding = guess_encoding(lines)
        return _parsed(encoding, _decoded(lines, encoding))
    encoding, mark = marked
    if encoding == "utf-8":
        return _parsed(encoding, _decoded(data[mark:].splitlines(), encoding))
    return _parsed(encoding, _lines(data[mark:].decode(encoding, "replace")))


def parse_text(text: str) -> ParsedFile:
    """The codes in text that somebody pasted."""
    return _parsed("text", _lines(text))


def _lines(text: str) -> Iterator[str]:
    # Only CR, LF and CRLF end a line; str.splitlines would also cut at separators inside codes.
    return iter(io.StringIO(text, newline=None))


def _decoded(lines: Iterable[bytes], encoding: str) -> Iterator[str | None]:
    """Each line as text, None where its bytes are invalid."""
    for line in lines:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            yield None
        else:
            # GB18030 has a character for nearly any bytes, private ones for the senseless.
            yield None if encoding == "gb18030" and is_garbled(text) else text


def _parsed(encoding: str, lines: Iterable[str | None]) -> ParsedFile:
    parsed = ParsedFile(encoding, [], [], [])
    first_lines: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        text = _trimmed(line)
        if text == "":
            continue
        problem = _problem(text)
        if text is None or problem is not None:
            parsed.bad.append(BadLine(number, problem or LineProblem.INVALID_ENCODING))
        elif (first := first_lines.setdefault(text, number)) != number:
            parsed.duplicates.append(Duplicate(number, first))
        else:
            parsed.codes.append(ParsedCode(number, text))
    return parsed


def _trimmed(line: str | None) -> str | None:
    return None if line is None else line.strip().strip(_INVISIBLE_ENDS).strip()


def _problem(text: str | None) -> LineProblem | None:
    if text is None or _LONE_SURROGATE.search(text) or "\ufffd" in text:
        return LineProblem.INVALID_ENCODING
    if len(text) > MAX_CODE_LENGTH:
        return LineProblem.TOO_LONG
    return LineProblem.CONTROL_CHARACTERS if _CONTROL.search(text) else None
