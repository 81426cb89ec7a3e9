"""What an import would do, as it is told before it is asked for."""

from datetime import datetime
from enum import Enum

from keystall.graphql.describing import described, enum_type, object_type, value
from keystall.graphql.wording import worded
from keystall.tenants.stock.previews import CodesPreview as PreviewFacts


@object_type
class DuplicateLine:
    """A line that repeats an earlier one."""

    line: int = described("The line's number, counted from 1.")
    first_line: int = described("The number of the line that had it first.")


@object_type
class StockedLine:
    """A line whose code is in stock already."""

    line: int = described("The line's number, counted from 1.")


@object_type
class BadLine:
    """A line that is no code."""

    line: int = described("The line's number, counted from 1.")
    reason: str = described("What is wrong with it, in the language of the request.")


@enum_type
class FileKind(Enum):
    """What codes came in."""

    TEXT = value("text", "Pasted text.")
    TXT = value("txt", "A text file.")
    CSV = value("csv", "A table with headings, as text.")
    XLSX = value("xlsx", "A spreadsheet.")


@enum_type
class ColumnUse(Enum):
    """What a column is taken for."""

    SECRET = value("secret", "The code.")
    PART = value("part", "Belongs to the code: an account, a card's number.")
    NOTE = value("note", "The merchant's note.")
    EXPIRY = value("expires_at", "When the code expires.")
    PREVIEW = value("preview", "What may be seen of the code before it is bought.")
    PREMIUM = value("premium", "What the code costs more than others.")
    COST = value("cost", "What the merchant paid for it.")
    UNUSED = value("unused", "Nothing: it is left out.")


@object_type
class FileColumn:
    """A column of a CSV or spreadsheet file, and what it was taken for."""

    name: str = described("Its heading; empty where its place alone says what it is.")
    use: ColumnUse = described("What it is taken for.")


@object_type
class SampleLine:
    """One of a file's first codes, masked, with what the file tells of it."""

    line: int = described("The line's number, counted from 1.")
    masked: str = described("The code with most of it hidden.")
    note: str = described("The merchant's note.")
    preview: str = described("What may be seen of the code before it is bought.")
    expires_at: datetime | None = described("When it expires; null for one that does not.")


@object_type
class CodesPreview:
    """What an import would do."""

    kind: FileKind = described("What the codes came in.")
    encoding: str = described("How the text was encoded, such as utf-8, gb18030 or big5.")
    separator: str = described("What parts a line; empty where every line is one code.")
    columns: list[FileColumn] = described(
        "What parts a line has; empty for one code a line.", assumed=5
    )
    sample: list[SampleLine] = described("The first five codes, masked.", assumed=5)
    lines: int = described("How many lines there are.")
    counted: bool = described(
        "Whether all lines were looked at. Of a large file only the first are, and the numbers"
        " below are zero; `codesImport` with `dryRun` counts it."
    )
    new: int = described("How many codes would be added.")
    duplicates_in_file: list[DuplicateLine] = described(
        "Lines that repeat an earlier line of the same file; 100 at most.", assumed=10
    )
    duplicates_in_file_count: int = described(
        "How many lines repeat an earlier line of the same file."
    )
    duplicates_in_stock: list[StockedLine] = described(
        "Lines whose code the variant has in stock; 100 at most.", assumed=10
    )
    duplicates_in_stock_count: int = described(
        "How many lines have a code that the variant has in stock."
    )
    duplicates_sold: list[StockedLine] = described(
        "Lines whose code the variant has sold already; 100 at most.", assumed=10
    )
    duplicates_sold_count: int = described(
        "How many lines have a code that the variant has sold already."
    )
    bad: list[BadLine] = described("Lines that are no code; 100 at most.", assumed=10)
    bad_count: int = described("How many lines are no code.")


def preview(facts: PreviewFacts, locale: str) -> CodesPreview:
    """A preview in the reader's language."""
    return CodesPreview(
        kind=FileKind(facts.format.kind),
        encoding=facts.encoding,
        separator=facts.format.separator if facts.format.columns else "",
        columns=[
            FileColumn(name=column.name, use=ColumnUse(column.use.value))
            for column in facts.format.columns
        ],
        sample=[
            SampleLine(
                line=one.line, masked=one.masked, note=one.note, preview=one.preview,
                expires_at=one.expires_at,
            )
            for one in facts.sample
        ],
        lines=facts.lines,
        counted=facts.counted,
        new=facts.new,
        duplicates_in_file=[
            DuplicateLine(line=one.line, first_line=one.first_line)
            for one in facts.duplicates_in_file
        ],
        duplicates_in_file_count=facts.duplicates_in_file_count,
        duplicates_in_stock=[StockedLine(line=line) for line in facts.duplicates_in_stock],
        duplicates_in_stock_count=facts.duplicates_in_stock_count,
        duplicates_sold=[StockedLine(line=line) for line in facts.duplicates_sold],
        duplicates_sold_count=facts.duplicates_sold_count,
        bad=[
            BadLine(line=one.line, reason=worded(f"line.{one.reason}", locale)) for one in facts.bad
        ],
        bad_count=facts.bad_count,
    )  # fmt: skip
