"""Encryption of what must not be read from the database: keys of shops, codes, credentials.

One installation has a key ring; each shop has a random data key, stored wrapped by the ring;
codes are sealed with the data key. Everything is AES-256-GCM with a random 96-bit nonce
(NIST SP 800-38D allows 2**32 sealings a key), bound to its place by associated data, so that
a sealed value moved to another row no longer opens.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_VERSION_BYTES = 4
_MAX_VERSION = 2 ** (8 * _VERSION_BYTES) - 1
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_ENTRY = re.compile(r"[0-9]{1,10}(?:/[a-z][a-z-]{0,30})?:[A-Za-z0-9+/_-]+={0,2}", re.ASCII)
# A random key has about 30 distinct bytes; one with so few was typed by hand.
_FEWEST_DISTINCT_BYTES = 12


class Unreadable(Exception):
    """Sealed bytes that do not open: altered, moved, or sealed with another key."""


class InvalidKeyRing(Exception):
    """A key ring that cannot be used. The message never holds key material."""


def new_key() -> bytes:
    """A random 256-bit key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Nonce (12 bytes), ciphertext and tag (16 bytes). `key` is 32 bytes, else ValueError."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, plaintext, aad)


def open_sealed(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext that `seal` was given, with the same key and associated data.

    Raises Unreadable.
    """
    if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise Unreadable("sealed bytes are cut short")
    try:
        return _cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
    except InvalidTag:
        raise Unreadable("sealed bytes do not open with this key and place") from None


class Sealer:
    """`seal` many times over with one key, whose schedule is made once: twice as fast."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = _cipher(key)

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """As `seal` of this module."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, aad)

    def seal_all(self, places: Iterable[tuple[bytes, bytes]], count: int) -> list[bytes]:
        """The same of `count` pairs of plaintext and associated data, their nonces drawn
        at once. No two calls share a nonce, on whatever threads they run."""
        encrypt, sealed = self._cipher.encrypt, list[bytes]()
        drawn = os.urandom(_NONCE_BYTES * count)
        starts = range(0, len(drawn), _NONCE_BYTES)
        for start, (plaintext, aad) in zip(starts, places, strict=True):
            nonce = drawn[start : start + _NONCE_BYTES]
            sealed.append(nonce + encrypt(nonce, plaintext, aad))
        return sealed


def keyed_hash(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 (32 bytes): equal data is found without being readable."""
    return hmac.digest(_checked(key), data, "sha256")


def keyed_hashes(key: bytes, prefix: bytes) -> Callable[[bytes], bytes]:
    """`keyed_hash` many times over, each of what is given after `prefix`.

    The two hashes of an HMAC (RFC 2104) are begun once, and gone on with from copies: a third of
    the time.
    """
    block = _checked(key).ljust(hashlib.sha256().block_size, b"\0")
    inner = hashlib.sha256(block.translate(_INNER) + prefix)
    outer = hashlib.sha256(block.translate(_OUTER))

    def hashed(data: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(data)
        around.update(within.digest())
        return around.digest()

    return hashed


def derive(key: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose (HKDF-SHA256, RFC 5869); one key never serves two ends."""
    info = b"keystall:" + purpose.encode()
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(_checked(key))


class KeyRing:
    """The installation's keys by version. The highest wraps; the others still unwrap.

    Text form: entries `version:base64` of 32 bytes, apart by white space, `#` comments allowed. An
    entry `version/purpose` is what a destroyed key leaves behind: the key derived from it for one
    purpose, so that links that were mailed still open. It leads neither back to the key nor to
    anything that the key wrapped.

        1/order-token:q0bVdGF3…=
        2:9hJx0mYk…=
    """

    __slots__ = ("_keys", "_left", "current")

    def __init__(
        self, keys: Mapping[int, bytes], left: Mapping[tuple[int, str], bytes] | None = None
    ) -> None:
        if not keys:
            raise InvalidKeyRing("the key ring is empty")
        self._keys = dict(keys)
        self._left = dict(left or {})
        self.current = max(keys)
        entries = [*keys.items(), *((version, key) for (version, _), key in self._left.items())]
        for version, key in entries:
            _check_entry(version, key)

    def __repr__(self) -> str:
        return f"KeyRing(versions={self.versions})"

    @property
    def versions(self) -> list[int]:
        """Versions held, oldest first."""
        return sorted(self._keys)

    @classmethod
    def generate(cls) -> Self:
        """A ring with one random key, version 1."""
        return cls({1: new_key()})

    @classmethod
    def parse(cls, text: str) -> Self:
        """A ring from its text form. Raises InvalidKeyRing."""
        found: dict[tuple[int, str], bytes] = {}
        for number, entry in enumerate(_entries(text), start=1):
            if not _ENTRY.fullmatch(entry):
                raise InvalidKeyRing(f"entry {number} of the key ring is not version:base64")
            name, encoded = entry.split(":")
            digits, _, purpose = name.partition("/")
            version = int(digits)
            if (version, purpose) in found:
                raise InvalidKeyRing(f"version {version} stands twice in the key ring")
            found[version, purpose] = _decoded(version, encoded)
        return cls(
            {version: key for (version, purpose), key in found.items() if not purpose},
            {name: key for name, key in found.items() if name[1]},
        )

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """A ring from a file, or from the text form itself. Raises InvalidKeyRing."""
        if isinstance(source, str) and is_ring_text(source):
            return cls.parse(source)
        try:
            text = Path(source).read_text("utf-8")
        except (OSError, ValueError) as error:
            # The source may be a mistyped inline key: neither it nor the cause is shown.
            kind = type(error).__name__
            raise InvalidKeyRing(f"the key ring file cannot be read ({kind})") from None
        return cls.parse(text)

    def rotated(self) -> "KeyRing":
        """This ring with a new current key; the old ones stay so that nothing is lost."""
        return KeyRing({**self._keys, self.current + 1: new_key()}, self._left)

    def alone(self, *, first_of: Sequence[str], all_of: Sequence[str]) -> "KeyRing":
        """The current key without the older ones: whatever only they had wrapped is lost.

        Of what was derived from them stays, for the purposes `first_of`, that of the oldest key
        there ever was, and for the purposes `all_of` that of every key that goes now.
        """
        left = {(self.first(purpose), purpose) for purpose in first_of}
        left |= {(version, purpose) for purpose in all_of for version in self.versions}
        return KeyRing(
            {self.current: self.key()},
            {
                (version, purpose): self.derived(purpose, version)
                for version, purpose in left
                if version != self.current
            },
        )

    def to_text(self) -> str:
        """The secret text form, for writing to a file that only its owner reads."""
        entries = {(version, ""): key for version, key in self._keys.items()} | self._left
        return "".join(
            f"{version}{'/' * bool(purpose)}{purpose}:{base64.b64encode(key).decode()}\n"
            for (version, purpose), key in sorted(entries.items())
        )

    def first(self, purpose: str) -> int:
        """The oldest version whose key for `purpose` is known."""
        return min(self.versions_for(purpose))

    def versions_for(self, purpose: str) -> list[int]:
        """The versions whose key for `purpose` is known, newest first."""
        left = {version for version, name in self._left if name == purpose}
        return sorted({*self._keys, *left}, reverse=True)

    def derived(self, purpose: str, version: int | None = None) -> bytes:
        """The key for one purpose of `version`, the current by default; it may outlive that one.

        Raises Unreadable where neither is held.
        """
        wanted = self.current if version is None else version
        left = self._left.get((wanted, purpose))
        return derive(self.key(wanted), purpose) if left is None else left

    def key(self, version: int | None = None) -> bytes:
        """The key of `version`, the current one by default: input for `derive`.

        Raises Unreadable for a version that the ring does not hold.
        """
        try:
            return self._keys[self.current if version is None else version]
        except KeyError:
            raise Unreadable(f"the key ring has no version {version}") from None

    def refresh(self) -> None:
        """Looks for newer keys where there may be some; a ring that stands by itself has none."""

    def wrap(self, data_key: bytes, aad: bytes) -> bytes:
        """The data key sealed with the current key, the ring's version in front (4 bytes)."""
        header = wrapped_with(self.current)
        return header + seal(self.key(), data_key, header + aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """The data key that was wrapped by any version held. Raises Unreadable."""
        header = wrapped[:_VERSION_BYTES]
        key = self.key(int.from_bytes(header, "big"))
        return open_sealed(key, wrapped[_VERSION_BYTES:], header + aad)


def wrapped_with(version: int) -> bytes:
    """What everything starts with that a ring wrapped with this version (4 bytes)."""
    return version.to_bytes(_VERSION_BYTES, "big")


def is_ring_text(source: str) -> bool:
    """Whether `source` is a ring in its text form, and not the path of a file."""
    return any(map(_ENTRY.fullmatch, _entries(source)[:1]))


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(_checked(key))


def _checked(key: bytes) -> bytes:
    # AESGCM and HMAC would take shorter keys without a word.
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key is {KEY_BYTES} bytes, not {len(key)}")
    return key


def _entries(text: str) -> list[str]:
    return re.sub(r"#[^\n]*", "", text.removeprefix("\ufeff")).split()


def _decoded(version: int, encoded: str) -> bytes:
    standard = encoded.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error:
        raise InvalidKeyRing(f"version {version} of the key ring is not base64") from None


def _check_entry(version: int, key: bytes) -> None:
    if not 1 <= version <= _MAX_VERSION:
        raise InvalidKeyRing(f"version {version} of the key ring is out of range")
    if len(key) != KEY_BYTES:
        raise InvalidKeyRing(f"version {version} of the key ring is not {KEY_BYTES} bytes")
    if len(set(key)) < _FEWEST_DISTINCT_BYTES:
        raise InvalidKeyRing(f"version {version} of the key ring is a placeholder, not random")
