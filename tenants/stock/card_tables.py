"""Rows of a table whose cells may span lines, and what to do with a quote that nobody closed."""

import csv
from collections.abc import Iterator
from typing import NamedTuple

from keystall.tenants.stock.text_lines import Line

MAX_ROW_LINES = 50
"""Lines that one row may span; a quote that is open longer was a mistake of one line."""

_MAX_ROW_LENGTH = 65_536


class Row(NamedTuple):
    """Cells and the line they begin on. `problem` instead of cells: TOO_LONG, QUOTE_UNCLOSED."""

    line: int
    cells: list[str]
    valid: bool = True
    problem: str = ""

    @property
    def text(self) -> str:
        """The row as it stood, or nearly."""
        return " ".join(self.cells)

    def __repr__(self) -> str:
        return f"Row({self.line})"  # its cells may be codes


class _Unclosed(Exception):
    """A cell goes on for too long, or to the file's end."""


class _Feed:
    """Lines for `csv.reader`, which asks for another one only where a quote is open."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: list[Line] = []
        self.held: list[Line] = []

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        size = sum(len(line.text) for line in self.held) if self.held else 0
        if len(self.held) >= MAX_ROW_LINES or size > _MAX_ROW_LENGTH:
            raise _Unclosed
        line = self._again.pop() if self._again else next(self._lines, None)
        if line is None:
            if self.held:
                raise _Unclosed
            raise StopIteration
        self.held.append(line)
        return line.text + "\n"

    def begin(self) -> None:
        """Forgets the lines of the row before."""
        self.held = []

    def give_up_first(self) -> Line:
        """The line that went wrong; those after it are read anew."""
        first, *others = self.held
        self._again.extend(reversed(others))
        self.held = []
        return first


def table_rows(lines: Iterator[Line], separator: str) -> Iterator[Row]:
    """The rows, a line with an unclosed quote as a row with a problem; after it all goes on."""
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=separator)
    while True:
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (_Unclosed, csv.Error) as error:
            line = feed.give_up_first()
            problem = "QUOTE_UNCLOSED" if isinstance(error, _Unclosed) else "TOO_LONG"
            yield Row(line.number, [line.text[:_MAX_ROW_LENGTH]], problem=problem)
            reader = csv.reader(feed, delimiter=separator)
        else:
            first = feed.held[0]
            yield Row(first.number, cells, all(line.valid for line in feed.held))
