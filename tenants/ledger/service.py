"""Writing the ledger. Called inside the transaction that it books."""

from collections.abc import Sequence
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.platform.ids import new_id
from keystall.tenants.ledger.postings import Entry


async def post(
    tx: Transaction,
    shop: UUID,
    kind: str,
    *,
    subject: UUID,
    order: UUID,
    currency: str,
    entries: Sequence[Entry],
) -> None:
    """Books one event. The database refuses a second booking of the same kind and subject, and,
    at commit, entries that do not sum to zero."""
    transaction_id = new_id()
    await tx.execute(
        """
        with booked as (
          insert into ledger_transactions (shop_id, id, kind, subject_id, order_id, currency)
          values ($1, $2, $3, $4, $5, $6) returning shop_id, id, currency)
        insert into ledger_entries (shop_id, transaction_id, line, account, currency, amount)
        select shop_id, id, line, account, currency, amount
        from booked, unnest($7::text[], $8::bigint[]) with ordinality as t (account, amount, line)
        """,
        shop, transaction_id, kind, subject, order, currency,
        [entry.account for entry in entries], [entry.amount for entry in entries],
    )  # fmt: skip
