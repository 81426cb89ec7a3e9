"""Files by path, in a folder or in S3-compatible storage.

Paths are `<shop>/<id>…`: plain names joined by slashes, the first of them the shop's, so that no
request ever names a file outside its shop. A file is there whole or not at all.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:
    from obstore.store import S3Config

Store: TypeAlias = LocalStore | S3Store
_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
_PATH = re.compile(rf"{_NAME}(?:/{_NAME}){{1,4}}")
_PART = 1024 * 1024


class BadPath(ValueError):
    """A path that could not be one of ours."""


class FileTooLarge(Exception):
    """The upload is longer than `max_bytes`; nothing was kept."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"larger than {max_bytes} bytes")
        self.max_bytes = max_bytes


class FileMissing(LookupError):
    """Nothing is stored at that path."""


class FileStore:
    """Reads and writes files. Every method raises `BadPath` for a path that is not `shop/id…`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put_stream(self, path: str, chunks: AsyncIterable[bytes], max_bytes: int) -> int:
        """Stores `chunks` as they come and returns their length in bytes, replacing an older file.

        Raises `FileTooLarge` at the first byte too many, and whatever `chunks` raises; either way
        nothing is kept and what stood there before stays.
        """
        counted = _Counted(chunks, max_bytes)
        # Parts of 5 MiB are the least that S3 takes; two at once bound the memory.
        await self._store.put_async(
            _checked(path), counted.chunks(), chunk_size=5 * _PART, max_concurrency=2
        )
        return counted.length

    async def put(self, path: str, content: bytes) -> None:
        """Stores `content`, replacing an older file."""
        await self._store.put_async(_checked(path), content)

    async def get(self, path: str) -> bytes:
        """The whole file. Raises `FileMissing`."""
        try:
            found = await self._store.get_async(_checked(path))
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            raise FileMissing(path) from None

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """The file in pieces of about a megabyte. Raises `FileMissing` before the first piece."""
        try:
            found = await self._store.get_async(_checked(path))
        except FileNotFoundError:
            raise FileMissing(path) from None
        async for piece in found.stream(min_chunk_size=_PART):
            yield bytes(piece)

    def pieces(self, path: str) -> Iterator[bytes]:
        """As `stream`, for a thread that may wait. Raises `FileMissing` before the first piece."""
        try:
            found = self._store.get(_checked(path))
        except FileNotFoundError:
            raise FileMissing(path) from None
        for piece in found.stream(min_chunk_size=_PART):
            yield bytes(piece)

    async def paths(self) -> AsyncIterator[str]:
        """Every path there is; not what is being written."""
        async for batch in self._store.list():
            for found in batch:
                if _PATH.fullmatch(found["path"]):
                    yield found["path"]

    async def delete(self, path: str) -> None:
        """Removes the file; one that is not there is gone already."""
        try:
            await self._store.delete_async(_checked(path))
        except FileNotFoundError:
            return


def file_store(url: str) -> FileStore:
    """The store `settings.files_url` asks for. Raises `ValueError` for an unknown scheme.

    `file:///folder`, made if missing; `s3://bucket/prefix?region=…&endpoint=…`, its credentials
    from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the machine's role).
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        return FileStore(LocalStore(folder))
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError("files_url must be file:///folder or s3://bucket/prefix")
    asked = parse_qs(parts.query)
    config: S3Config = {}
    if "region" in asked:
        config["region"] = asked["region"][-1]
    if "endpoint" in asked:
        config["endpoint"] = asked["endpoint"][-1]
    store = S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=config,
        # The library's ten retries in three minutes would keep a request waiting as long.
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=10)},
        client_options={"allow_http": config.get("endpoint", "").startswith("http://")},
    )
    return FileStore(store)


def _checked(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise BadPath("not a file's path")
    return path


class _Counted:
    """Hands chunks on, counting, until there are too many bytes."""

    def __init__(self, chunks: AsyncIterable[bytes], max_bytes: int) -> None:
        self._chunks = chunks
        self._max_bytes = max_bytes
        self.length = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.length += len(chunk)
            if self.length > self._max_bytes:
                raise FileTooLarge(self._max_bytes)
            if chunk:
                yield chunk
