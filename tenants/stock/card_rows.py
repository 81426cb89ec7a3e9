"""A row of a table, or the text of a line, as a code with what is told of it, or why it is none."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NamedTuple

from keystall.tenants.stock.card_formats import CardFormat, Layout, Use
from keystall.tenants.stock.card_tables import Row

MAX_CODE_LENGTH = 4096
MAX_NOTE_LENGTH = 500

# Bidirectional overrides show a code other than it is; the rest shows nothing at all.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_NO_TEXT = re.compile("[\ud800-\udfff\ufffd]")
# Programs leave marks at the ends of lines that nobody sees, nor can type.
INVISIBLE_ENDS = "\ufeff\u200b\u200e\u200f\u2060"
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T](.+))?", re.ASCII)


class LineProblem(StrEnum):
    """Why a line holds no code."""

    TOO_LONG = "TOO_LONG"
    CONTROL_CHARACTERS = "CONTROL_CHARACTERS"
    INVALID_ENCODING = "INVALID_ENCODING"
    COLUMNS_MISSING = "COLUMNS_MISSING"
    CODE_MISSING = "CODE_MISSING"
    EXPIRY_INVALID = "EXPIRY_INVALID"
    AMOUNT_INVALID = "AMOUNT_INVALID"
    QUOTE_UNCLOSED = "QUOTE_UNCLOSED"


@dataclass(slots=True)
class CodeFacts:
    """What a file tells of a code beside the code. Amounts in the currency of the shop, exact."""

    note: str = ""
    expires_at: datetime | None = None
    preview: str = ""
    premium: Decimal | None = None
    cost: Decimal | None = None


class ParsedCode(NamedTuple):
    """A code and the line it stands on. The text never shows in a repr, hence in no log."""

    line: int
    text: str
    facts: CodeFacts | None = None

    def __repr__(self) -> str:
        return f"ParsedCode(line={self.line})"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that holds no code, and why. `text`, as near as it gets, may be a code: no repr."""

    line: int
    reason: LineProblem
    text: str = field(default="", repr=False, compare=False)


def card(row: Row, found: CardFormat) -> ParsedCode | BadLine:
    """The code of a row, with what is told of it; or why there is none."""
    if not row.valid:
        return BadLine(row.line, LineProblem.INVALID_ENCODING, row.text)
    if found.layout is Layout.LINES:  # a spreadsheet without headings: a row is a code
        cells = [cell.strip() for cell in row.cells]
        text = " ".join(cell for cell in cells if cell)
        problem = problem_of(text.replace("\n", " "))
        return BadLine(row.line, problem, text) if problem else ParsedCode(row.line, text)
    if len(row.cells) < len(found.columns) and found.layout is Layout.PICKS:
        return BadLine(row.line, LineProblem.COLUMNS_MISSING, row.text)
    secret = _secret(row, found)
    if not secret:
        return BadLine(row.line, LineProblem.CODE_MISSING, row.text)
    problem = problem_of(secret.replace("\n", " "))
    if problem:
        return BadLine(row.line, problem, row.text)
    try:
        facts = _facts(row, found)
    except _Wrong as wrong:
        return BadLine(row.line, wrong.problem, row.text)
    return ParsedCode(row.line, secret, facts)


def _secret(row: Row, found: CardFormat) -> str:
    """The code; where an account or number belongs to it, each on a line under its heading."""
    secret = found.column(Use.SECRET)
    parts = [
        (column.name, _cell(row, at))
        for at, column in enumerate(found.columns)
        if at == secret or column.use is Use.PART
    ]
    bare = "" if secret is None else _cell(row, secret)
    if not bare or sum(1 for _, text in parts if text) < 2:
        return bare
    return "\n".join(f"{name}: {text}" for name, text in parts if text)


class _Wrong(Exception):
    def __init__(self, problem: LineProblem) -> None:
        super().__init__(problem)
        self.problem = problem


def _facts(row: Row, found: CardFormat) -> CodeFacts:
    told = {column.use: _cell(row, at) for at, column in enumerate(found.columns)}
    note, preview = told.get(Use.NOTE, ""), told.get(Use.PREVIEW, "")
    if max(len(note), len(preview)) > MAX_NOTE_LENGTH:
        raise _Wrong(LineProblem.TOO_LONG)
    problem = problem_of((note + preview).replace("\n", " "))
    if problem:
        raise _Wrong(problem)
    return CodeFacts(
        note=note,
        expires_at=_expiry(told.get(Use.EXPIRY, "")),
        preview=preview,
        premium=_amount(told.get(Use.PREMIUM, "")),
        cost=_amount(told.get(Use.COST, "")),
    )


def _cell(row: Row, at: int) -> str:
    return row.cells[at].strip().strip(INVISIBLE_ENDS).strip() if at < len(row.cells) else ""


def _expiry(text: str) -> datetime | None:
    """A moment; a bare date means the end of that day. Without a zone: UTC."""
    if not text:
        return None
    parts = _DATE.fullmatch(text)
    if parts is None:
        raise _Wrong(LineProblem.EXPIRY_INVALID)
    try:
        day = date(int(parts[1]), int(parts[2]), int(parts[3]))
        if parts[4] is None or parts[4] in ("00:00", "00:00:00"):
            return datetime.combine(day, time(), UTC) + timedelta(days=1)
        moment = datetime.combine(day, time.fromisoformat(parts[4].strip()))
    except (ValueError, OverflowError):
        raise _Wrong(LineProblem.EXPIRY_INVALID) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _amount(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise _Wrong(LineProblem.AMOUNT_INVALID) from None
    exponent = amount.as_tuple().exponent
    if not amount.is_finite() or not 0 <= amount < 10**12 or int(exponent) < -4:
        raise _Wrong(LineProblem.AMOUNT_INVALID)
    return amount


def problem_of(text: str) -> LineProblem | None:
    """Why a text is no code; None where it is one."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_CODE_LENGTH:
        return None
    if _NO_TEXT.search(text):
        return LineProblem.INVALID_ENCODING
    if len(text) > MAX_CODE_LENGTH:
        return LineProblem.TOO_LONG
    return LineProblem.CONTROL_CHARACTERS if _CONTROL.search(text) else None
