"""Taking hold of one piece of work, so that it has its effect once.

A job that was handed out twice, or whose worker died, runs again. What makes that harmless is the
claim: it commits with the effect or not at all.
"""

from datetime import timedelta
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.database import Transaction

MAX_ATTEMPTS = 25
"""Tries before an item is left to the operator: about eight hours of them."""

NEVER_GIVEN_UP = frozenset({"payment.apply", "payment.check", "refund.send", "order.expire"})
"""Somebody's money or goods: a provider that is away, or undecided, for longer than that must not
leave them where they are. Tried every twenty minutes for as long as it takes."""


def retry_delay(attempts: int) -> timedelta:
    """How long a piece of work that was handed out is left alone before it is handed out again."""
    return timedelta(seconds=min(10 * 2 ** min(attempts, 7), 1200))


CLAIM = """
  update outbox set done_at = $3 where shop_id = $1 and id = $2 and done_at is null
    and failed_at is null returning subject_id"""
"""What `claim` runs, for a statement that goes on from there."""


async def claim(tx: Transaction, shop: UUID, item: UUID) -> UUID | None:
    """Marks the work done and answers what it is about; None where it was done before.

    A second worker waits here until the first has committed or given up.
    """
    subject: UUID | None = await tx.value(CLAIM, shop, item, clock.now())
    return subject


async def peek(tx: Transaction, shop: UUID, item: UUID) -> UUID | None:
    """What undone work is about, without claiming it: for work whose effect lies outside, done
    first and claimed after; None where it was done before."""
    subject: UUID | None = await tx.value(
        "select subject_id from outbox where shop_id = $1 and id = $2 and done_at is null"
        " and failed_at is null",
        shop, item,
    )  # fmt: skip
    return subject


async def take_up(tx: Transaction, shop: UUID, item: UUID, length: timedelta) -> UUID | None:
    """What undone work is about, as `peek` answers it; it is not handed out again for `length` from
    now, while it is done."""
    subject: UUID | None = await tx.value(
        "update outbox set due_at = greatest(due_at, $3) where shop_id = $1 and id = $2"
        " and done_at is null and failed_at is null returning subject_id",
        shop, item, clock.now() + length,
    )  # fmt: skip
    return subject


async def finish(shop: UUID, item: UUID) -> None:
    """Marks work done whose effect lay outside, and which leaves nothing else to write."""
    await database.alone(shop).execute(
        "update outbox set done_at = $3 where shop_id = $1 and id = $2 and done_at is null"
        " and failed_at is null and {named}",
        shop, item, clock.now(),
    )  # fmt: skip


async def postpone(tx: Transaction, shop: UUID, item: UUID, length: timedelta) -> None:
    """Puts work back that was handed out and not begun: it is due after `length`, and no try of it
    is counted."""
    await tx.execute(
        "update outbox set due_at = $3, attempts = greatest(attempts - 1, 0)"
        " where shop_id = $1 and id = $2 and done_at is null",
        shop, item, clock.now() + length,
    )  # fmt: skip


async def fail(tx: Transaction, shop: UUID, item: UUID, problem: str) -> None:
    """Notes why a try failed, and ends the tries of what may be given up when there were enough."""
    await tx.execute(
        "update outbox set problem = $3,"
        " failed_at = case when attempts >= $4 and kind <> all ($5::text[]) then now() end"
        " where shop_id = $1 and id = $2 and done_at is null",
        shop, item, problem[:500], MAX_ATTEMPTS, list(NEVER_GIVEN_UP),
    )  # fmt: skip
