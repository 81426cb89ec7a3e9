"""How a shop's secrets are kept: sealed with the shop's own data key; codes found by a keyed hash.

A sealed code opens only in its own place (shop, variant, row, key version); copied to another row
it stays shut. So does a pack of codes, sealed as one. The lookup hash differs between variants, so
equal codes of two variants do not show as equal, and it never opens anything. Plain text exists in
memory alone.

Files of codes rest as frames, each sealed with its place in the file, so that they are written and
read in pieces and none can be dropped, moved or added without the next reader noticing.

While keys rotate a shop has two: the newest seals, both open. A new code is a duplicate where any
of its lookups is in stock (docs/decisions/0007). What is sealed where is listed in
`keystall.tenants.keys.registry`, from which rotation works.
"""

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from keystall.platform.crypto import (
    KeyRing,
    Sealer,
    Unreadable,
    derive,
    keyed_hash,
    keyed_hashes,
    open_sealed,
    seal,
)
from keystall.platform.database import Reads
from keystall.tenants.errors import Refused, UserError

FRAME = 256 * 1024
"""Bytes of a file that are sealed together."""

_HEADER_BYTES = 4
_FRAMED = 1 << 31  # in the header of a file; one without it was sealed in one, of 10 MiB at most
_LENGTH_BYTES = 4
_USES = ("codes", "lookup", "files", "secrets")


class KeysDestroyed(Unreadable, Refused):
    """The shop has no data key: what it had sealed cannot be read again, by anyone.

    As a refusal it is KEYS_DESTROYED, about the whole request.
    """

    def __init__(self) -> None:
        Refused.__init__(self, UserError("KEYS_DESTROYED"))


@dataclass(frozen=True, slots=True, repr=False)
class _DataKey:
    sealing: bytes
    lookup: bytes
    files: bytes
    secrets: bytes
    sealer: Sealer


def _data_key(key: bytes) -> _DataKey:
    sealing, lookup, files, secrets = (derive(key, use) for use in _USES)
    return _DataKey(sealing, lookup, files, secrets, Sealer(sealing))


class ShopCipher:
    """Seals and opens for one shop. Holds every version of its data key; the newest seals.

    It is good for the transaction that made it: what is sealed with it is written there, and rows
    that it opens are read after it.
    """

    def __init__(self, shop: UUID, keys: dict[int, bytes]) -> None:
        self._shop = shop
        self._keys = {version: _data_key(key) for version, key in keys.items()}
        self.version = max(keys)
        self.older = sorted(set(keys) - {self.version}, reverse=True)
        """Versions that still open; none but while keys rotate."""

    def has(self, version: int) -> bool:
        """Whether it opens what this version of the data key sealed."""
        return version in self._keys

    def seal_code(self, variant: UUID, code: UUID, text: str) -> bytes:
        """The code as it is stored, under the newest key."""
        sealer = self._key(self.version).sealer
        return sealer.seal(text.encode(), self._place(variant, code, self.version))

    def for_import(self, variant: UUID) -> "ImportSealer":
        """Seals and looks up codes of one variant by the million."""
        return ImportSealer(self, variant)

    def open_code(self, variant: UUID, code: UUID, sealed: bytes, version: int) -> str:
        """The plain code. Raises Unreadable when it was altered, moved, or its key is gone."""
        place = self._place(variant, code, version)
        return open_sealed(self._key(version).sealing, sealed, place).decode()

    def seal_pack(self, variant: UUID, pack: UUID, texts: Sequence[str]) -> bytes:
        """The codes of a pack as they are stored, sealed as one under the newest key."""
        plain = json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode()
        return self._key(self.version).sealer.seal(plain, self._pack_place(variant, pack))

    def open_pack(self, variant: UUID, pack: UUID, sealed: bytes, version: int) -> list[str]:
        """The plain codes of a pack. Raises Unreadable as `open_code` does."""
        place = self._pack_place(variant, pack, version)
        texts: list[str] = json.loads(open_sealed(self._key(version).sealing, sealed, place))
        return texts

    def lookup(self, variant: UUID, text: str) -> bytes:
        """Equal for equal codes of one variant (32 bytes), as the newest key has it."""
        return self._lookup(self.version, variant, text)

    def older_lookups(self, variant: UUID, text: str) -> list[bytes]:
        """The lookups under which an equal code may still be in stock, besides `lookup`."""
        return [self._lookup(version, variant, text) for version in self.older]

    async def seal_file(self, file: UUID, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """A file of codes as it rests in the file store, as it comes; the key's version first."""
        header = _header(self.version | _FRAMED)
        key = self._key(self.version).files
        yield header
        rest, number = bytearray(), 0
        async for piece in pieces:
            rest += piece
            while len(rest) > FRAME:
                yield _framed(key, bytes(rest[:FRAME]), _frame_place(header, file, number))
                del rest[:FRAME]
                number += 1
        yield _framed(key, bytes(rest), _frame_place(header, file, number, last=True))

    def open_file(self, file: UUID, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The file's content, in pieces. Raises Unreadable, at its end where it was cut short."""
        stream = _Pieces(pieces)
        header = stream.take(_HEADER_BYTES)
        key = self._key(sealed_version(header)).files
        if not int.from_bytes(header, "big") & _FRAMED:
            yield open_sealed(key, stream.rest(), header + file.bytes)
            return
        number, last = 0, False
        while not last:
            sealed = stream.take(int.from_bytes(stream.take(_LENGTH_BYTES), "big"))
            last = stream.ended()
            yield open_sealed(key, sealed, _frame_place(header, file, number, last=last))
            number += 1

    def seal_secret(self, column: str, row: UUID, secret: bytes) -> bytes:
        """A secret for one column of one row, its key's version in front.

        `column` is `table.column`. The column belongs into the registry, and behind `seal_wall`.
        """
        header = _header(self.version)
        return header + seal(
            self._key(self.version).secrets, secret, self._secret_place(header, column, row)
        )

    def open_secret(self, column: str, row: UUID, sealed: bytes) -> bytes:
        """What `seal_secret` was given. Raises Unreadable."""
        key = self._key(sealed_version(sealed))
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        return open_sealed(key.secrets, rest, self._secret_place(header, column, row))

    def _key(self, version: int) -> _DataKey:
        try:
            return self._keys[version]
        except KeyError:
            raise Unreadable(f"the shop has no data key of version {version}") from None

    def _lookup(self, version: int, variant: UUID, text: str) -> bytes:
        return keyed_hash(self._key(version).lookup, variant.bytes + text.encode())

    def _place(self, variant: UUID, code: UUID, version: int) -> bytes:
        return self._shop.bytes + variant.bytes + code.bytes + _header(version)

    def _pack_place(self, variant: UUID, pack: UUID, version: int | None = None) -> bytes:
        return b"pack:" + self._place(variant, pack, version or self.version)

    def _secret_place(self, header: bytes, column: str, row: UUID) -> bytes:
        return header + self._shop.bytes + row.bytes + column.encode()


class ImportSealer:
    """What `seal_code` and `lookup` of the newest key do, with all worked out that is the same for
    each code of a variant. Texts as UTF-8."""

    __slots__ = ("_end", "_sealer", "_start", "lookup")

    def __init__(self, cipher: ShopCipher, variant: UUID) -> None:
        key = cipher._key(cipher.version)
        self._sealer = key.sealer
        self.lookup = keyed_hashes(key.lookup, variant.bytes)
        self._start = cipher._shop.bytes + variant.bytes
        self._end = _header(cipher.version)

    def seal_all(self, codes: Sequence[tuple[UUID, bytes]]) -> list[bytes]:
        """Each code's text, sealed for the row of its id."""
        start, end = self._start, self._end
        places = ((text, start + code.bytes + end) for code, text in codes)
        return self._sealer.seal_all(places, len(codes))


def sealed_version(sealed: bytes) -> int:
    """The version of the data key that a file or a secret was sealed with."""
    return int.from_bytes(sealed[:_HEADER_BYTES], "big") & ~_FRAMED


def _framed(key: bytes, content: bytes, place: bytes) -> bytes:
    sealed = seal(key, content, place)
    return len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed


def _frame_place(header: bytes, file: UUID, number: int, *, last: bool = False) -> bytes:
    return header + file.bytes + number.to_bytes(8, "big") + bytes([last])


class _Pieces:
    """Bytes out of pieces, so many at a time."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = bytearray()

    def take(self, count: int) -> bytes:
        """Exactly so many bytes. Raises Unreadable where there are fewer."""
        if count > 2 * FRAME:
            raise Unreadable("a frame is longer than any that was sealed")
        while len(self._held) < count and self._fill():
            pass
        if len(self._held) < count:
            raise Unreadable("sealed bytes are cut short")
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def ended(self) -> bool:
        return not self._held and not self._fill()

    def rest(self) -> bytes:
        return bytes(self._held) + b"".join(self._pieces)

    def _fill(self) -> bool:
        for piece in self._pieces:
            self._held += piece
            if piece:
                return True
        return False


def key_place(shop: UUID) -> bytes:
    """Associated data of a shop's wrapped data key: it unwraps for this shop alone."""
    return b"shop-key:" + shop.bytes


async def shop_cipher(db: Reads, keys: KeyRing, shop: UUID) -> ShopCipher:
    """The cipher of `shop`, its data keys unwrapped; they stay until the transaction ends.

    A transaction that writes asks for it before it reads what is to be opened: between the two a
    rotation may have sealed the rows anew. (A request's reader sees one moment: there it is all
    the same.) Raises KeysDestroyed where there is none.
    """
    rows = await db.rows("select version, wrapped from shop_keys_held($1)", shop)
    if not rows:
        raise KeysDestroyed
    return ShopCipher(
        shop, {row["version"]: keys.unwrap(row["wrapped"], key_place(shop)) for row in rows}
    )


def _header(version: int) -> bytes:
    return version.to_bytes(_HEADER_BYTES, "big")
