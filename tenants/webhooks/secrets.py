"""A webhook's secrets: sealed as they are made, opened to sign, shown once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from keystall.platform import clock
from keystall.platform.crypto import KeyRing
from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.tenants.stock.sealing import shop_cipher
from keystall.tenants.webhooks.signing import new_signing_secret, secret_hint
from keystall.tenants.writing import Writing

COLUMN = "webhook_secrets.sealed"
OVERLAP = timedelta(days=1)
"""How long the old secret goes on signing beside a new one."""


async def secret_make(tx: Writing, keys: KeyRing, shop: UUID, webhook: UUID) -> str:
    """A new secret of the webhook, which nobody can show again. The one before signs beside it for
    OVERLAP; those before that no more."""
    cipher = await shop_cipher(tx, keys, shop)
    await tx.execute(
        "delete from webhook_secrets where shop_id = $1 and webhook_id = $2"
        " and expires_at is not null",
        shop, webhook,
    )  # fmt: skip
    await tx.execute(
        "update webhook_secrets set expires_at = $3 where shop_id = $1 and webhook_id = $2",
        shop, webhook, clock.now() + OVERLAP,
    )  # fmt: skip
    secret, row = new_signing_secret(), new_id()
    await tx.execute(
        "insert into webhook_secrets (shop_id, id, webhook_id, sealed, hint)"
        " values ($1, $2, $3, $4, $5)",
        shop, row, webhook, cipher.seal_secret(COLUMN, row, secret.encode()), secret_hint(secret),
    )  # fmt: skip
    return secret


async def signing_secrets(db: Reads, keys: KeyRing, shop: UUID, webhook: UUID) -> Sequence[str]:
    """The secrets that sign now, the newest first. Raises KeysDestroyed, Unreadable."""
    cipher = await shop_cipher(db, keys, shop)
    rows = await db.rows(
        "select id, sealed from webhook_secrets where shop_id = $1 and webhook_id = $2"
        " and (expires_at is null or expires_at > $3) order by expires_at is null desc, id desc",
        shop, webhook, clock.now(),
    )  # fmt: skip
    return [cipher.open_secret(COLUMN, row["id"], row["sealed"]).decode() for row in rows]
