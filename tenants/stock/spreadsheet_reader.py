"""A program of its own: a spreadsheet (xlsx, xls, ods) on standard input, CSV on standard output.

`python -I spreadsheet_reader.py MEGABYTES SECONDS ROWS`. A workbook of a few kilobytes can ask for
gigabytes of memory or hours: what reads it may be killed. Exits with 2 for what is no workbook, 3
where there is too much in it; any other end but 0 is one by a limit. One row a line from the
sheet's first, used or not; a line break inside a cell is written as a vertical tab.
"""

import csv
import resource
import sys
from datetime import date, datetime, timedelta
from io import BytesIO, TextIOWrapper

from python_calamine import CalamineError, CalamineWorkbook

NO_WORKBOOK, TOO_LARGE = 2, 3
_MOST_COLUMNS = 100


def _limit(megabytes: int, seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold codes


def _text(cell: object) -> str:
    match cell:
        case None:
            text = ""
        case datetime():
            text = cell.isoformat(" ", "seconds")
        case date():
            text = cell.isoformat()
        case float() if cell.is_integer():
            text = str(int(cell))
        case timedelta():
            text = str(cell)
        case _:
            text = str(cell)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\x0b")


def main() -> int:
    megabytes, seconds, rows = map(int, sys.argv[1:4])
    _limit(megabytes, seconds)
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(sys.stdin.buffer.read()))
        sheet = workbook.get_sheet_by_index(0)
    except CalamineError:
        return NO_WORKBOOK
    if sheet.start is None:
        return 0
    if sheet.start[0] + sheet.height > rows or sheet.width > _MOST_COLUMNS:
        return TOO_LARGE
    out = TextIOWrapper(sys.stdout.buffer, "utf-8", newline="", write_through=False)
    writer = csv.writer(out, lineterminator="\n")
    try:
        for row in sheet.iter_rows():
            writer.writerow([_text(cell) for cell in row])
    except CalamineError:
        return NO_WORKBOOK
    out.flush()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MemoryError:
        sys.exit(TOO_LARGE)
