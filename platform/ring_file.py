"""The key ring as a file that changes while processes run.

A rotation puts a new file in the place of the old one. Whoever meets a version that it does not
know looks into the file again, so that no process needs a restart; whoever is about to wrap looks
first, so that nothing is wrapped with a key that is going.
"""

import os
import time
from pathlib import Path

from keystall.platform.crypto import InvalidKeyRing, KeyRing, is_ring_text

GRACE = 60.0
"""Seconds for which a process remembers a key that has left the file.

A transaction that began before may still read what that key had wrapped; none lasts so long.
"""


class RingFile(KeyRing):
    """The ring in a file; it follows the file. Raises InvalidKeyRing where it cannot be read."""

    __slots__ = ("_leaving", "_seen", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = _signature(path)
        ring = KeyRing.load(path)
        super().__init__(ring._keys, ring._left)
        self._leaving: dict[int, tuple[float, bytes]] = {}

    def key(self, version: int | None = None) -> bytes:
        """The key of `version`, the current one by default, if need be from the file as it is now.

        Raises Unreadable for a version that the ring does not hold.
        """
        if version is None or version in self._keys:
            return super().key(version)
        self.refresh()
        self._forget()
        if version not in self._keys and version in self._leaving:
            return self._leaving[version][1]
        return super().key(version)

    def refresh(self) -> None:
        """Follows the file. One that cannot be read leaves the ring as it is."""
        seen = _signature(self.path)
        if seen is None or seen == self._seen:
            return
        try:
            ring = KeyRing.load(self.path)
        except InvalidKeyRing:
            return
        until = time.monotonic() + GRACE
        gone = {v: (until, key) for v, key in self._keys.items() if v not in ring._keys}
        self._leaving |= gone
        self._keys, self._left, self.current = ring._keys, ring._left, ring.current
        self._seen = seen
        self._forget()

    def _forget(self) -> None:
        now = time.monotonic()
        self._leaving = {v: kept for v, kept in self._leaving.items() if kept[0] > now}


def open_ring(source: str) -> KeyRing:
    """The ring that a setting names: a file, which is followed, or the text form itself.

    Raises InvalidKeyRing.
    """
    return KeyRing.parse(source) if is_ring_text(source) else RingFile(Path(source))


def write_ring(path: Path, ring: KeyRing) -> None:
    """Puts `ring` in the file's place, whole or not at all, for its owner's eyes only.

    Afterwards what the old file held is overwritten where it lay. Raises OSError.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if path.exists():
            was = path.stat()
            os.fchmod(file.fileno(), was.st_mode & 0o777)
            if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), was.st_uid, was.st_gid)
        file.write(ring.to_text())
        file.flush()
        os.fsync(file.fileno())
    old = path.open("r+b") if path.exists() else None
    partial.replace(path)
    _settle(path.parent)
    if old is not None:
        with old:
            old.write(b"\0" * os.fstat(old.fileno()).st_size)
            old.flush()
            os.fsync(old.fileno())


def _settle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size)
