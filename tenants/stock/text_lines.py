"""The lines of a text file, in bounded memory: pieces of bytes in, numbered lines of text out.

Only CR, LF and CRLF end a line; `str.splitlines` would also cut at separators inside codes. Lines
count from 1 as an editor shows them.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from keystall.tenants.stock.text_encoding import is_garbled

LONGEST_LINE = 65_536
"""Bytes (characters of UTF-16) of a line that are kept: enough to say that it is too long."""

_ENDS = re.compile("\r\n|\r|\n")


class Line(NamedTuple):
    """A line and whether its bytes are text; where they are not, `text` is as near as it gets."""

    number: int
    text: str
    valid: bool = True

    def __repr__(self) -> str:
        return f"Line({self.number})"  # what stands on it may be a code


def text_lines(pieces: Iterable[bytes], encoding: str) -> Iterator[Line]:
    """The lines of a file whose mark, if it had one, was taken off its first piece."""
    if encoding.startswith("utf-16"):
        return _numbered_text(_wide_lines(pieces, encoding))
    return decoded(chain.from_iterable(byte_lines(pieces)), encoding)


def pasted_lines(text: str) -> Iterator[Line]:
    """The lines of a text that somebody pasted."""
    return _numbered_text(_without_last_end(_ENDS.split(text)))


def byte_lines(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines without their ends, as many at a time as a piece holds, which is far quicker than one
    by one. Of a line longer than LONGEST_LINE about so much."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        # The last line waits for its end; so does a CR, which may be half of a CRLF.
        cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, max(0, len(data) - 1))) + 1
        yield data[:cut].splitlines()
        rest = data[cut:]
        if len(rest) > LONGEST_LINE:
            rest = rest[: LONGEST_LINE + 1] + (b"\r" if rest.endswith(b"\r") else b"")
    yield rest.splitlines()


def decoded(lines: Iterable[bytes], encoding: str, *, first: int = 1) -> Iterator[Line]:
    """Lines as text; the first of them is number `first`."""
    check = encoding in ("gb18030", "big5")
    for number, line in enumerate(lines, start=first):
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            yield Line(number, line.decode(encoding, "replace"), False)
        else:
            # GB18030 has a character for nearly any bytes, private ones for the senseless.
            yield Line(number, text, not (check and is_garbled(text)))


def _wide_lines(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    for piece in pieces:
        text = rest + decoder.decode(piece)
        held = "\r" if text.endswith("\r") else ""
        *whole, rest = _ENDS.split(text.removesuffix("\r"))
        yield from whole
        rest = rest[: LONGEST_LINE + 1] + held
    yield from _without_last_end(_ENDS.split(rest + decoder.decode(b"", True)))


def _without_last_end(lines: list[str]) -> list[str]:
    return lines[:-1] if lines[-1] == "" else lines


def _numbered_text(lines: Iterable[str]) -> Iterator[Line]:
    for number, text in enumerate(lines, start=1):
        yield Line(number, text)
