"""Credentials of payment accounts: sealed as they are written, opened for the adapter alone."""

from uuid import UUID, uuid5

from keystall.platform.crypto import KeyRing, Unreadable
from keystall.platform.database import Reads
from keystall.tenants.stock.sealing import shop_cipher
from keystall.tenants.writing import Writing

COLUMN = "payment_secrets.sealed"
_SHOWN = 4


async def account_secrets(tx: Reads, keys: KeyRing, shop: UUID, account: UUID) -> dict[str, str]:
    """The plain credentials of an account by field; none where they cannot be opened any more."""
    try:
        cipher = await shop_cipher(tx, keys, shop)
        rows = await tx.rows(
            "select id, field, sealed from payment_secrets where shop_id = $1 and account_id = $2",
            shop, account,
        )  # fmt: skip
        return {
            row["field"]: cipher.open_secret(COLUMN, row["id"], row["sealed"]).decode()
            for row in rows
        }
    except Unreadable:
        return {}


async def secrets_keep(
    tx: Writing, keys: KeyRing, shop: UUID, account: UUID, secrets: dict[str, str]
) -> None:
    """Seals credentials by field, in place of earlier ones; others stay."""
    cipher = await shop_cipher(tx, keys, shop)
    for field, secret in secrets.items():
        row = uuid5(account, field)
        await tx.execute(
            """
            insert into payment_secrets (shop_id, id, account_id, field, sealed, hint)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (shop_id, id) do update
              set sealed = excluded.sealed, hint = excluded.hint, created_at = now()
            """,
            shop, row, account, field, cipher.seal_secret(COLUMN, row, secret.encode()),
            secret[-_SHOWN:],
        )  # fmt: skip


async def secrets_forget(tx: Writing, shop: UUID, account: UUID) -> None:
    """Deletes what was sealed for an account."""
    await tx.execute(
        "delete from payment_secrets where shop_id = $1 and account_id = $2", shop, account
    )


async def secret_hints(db: Reads, shop: UUID) -> dict[UUID, dict[str, str]]:
    """The last characters of each credential, by account and field."""
    rows = await db.rows(
        "select account_id, field, hint from payment_secrets where shop_id = $1", shop
    )
    hints: dict[UUID, dict[str, str]] = {}
    for row in rows:
        hints.setdefault(row["account_id"], {})[row["field"]] = row["hint"]
    return hints
