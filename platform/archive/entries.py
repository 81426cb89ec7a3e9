"""Named entries in a stream, each of a length that nobody need know before it is written.

An entry is a frame `E` with its name, frames `D` with its content, and a frame `Z`; the stream ends
with a frame `X`. A frame is its letter, the length of its content (4 bytes) and the content.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from keystall.platform.archive.sealed_stream import Damaged


class Sink(Protocol):
    def write(self, data: bytes) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Digest:
    """What an entry held: SHA-256 in hexadecimal, bytes, and line ends among them."""

    sha256: str
    size: int
    lines: int


class Measure:
    """Takes data as it comes; `digest` says what it was."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = self._lines = 0

    def add(self, data: bytes) -> None:
        self._hash.update(data)
        self._size += len(data)
        self._lines += data.count(b"\n")

    def digest(self) -> Digest:
        return Digest(self._hash.hexdigest(), self._size, self._lines)


class EntryWriter:
    """Writes entries one after the other: `begin`, `write` …, `end`; at last `finish`."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._measure = Measure()

    def begin(self, name: str) -> None:
        self._frame(b"E", name.encode())
        self._measure = Measure()

    def write(self, data: bytes) -> None:
        self._measure.add(data)
        self._frame(b"D", data)

    def end(self) -> Digest:
        self._frame(b"Z", b"")
        return self._measure.digest()

    def add(self, name: str, content: bytes) -> Digest:
        """A whole entry."""
        self.begin(name)
        self.write(content)
        return self.end()

    def finish(self) -> None:
        self._frame(b"X", b"")
        self._sink.finish()

    def _frame(self, letter: bytes, content: bytes) -> None:
        self._sink.write(letter + len(content).to_bytes(4, "big") + content)


class Entry:
    """One entry while it is read. `digest` holds once `pieces` is exhausted."""

    def __init__(self, name: str, frames: "_Frames") -> None:
        self.name = name
        self._frames = frames
        self._measure = Measure()

    def pieces(self) -> Iterator[bytes]:
        while True:
            letter, content = self._frames.next()
            if letter == b"Z":
                return
            if letter != b"D":
                raise Damaged("the backup's entries are out of order")
            self._measure.add(content)
            yield content

    def content(self) -> bytes:
        """All of it, for entries that are known to be small."""
        return b"".join(self.pieces())

    def digest(self) -> Digest:
        return self._measure.digest()


def entries(stream: Iterator[bytes]) -> Iterator[Entry]:
    """The entries of a stream; each must be read to its end before the next. Raises Damaged."""
    frames = _Frames(stream)
    while True:
        letter, content = frames.next()
        if letter == b"X":
            frames.expect_end()
            return
        if letter != b"E":
            raise Damaged("the backup's entries are out of order")
        yield Entry(content.decode(), frames)


class _Frames:
    def __init__(self, stream: Iterator[bytes]) -> None:
        self._stream = stream
        self._pending = bytearray()

    def next(self) -> tuple[bytes, bytes]:
        head = self._take(5)
        return head[:1], self._take(int.from_bytes(head[1:], "big"))

    def expect_end(self) -> None:
        for more in self._stream:
            self._pending += more
        if self._pending:
            raise Damaged("the backup goes on after its end")

    def _take(self, length: int) -> bytes:
        while len(self._pending) < length:
            piece = next(self._stream, None)
            if piece is None:
                raise Damaged("the backup ends too early")
            self._pending += piece
        taken = bytes(self._pending[:length])
        del self._pending[:length]
        return taken
