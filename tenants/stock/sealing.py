"""How a shop's secrets are kept: sealed with the shop's own data key; codes found by a keyed hash.

A sealed code opens only in its own place (shop, variant, row, key version); copied to another row
it stays shut. The lookup hash differs between variants, so equal codes of two variants do not show
as equal, and it never opens anything. Plain text exists in memory alone.

While keys rotate a shop has two: the newest seals, both open. A new code is a duplicate where any
of its lookups is in stock (docs/decisions/0007). What is sealed where is listed in
`keystall.tenants.keys.registry`, from which rotation works.
"""

from dataclasses import dataclass
from uuid import UUID

from keystall.platform.crypto import KeyRing, Unreadable, derive, keyed_hash, open_sealed, seal
from keystall.platform.database import Reads
from keystall.tenants.errors import Refused, UserError

_HEADER_BYTES = 4
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


class ShopCipher:
    """Seals and opens for one shop. Holds every version of its data key; the newest seals.

    It is good for the transaction that made it: what is sealed with it is written there, and rows
    that it opens are read after it.
    """

    def __init__(self, shop: UUID, keys: dict[int, bytes]) -> None:
        self._shop = shop
        self._keys = {
            version: _DataKey(
                *(derive(key, use) for use in ("codes", "lookup", "files", "secrets"))
            )
            for version, key in keys.items()
        }
        self.version = max(keys)
        self.older = sorted(set(keys) - {self.version}, reverse=True)
        """Versions that still open; none but while keys rotate."""

    def has(self, version: int) -> bool:
        """Whether it opens what this version of the data key sealed."""
        return version in self._keys

    def seal_code(self, variant: UUID, code: UUID, text: str) -> bytes:
        """The code as it is stored, under the newest key."""
        key = self._key(self.version).sealing
        return seal(key, text.encode(), self._place(variant, code, self.version))

    def open_code(self, variant: UUID, code: UUID, sealed: bytes, version: int) -> str:
        """The plain code. Raises Unreadable when it was altered, moved, or its key is gone."""
        place = self._place(variant, code, version)
        return open_sealed(self._key(version).sealing, sealed, place).decode()

    def lookup(self, variant: UUID, text: str) -> bytes:
        """Equal for equal codes of one variant (32 bytes), as the newest key has it."""
        return self._lookup(self.version, variant, text)

    def older_lookups(self, variant: UUID, text: str) -> list[bytes]:
        """The lookups under which an equal code may still be in stock, besides `lookup`."""
        return [self._lookup(version, variant, text) for version in self.older]

    def seal_file(self, file: UUID, content: bytes) -> bytes:
        """A file of codes as it rests in the file store, its key's version in front."""
        header = _header(self.version)
        return header + seal(self._key(self.version).files, content, header + file.bytes)

    def open_file(self, file: UUID, sealed: bytes) -> bytes:
        """The file's content. Raises Unreadable."""
        key = self._key(sealed_version(sealed))
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        return open_sealed(key.files, rest, header + file.bytes)

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

    def _secret_place(self, header: bytes, column: str, row: UUID) -> bytes:
        return header + self._shop.bytes + row.bytes + column.encode()


def sealed_version(sealed: bytes) -> int:
    """The version of the data key that a file or a secret was sealed with."""
    return int.from_bytes(sealed[:_HEADER_BYTES], "big")


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
