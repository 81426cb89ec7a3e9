"""Codes in files as merchants bring them, in whatever their program wrote.

Nothing is dropped in silence: a line is a code, a duplicate of an earlier line, bad for a named
reason, blank, or the heading of a table. Codes are opaque: beyond trimming, not one character is
changed. A code of a table may have several lines, and then counts as the first of them.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, islice

from keystall.tenants.stock.card_formats import HEAD_LINES, CardFormat, Layout, find_format
from keystall.tenants.stock.card_rows import (
    INVISIBLE_ENDS,
    MAX_CODE_LENGTH,
    BadLine,
    CodeFacts,
    LineProblem,
    ParsedCode,
    card,
    problem_of,
)
from keystall.tenants.stock.card_tables import Row, table_rows
from keystall.tenants.stock.text_encoding import (
    Sample,
    UndecidableEncoding,
    guess_encoding,
    marked_encoding,
)
from keystall.tenants.stock.text_lines import (
    Line,
    byte_lines,
    decoded,
    pasted_lines,
    text_lines,
)

__all__ = [
    "MAX_CODE_LENGTH",
    "MAX_LINES",
    "BadLine",
    "CodeFacts",
    "CodeRun",
    "Duplicate",
    "LineProblem",
    "ParsedCode",
    "ParsedFile",
    "Survey",
    "TooManyLines",
    "UndecidableEncoding",
    "card_runs",
    "cards",
    "first_bad",
    "parse_file",
    "parse_text",
    "survey",
    "survey_text",
]

MAX_LINES = 2_000_000
"""Lines that a file may have."""
_RUN = 1_000  # lines that are looked at one by one and then gathered


class TooManyLines(Exception):
    """A file of more lines than `limit`."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = MAX_LINES


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A line that repeats the code of an earlier one."""

    line: int
    first_line: int


@dataclass(frozen=True, slots=True, repr=False)
class CodeRun:
    """Codes of lines that follow each other, column by column, and the bad lines among them: what
    is done to each of a million lines is done to a list of them. `texts` as UTF-8; `facts` of those
    of the `lines` that told any."""

    lines: Sequence[int]
    texts: Sequence[bytes]
    bad: Sequence[BadLine] = ()
    facts: Mapping[int, CodeFacts] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.lines or self.bad)

    @property
    def last(self) -> int:
        """The line that it reaches to. It must not be empty."""
        ends = [*self.lines[-1:], *(bad.line for bad in self.bad[-1:])]
        return max(ends)

    def split(self, codes: int) -> "tuple[CodeRun, CodeRun]":
        """So many codes with the bad lines before and among them, and what follows."""
        if len(self.lines) <= codes:
            return self, CodeRun((), ())
        return self.split_after(self.lines[codes - 1])

    def split_after(self, line: int) -> "tuple[CodeRun, CodeRun]":
        """What stands up to a line of the file, and what follows it."""
        codes = bisect_right(self.lines, line)
        bad = bisect_right(self.bad, line, key=_line_of)
        return (
            CodeRun(self.lines[:codes], self.texts[:codes], self.bad[:bad], self.facts),
            CodeRun(self.lines[codes:], self.texts[codes:], self.bad[bad:], self.facts),
        )


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file holds: distinct codes in its order, repeats, and lines that are no code."""

    format: CardFormat
    codes: list[ParsedCode]
    duplicates: list[Duplicate]
    bad: list[BadLine]

    @property
    def encoding(self) -> str:
        """Such as "utf-8", "gb18030", "utf-16-le", or "text" for pasted text."""
        return self.format.encoding


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first reading finds: the format, the bytes of a mark, and how many lines there are.

    `flawless`: there is no need to look for a bad line, any line is a code or blank.
    """

    format: CardFormat
    mark: int
    lines: int
    flawless: bool = False


def survey(pieces: Iterable[bytes], *, sheet: bool = False, plain: bool = False) -> Survey:
    """Reads a file once, in bounded memory, for its encoding and format.

    Raises UndecidableEncoding, where guessing could garble codes, and TooManyLines.
    """
    stream = iter(pieces)
    start = b""
    while len(start) < len(b"\xff\xfe\0\0") and (piece := next(stream, b"")):
        start += piece
    marked = marked_encoding(start)
    encoding, mark = marked or ("", 0)
    stream = chain([start[mark:]], stream)
    head: list[str] = []
    count, plain_all_through = 0, False
    if encoding.startswith("utf-16"):
        for count, line in enumerate(text_lines(stream, encoding), start=1):
            _counted(count)
            if count <= HEAD_LINES:
                head.append(line.text)
    else:
        sample, first, plain_all_through = Sample(), list[bytes](), True
        for lines in byte_lines(stream):
            count = _counted(count + len(lines))
            plain_all_through = plain_all_through and _is_plain(lines)
            sample.add(lines)
            first += lines[: HEAD_LINES - len(first)]
        encoding = encoding or guess_encoding(sample)
        head = [raw.decode(encoding, "replace") for raw in first]
    kind = "xlsx" if sheet else "txt"
    found = find_format(head, encoding, kind=kind, plain=plain)
    return Survey(found, mark, count, plain_all_through and _holds_lines(found))


def survey_text(text: str, *, plain: bool = False) -> Survey:
    """The same of a text that somebody pasted."""
    count = _counted(sum(1 for _ in pasted_lines(text)))
    head = [line.text for line in islice(pasted_lines(text), HEAD_LINES)]
    return Survey(find_format(head, "text", kind="text", plain=plain), 0, count)


def _counted(count: int) -> int:
    if count > MAX_LINES:
        raise TooManyLines
    return count


def cards(pieces: Iterable[bytes], found: Survey) -> Iterator[ParsedCode | BadLine]:
    """The codes and bad lines of a file whose survey is known, in its order; repeats are codes."""
    if _in_bytes(found):
        return chain.from_iterable(map(_in_turn, card_runs(pieces, found)))
    return _all_cards(pieces, found)


def card_runs(pieces: Iterable[bytes], found: Survey) -> Iterator[CodeRun]:
    """The same, thousands of lines at a time."""
    if _in_bytes(found):
        return _runs_of_bytes(_after_mark(pieces, found.mark), found.format.encoding)
    return _runs(_all_cards(pieces, found))


def first_bad(pieces: Iterable[bytes], found: Survey) -> BadLine | None:
    """The first line that is no code, as `cards` tells it; None where every line is one."""
    if found.flawless:
        return None
    return next((run.bad[0] for run in card_runs(pieces, found) if run.bad), None)


def parse_file(data: bytes, *, sheet: bool = False, plain: bool = False) -> ParsedFile:
    """All of a file that is small enough to be held. Raises what `survey` raises."""
    found = survey([data], sheet=sheet, plain=plain)
    return _gathered(found.format, cards([data], found))


def parse_text(text: str, *, plain: bool = False) -> ParsedFile:
    """All of a text that somebody pasted. Raises TooManyLines."""
    found = survey_text(text, plain=plain)
    return _gathered(found.format, _cards(pasted_lines(text), found.format))


def _in_bytes(found: Survey) -> bool:
    """Whether its lines can be told apart, and many of them be seen to be codes, undecoded."""
    return _holds_lines(found.format) and not found.format.encoding.startswith("utf-16")


def _all_cards(pieces: Iterable[bytes], found: Survey) -> Iterator[ParsedCode | BadLine]:
    lines = text_lines(_after_mark(pieces, found.mark), found.format.encoding)
    return _cards(lines, found.format)


def _after_mark(pieces: Iterable[bytes], mark: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[mark:]
        mark = max(0, mark - len(piece))


def _gathered(found: CardFormat, lines: Iterable[ParsedCode | BadLine]) -> ParsedFile:
    parsed = ParsedFile(found, [], [], [])
    first_lines: dict[str, int] = {}
    for one in lines:
        if isinstance(one, BadLine):
            parsed.bad.append(one)
        elif (first := first_lines.setdefault(one.text, one.line)) != one.line:
            parsed.duplicates.append(Duplicate(one.line, first))
        else:
            parsed.codes.append(one)
    return parsed


def _cards(lines: Iterator[Line], found: CardFormat) -> Iterator[ParsedCode | BadLine]:
    if _holds_lines(found):
        return _codes(lines)
    if found.layout is Layout.PICKS:
        return _picks(lines, found)
    return _table(islice(lines, found.first - 1, None), found)


def _holds_lines(found: CardFormat) -> bool:
    return found.layout is Layout.LINES and not found.sheet


def _runs_of_bytes(pieces: Iterable[bytes], encoding: str) -> Iterator[CodeRun]:
    """`_codes`, a batch at a time: of one that is plain all through no line needs a closer look."""
    first = 1
    for batch in byte_lines(pieces):
        if _is_plain(batch):
            texts = [line.strip() for line in batch]
            lines = list(compress(range(first, first + len(batch)), texts))
            yield CodeRun(lines, list(filter(None, texts)))
        else:
            yield from _runs(_codes(decoded(batch, encoding, first=first)))
        first += len(batch)


def _runs(found: Iterator[ParsedCode | BadLine]) -> Iterator[CodeRun]:
    while some := list(islice(found, _RUN)):
        codes = [one for one in some if isinstance(one, ParsedCode)]
        yield CodeRun(
            [code.line for code in codes],
            [code.text.encode() for code in codes],
            [one for one in some if isinstance(one, BadLine)],
            {code.line: code.facts for code in codes if code.facts},
        )


def _in_turn(run: CodeRun) -> Iterator[ParsedCode | BadLine]:
    codes = map(ParsedCode, run.lines, map(bytes.decode, run.texts))
    return heapq.merge(codes, run.bad, key=_line_of) if run.bad else codes


def _line_of(one: ParsedCode | BadLine) -> int:
    return one.line


def _is_plain(lines: Sequence[bytes]) -> bool:
    """Whether all is printable ASCII, which is the same in every encoding of bytes, and no line is
    too long."""
    whole = b"".join(lines)
    return (
        whole.isascii()
        and whole.decode().isprintable()
        and max(map(len, lines), default=0) <= MAX_CODE_LENGTH
    )


def _codes(lines: Iterable[Line]) -> Iterator[ParsedCode | BadLine]:
    for number, line, valid in lines:
        text = line.strip().strip(INVISIBLE_ENDS).strip()
        if not text:
            continue
        problem = problem_of(text) if valid else LineProblem.INVALID_ENCODING
        yield BadLine(number, problem, text) if problem else ParsedCode(number, text)


def _picks(lines: Iterable[Line], found: CardFormat) -> Iterator[ParsedCode | BadLine]:
    for number, line, valid in lines:
        if line.strip():
            cells = line.split(found.separator)
            whole = valid and len(cells) == len(found.columns)
            row = Row(number, cells if whole else [line], valid)
            yield card(row, found)


def _table(lines: Iterator[Line], found: CardFormat) -> Iterator[ParsedCode | BadLine]:
    for row in table_rows(lines, found.separator):
        if found.sheet:  # where a line break inside a cell is a vertical tab
            row = row._replace(cells=[cell.replace("\x0b", "\n") for cell in row.cells])
        if row.problem:
            yield BadLine(row.line, LineProblem(row.problem), row.text)
        elif any(cell.strip() for cell in row.cells):
            yield card(row, found)
