"""Writing the ledger. Called inside the transaction that it books."""

from collections.abc import Sequence
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.platform.ids import new_id
from keystall.tenants.ledger.postings import Entry

BOOKED = """
  booked as (
    insert into ledger_transactions (shop_id, id, kind, subject_id, order_id, currency)
    values ($1, $2, $3, $4, $5, $6)),
  entered as (
    insert into ledger_entries (shop_id, transaction_id, line, account, currency, amount)
    select $1, $2, line, account, $6, amount
    from unnest($7::text[], $8::bigint[]) with ordinality as t (account, amount, line))"""
"""What `post` runs, for a statement that writes more: queries of its `with`, whose parameters are
those of `booking` with the shop before them."""


def booking(
    kind: str, *, subject: UUID, order: UUID, currency: str, entries: Sequence[Entry]
) -> tuple[object, ...]:
    """The parameters of `BOOKED`, from the second."""
    return (
        new_id(), kind, subject, order, currency,
        [entry.account for entry in entries], [entry.amount for entry in entries],
    )  # fmt: skip


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
    told = booking(kind, subject=subject, order=order, currency=currency, entries=entries)
    await tx.execute(f"with {BOOKED} select", shop, *told)
