"""The same key and the same input is the same operation, however often it is asked for."""

import hashlib
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.tenants.errors import refuse


def fingerprint(*parts: object) -> bytes:
    """A digest of an operation's input (32 bytes)."""
    return hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()


async def claim_key(
    tx: Transaction, shop: UUID, operation: str, key: str, *, print_: bytes, object_id: UUID
) -> UUID:
    """The id to go on with: `object_id` where the key is new, else the one made under it before.

    A second request waits here until the first has committed. Refuses a key that was used with
    other input (IDEMPOTENCY_MISMATCH) and one that is no key.
    """
    check_key(key)
    if await _claimed(tx, shop, operation, key, print_, object_id):
        return object_id
    earlier = await claimed_key(tx, shop, operation, key, print_=print_)
    if earlier is None:
        raise refuse("IDEMPOTENCY_MISMATCH", "idempotency_key")
    return earlier


async def done_before(
    tx: Transaction, shop: UUID, operation: str, key: str | None, *, print_: bytes, object_id: UUID
) -> bool:
    """Whether what is asked of `object_id`, which is there already, was done under the key; never
    without one. Waits and refuses as `claim_key` does."""
    if key is None:
        return False
    check_key(key)
    if await _claimed(tx, shop, operation, key, print_, object_id):
        return False
    await claimed_key(tx, shop, operation, key, print_=print_)
    return True


async def _claimed(
    tx: Transaction, shop: UUID, operation: str, key: str, print_: bytes, object_id: UUID
) -> bool:
    """Whether the key is new, and taken from now on."""
    return bool(
        await tx.execute(
            "insert into idempotency_keys (shop_id, operation, key, fingerprint, object_id)"
            " values ($1, $2, $3, $4, $5) on conflict do nothing",
            shop, operation, key, print_, object_id,
        )
    )  # fmt: skip


async def claimed_key(
    tx: Transaction, shop: UUID, operation: str, key: str, *, print_: bytes
) -> UUID | None:
    """The id made under the key before; None for a new key. Refuses as `claim_key` does."""
    check_key(key)
    row = await tx.row(
        "select fingerprint, object_id from idempotency_keys"
        " where shop_id = $1 and operation = $2 and key = $3",
        shop, operation, key,
    )  # fmt: skip
    if row is None:
        return None
    if row["fingerprint"] != print_:
        raise refuse("IDEMPOTENCY_MISMATCH", "idempotency_key")
    earlier: UUID = row["object_id"]
    return earlier


def check_key(key: str) -> None:
    """Refuses what is no key."""
    if not 8 <= len(key) <= 64:
        raise refuse("INVALID", "idempotency_key")
