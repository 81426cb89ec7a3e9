"""A stream of bytes sealed under a passphrase, a chunk at a time.

    KEYSTALL-BACKUP
    {"format": 1, "kdf": "argon2id", "memory": …, "time": …, "lanes": …, "salt": "…"}
    <proof of the passphrase: 28 bytes>
    <last: 1 byte> <length: 4 bytes> <AES-256-GCM of a deflated chunk of at most a megabyte> …

The key comes from the passphrase by Argon2id (RFC 9106) with a salt of the file's own, so nonces
may be counted. Each chunk is bound to its number, to whether it is the last, and to the header:
nothing can be altered, left out, put elsewhere or cut off (STREAM; Hoang, Reyhanitabar, Rogaway,
Vizár 2015).
"""

import hashlib
import json
import secrets
import zlib
from collections.abc import Iterator
from typing import IO

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keystall.platform.crypto import KEY_BYTES, Unreadable, derive, open_sealed, seal

MAGIC = b"KEYSTALL-BACKUP\n"
CHUNK = 1024 * 1024
"""Bytes of plain text in a chunk: what is held in memory."""
MEMORY_KIB, TIME, LANES = 65_536, 3, 4
"""RFC 9106's second recommendation."""
_MOST_MEMORY_KIB, _MOST_TIME = 1_048_576, 20
_LONGEST_HEADER = 1000
_PROOF_BYTES = 28


class NoArchive(Exception):
    """The file is none that this version of Keystall has written."""


class WrongPassphrase(Exception):
    """The passphrase does not open the file."""


class Damaged(Exception):
    """The file was altered or cut off."""


class SealedWriter:
    """Writes to `file`. What `write` was given is complete only after `finish`."""

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        facts = {
            "format": 1, "kdf": "argon2id", "memory": MEMORY_KIB, "time": TIME, "lanes": LANES,
            "salt": secrets.token_hex(16),
        }  # fmt: skip
        header = MAGIC + json.dumps(facts).encode() + b"\n"
        key = _key(passphrase, facts)
        self._file, self._sealer = file, _Chunks(key, header)
        self._pending = bytearray()
        file.write(header + seal(derive(key, "backup-passphrase"), b"", header))

    def write(self, data: bytes) -> None:
        """Takes data as it comes."""
        self._pending += data
        while len(self._pending) > CHUNK:
            self._put(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]

    def finish(self) -> None:
        """Writes what is pending, as the last there is."""
        self._put(bytes(self._pending), last=True)
        self._pending.clear()

    def _put(self, data: bytes, *, last: bool) -> None:
        sealed = self._sealer.seal(zlib.compress(data, 1), last=last)
        self._file.write(bytes([last]) + len(sealed).to_bytes(4, "big") + sealed)


def opened(file: IO[bytes], passphrase: str) -> Iterator[bytes]:
    """The plain text, in pieces of at most `CHUNK` bytes, every one of them proved genuine.

    Raises NoArchive, WrongPassphrase and Damaged; the last one possibly after pieces were given.
    """
    magic = file.read(len(MAGIC))
    line = file.readline(_LONGEST_HEADER)
    try:
        facts = json.loads(line)
        key = _key(passphrase, facts) if magic == MAGIC else None
    except (ValueError, KeyError, TypeError):
        key = None
    if key is None:
        raise NoArchive("this is no backup that this version of Keystall can read")
    header = magic + line
    try:
        open_sealed(derive(key, "backup-passphrase"), file.read(_PROOF_BYTES), header)
    except Unreadable:
        raise WrongPassphrase(
            "the passphrase does not open this backup (or its first lines were altered)"
        ) from None
    return _pieces(file, _Chunks(key, header))


def _pieces(file: IO[bytes], chunks: "_Chunks") -> Iterator[bytes]:
    last = False
    while not last:
        head = file.read(5)
        length = int.from_bytes(head[1:], "big")
        if len(head) < 5 or length > 2 * CHUNK:
            raise Damaged("the backup ends too early, or was altered")
        last, sealed = head[0] == 1, file.read(length)
        if len(sealed) != length or head[0] > 1:
            raise Damaged("the backup ends too early, or was altered")
        try:
            deflated = chunks.open(sealed, last=last)
        except InvalidTag:
            raise Damaged("the backup was altered, or is cut off") from None
        yield zlib.decompress(deflated)
    if file.read(1):
        raise Damaged("something was added to the backup's end")


class _Chunks:
    def __init__(self, key: bytes, header: bytes) -> None:
        self._cipher = AESGCM(derive(key, "backup-stream"))
        self._header = hashlib.sha256(header).digest()
        self._number = 0

    def seal(self, data: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(), data, self._header + bytes([last]))

    def open(self, sealed: bytes, *, last: bool) -> bytes:
        return self._cipher.decrypt(self._nonce(), sealed, self._header + bytes([last]))

    def _nonce(self) -> bytes:
        self._number += 1
        return self._number.to_bytes(12, "big")


def _key(passphrase: str, facts: dict[str, object]) -> bytes:
    memory, time, lanes = (int(str(facts[name])) for name in ("memory", "time", "lanes"))
    known = (facts["format"], facts["kdf"]) == (1, "argon2id")
    if not known or not 0 < memory <= _MOST_MEMORY_KIB or not 0 < time <= _MOST_TIME:
        raise ValueError("unknown format")
    return hash_secret_raw(
        passphrase.encode(), bytes.fromhex(str(facts["salt"])), time_cost=time, memory_cost=memory,
        parallelism=lanes, hash_len=KEY_BYTES, type=Type.ID,
    )  # fmt: skip
