"""Uploads on their way through a request: little of them in memory, none of them readable on disk.

An upload may be codes. What does not fit into memory waits in a temporary file that has no name,
sealed under a key that nobody knows but this process, and that ends with the request.
"""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from tempfile import TemporaryFile
from typing import IO, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

_MEMORY = 256 * 1024
"""Bytes of an upload in memory, and of one sealed piece."""
_SEALED = _MEMORY + 16


class SealedSpool:
    """What an `UploadFile` needs of a file: written to its end, then read from its start, once."""

    def __init__(self) -> None:
        self._cipher = AESGCM(os.urandom(32))
        self._file: IO[bytes] | None = None
        self._held = bytearray()
        self._ahead = bytearray()
        self._read = 0

    def write(self, data: bytes) -> int:
        self._held += data
        while len(self._held) > _MEMORY:
            self._put(bytes(self._held[:_MEMORY]))
            del self._held[:_MEMORY]
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all of the rest without one; b"" at the end."""
        while (size < 0 or len(self._ahead) < size) and (piece := self._next()):
            self._ahead += piece
        taken = bytes(self._ahead[: size if size >= 0 else None])
        del self._ahead[: len(taken)]
        return taken

    def seek(self, offset: int, whence: int = 0) -> int:
        """To the start alone, and only where nothing was read yet."""
        if offset or whence or self._read:
            raise OSError("an upload is read once, from its start")
        if self._file is not None:
            self._file.seek(0)
        return 0

    def close(self) -> None:
        self._held.clear()
        self._ahead.clear()
        if self._file is not None:
            self._file.close()

    def _put(self, piece: bytes) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115  (closed with this)
        # A key of its own and one nonce a piece: its number.
        place = self._file.tell() // _SEALED
        self._file.write(self._cipher.encrypt(place.to_bytes(12, "big"), piece, None))

    def _next(self) -> bytes:
        sealed = self._file.read(_SEALED) if self._file is not None else b""
        if not sealed:
            last, self._held = bytes(self._held), bytearray()
            return last
        piece = self._cipher.decrypt(self._read.to_bytes(12, "big"), sealed, None)
        self._read += 1
        return piece


class _SealingParser(MultiPartParser):
    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_part.file is not None:
            spool: Any = SealedSpool()
            self._current_part.file.file.close()
            self._current_part.file.file = spool
            self._files_to_close_on_error[-1] = spool


@asynccontextmanager
async def sent_form(
    request: Request, *, max_fields: int, max_files: int, max_text: int
) -> AsyncIterator[FormData]:
    """What a form sent, its uploads in sealed spools. Raises HTTPException 400 for a broken one."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_fields=max_fields, max_part_size=max_text) as plain:
            yield plain
        return
    try:
        async with aclosing(request.stream()) as stream:
            parser = _SealingParser(
                request.headers, stream,
                max_fields=max_fields, max_files=max_files, max_part_size=max_text,
            )  # fmt: skip
            form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(status_code=400, detail=error.message) from None
    try:
        yield form
    finally:
        await form.close()
