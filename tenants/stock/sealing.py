"""How a shop's codes are kept: sealed with the shop's own data key, found by a keyed hash.

A sealed code opens only in its own place (shop, variant, row, key version); copied to another row
it stays shut. The lookup hash differs between variants, so equal codes of two variants do not show
as equal, and it never opens anything. Plain text exists in memory alone.
"""

from dataclasses import dataclass
from uuid import UUID

from keystall.platform.crypto import KeyRing, Unreadable, derive, keyed_hash, open_sealed, seal
from keystall.platform.database import Reads


@dataclass(frozen=True, slots=True, repr=False)
class _DataKey:
    sealing: bytes
    lookup: bytes
    files: bytes


class ShopCipher:
    """Seals and opens for one shop. Holds every version of its data key; the newest seals."""

    def __init__(self, shop: UUID, keys: dict[int, bytes]) -> None:
        self._shop = shop
        self._keys = {
            version: _DataKey(derive(key, "codes"), derive(key, "lookup"), derive(key, "files"))
            for version, key in keys.items()
        }
        self.version = max(keys)

    def seal_code(self, variant: UUID, code: UUID, text: str) -> bytes:
        """The code as it is stored, under the newest key."""
        key = self._key(self.version).sealing
        return seal(key, text.encode(), self._place(variant, code, self.version))

    def open_code(self, variant: UUID, code: UUID, sealed: bytes, version: int) -> str:
        """The plain code. Raises Unreadable when it was altered, moved, or its key is gone."""
        place = self._place(variant, code, version)
        return open_sealed(self._key(version).sealing, sealed, place).decode()

    def lookup(self, variant: UUID, text: str) -> bytes:
        """Equal for equal codes of one variant (32 bytes). The first key's, whatever rotates."""
        return keyed_hash(self._key(min(self._keys)).lookup, variant.bytes + text.encode())

    def seal_file(self, file: UUID, content: bytes) -> bytes:
        """A file of codes as it rests in the file store."""
        header = self.version.to_bytes(4, "big")
        return header + seal(self._key(self.version).files, content, header + file.bytes)

    def open_file(self, file: UUID, sealed: bytes) -> bytes:
        """The file's content. Raises Unreadable."""
        header = sealed[:4]
        key = self._key(int.from_bytes(header, "big"))
        return open_sealed(key.files, sealed[4:], header + file.bytes)

    def _key(self, version: int) -> _DataKey:
        try:
            return self._keys[version]
        except KeyError:
            raise Unreadable(f"the shop has no data key of version {version}") from None

    def _place(self, variant: UUID, code: UUID, version: int) -> bytes:
        return self._shop.bytes + variant.bytes + code.bytes + version.to_bytes(4, "big")


def key_place(shop: UUID) -> bytes:
    """Associated data of a shop's wrapped data key: it unwraps for this shop alone."""
    return b"shop-key:" + shop.bytes


async def shop_cipher(db: Reads, keys: KeyRing, shop: UUID) -> ShopCipher:
    """The cipher of `shop`, its data keys unwrapped. Raises Unreadable when there is none."""
    rows = await db.rows("select version, wrapped from shop_keys where shop_id = $1", shop)
    if not rows:
        raise Unreadable("the shop has no data key")
    return ShopCipher(
        shop, {row["version"]: keys.unwrap(row["wrapped"], key_place(shop)) for row in rows}
    )
