"""Taking hold of one piece of work, so that it has its effect once.

A job that was handed out twice, or whose worker died, runs again. What makes that harmless is the
claim: it commits with the effect or not at all.
"""

from datetime import timedelta
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Transaction

MAX_ATTEMPTS = 25
"""Tries before an item is left to the operator: about eight hours of them."""


def retry_delay(attempts: int) -> timedelta:
    """How long a piece of work that was handed out is left alone before it is handed out again."""
    return timedelta(seconds=min(10 * 2 ** min(attempts, 7), 1200))


async def claim(tx: Transaction, shop: UUID, item: UUID) -> UUID | None:
    """Marks the work done and answers what it is about; None where it was done before.

    A second worker waits here until the first has committed or given up.
    """
    subject: UUID | None = await tx.value(
        "update outbox set done_at = $3 where shop_id = $1 and id = $2 and done_at is null"
        " and failed_at is null returning subject_id",
        shop, item, clock.now(),
    )  # fmt: skip
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


async def fail(tx: Transaction, shop: UUID, item: UUID, problem: str) -> None:
    """Notes why a try failed, and ends the tries when there were enough of them."""
    await tx.execute(
        "update outbox set problem = $3,"
        " failed_at = case when attempts >= $4 then now() end"
        " where shop_id = $1 and id = $2 and done_at is null",
        shop, item, problem[:500], MAX_ATTEMPTS,
    )  # fmt: skip
