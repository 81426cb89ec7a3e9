"""Disputes: a buyer has complained at their bank, and the bank takes the money back meanwhile.

What stands here is what the provider answered last. An order stays what it was: the goods are
with the buyer, and whether the money stays is decided elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.platform.payments.port import DisputeFact
from keystall.tenants.ledger import postings
from keystall.tenants.ledger.service import post as post_ledger
from keystall.tenants.orders.events import record
from keystall.tenants.payments.refunds import Refunded
from keystall.tenants.writing import Writing

CLOSED = frozenset({"won", "lost", "closed"})


@dataclass(frozen=True, slots=True)
class DisputeView:
    """A dispute of an order. Amount in minor units; `due_at`: until when it may be answered."""

    id: UUID
    order_id: UUID
    status: str
    reason: str
    amount: int
    currency: str
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None

    @property
    def awaits_answer(self) -> bool:
        """Whether the merchant may still say something."""
        return self.status in ("inquiry", "needs_response")


async def apply_dispute(
    tx: Writing, shop: UUID, taken: Refunded, fact: DisputeFact, *, asked_at: datetime
) -> None:
    """Brings our record of a dispute to where the provider says it is; the order is locked.

    An answer to a question that was asked before the one recorded changes nothing: the provider
    may have answered the later one first. Money that moved is booked once for each movement.
    """
    before: str | None = await tx.value(
        "select status from disputes where shop_id = $1 and account_id = $2"
        " and provider_reference = $3",
        shop, taken.account, fact.provider_reference,
    )  # fmt: skip
    dispute: UUID | None = await tx.value(
        """
        insert into disputes (shop_id, id, order_id, taking_id, account_id, provider_reference,
                              status, reason, amount, currency, opened_at, due_at, closed_at,
                              asked_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                case when $13 then $14::timestamptz end, $14::timestamptz)
        on conflict (shop_id, account_id, provider_reference) do update
          set status = excluded.status, reason = excluded.reason, amount = excluded.amount,
              due_at = excluded.due_at, asked_at = excluded.asked_at,
              closed_at = case when $13 then coalesce(disputes.closed_at, $14::timestamptz) end
          where disputes.asked_at <= excluded.asked_at
        returning id
        """,
        shop, new_id(), taken.order, taken.taking, taken.account, fact.provider_reference,
        fact.status, fact.reason, fact.amount, fact.currency, fact.opened_at, fact.due_at,
        fact.status in CLOSED, asked_at,
    )  # fmt: skip
    await _book(tx, shop, taken, fact)
    if dispute is not None and before != fact.status:
        await record(
            tx, shop, taken.order, f"dispute.{fact.status}", actor="provider",
            data={"dispute_reason": fact.reason},
        )  # fmt: skip
        tx.announce(f"order:{taken.order}")


async def _book(tx: Writing, shop: UUID, taken: Refunded, fact: DisputeFact) -> None:
    subjects = [uuid5(taken.account, moved.provider_reference) for moved in fact.movements]
    rows = await tx.rows(
        "select subject_id from ledger_transactions where shop_id = $1 and kind = 'dispute'"
        " and subject_id = any($2::uuid[])",
        shop, subjects,
    )  # fmt: skip
    booked = {row["subject_id"] for row in rows}
    for subject, moved in zip(subjects, fact.movements, strict=True):
        entries = postings.dispute(taken.provider, moved.amount, moved.fee)
        if subject not in booked and entries:
            await post_ledger(
                tx, shop, "dispute", subject=subject, order=taken.order, currency=fact.currency,
                entries=entries,
            )  # fmt: skip


async def disputes_of_orders(
    db: Reads, shop: UUID, orders: Sequence[UUID]
) -> dict[UUID, list[DisputeView]]:
    """The disputes of each order, oldest first."""
    rows = await db.rows(
        """
        select id, order_id, status, reason, amount, currency, opened_at, due_at, closed_at
        from disputes where shop_id = $1 and order_id = any($2::uuid[]) order by opened_at, id
        """,
        shop, orders,
    )  # fmt: skip
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row["order_id"], []).append(DisputeView(**row))
    return found
