"""Spreadsheets of codes made into text, by a process that may be killed.

A workbook is a zip whose few kilobytes may unfold into gigabytes, and whose one cell at the far
corner makes a reader allocate all between. Whatever it asks for, it asks of a process of its own,
with limits on memory, time and output.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from keystall.tenants.errors import refuse

MAX_SPREADSHEET_BYTES = 16 * 1024 * 1024
"""Bytes that a spreadsheet may have."""
MAX_ROWS = 200_000

_READER = Path(__file__).with_name("spreadsheet_reader.py")
_NO_WORKBOOK = 2  # how that program ends
_ZIP = b"PK\x03\x04"
_MEGABYTES, _CPU_SECONDS, _SECONDS = 768, 30, 60
_PIECE = 256 * 1024


def is_spreadsheet(start: bytes) -> bool:
    """Whether a file that begins so is a zip: no text does."""
    return start.startswith(_ZIP)


async def spreadsheet_rows(data: bytes, *, limit: int) -> AsyncIterator[bytes]:
    """The first sheet as CSV in UTF-8, in pieces.

    Refuses at `file` SPREADSHEET_INVALID (no workbook, or a broken one) and SPREADSHEET_TOO_LARGE
    (more than 200,000 rows, 100 columns or `limit` bytes of text, or more memory or time than any
    honest one takes).
    """
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_READER),
        str(_MEGABYTES), str(_CPU_SECONDS), str(MAX_ROWS),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, env={},
    )  # fmt: skip
    feeding = asyncio.create_task(_feed(reader, data))
    try:
        async with asyncio.timeout(_SECONDS):
            size = 0
            while piece := await _read(reader):
                size += len(piece)
                if size > limit:
                    raise refuse("SPREADSHEET_TOO_LARGE", "file")
                yield piece
            ended = await reader.wait()
    except TimeoutError:
        raise refuse("SPREADSHEET_TOO_LARGE", "file") from None
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        if reader.returncode is None:
            with suppress(ProcessLookupError):
                reader.kill()
            await reader.wait()
    if ended == _NO_WORKBOOK:
        raise refuse("SPREADSHEET_INVALID", "file")
    if ended != 0:
        raise refuse("SPREADSHEET_TOO_LARGE", "file")


async def _feed(reader: asyncio.subprocess.Process, data: bytes) -> None:
    # One that has ended already says why by its status.
    with suppress(BrokenPipeError, ConnectionResetError):
        if reader.stdin is not None:
            reader.stdin.write(data)
            await reader.stdin.drain()
            reader.stdin.close()


async def _read(reader: asyncio.subprocess.Process) -> bytes:
    return b"" if reader.stdout is None else await reader.stdout.read(_PIECE)
