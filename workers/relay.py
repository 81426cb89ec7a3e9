"""The relay: moves due work from the outbox to arq.

It runs inside every worker. A signal in Redis wakes it within a millisecond or two of a commit;
without one it looks once a second, so a lost signal, or a Redis that lost everything, costs time
and nothing else. What it hands out is leased: due again later unless it was done. Where more is
due than one look takes, mails and webhooks come last; and a payment passes what waits in the queue
already.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from redis.exceptions import RedisError

from keystall.platform import clock, database
from keystall.platform.queue import Item, Queue

BATCH = 200
SWEEP_SECONDS = 1.0
_log = structlog.get_logger()


async def relay_due(queue: Queue) -> int:
    """Leases what is due and enqueues it, all at once; answers how much it was.

    The lease is that of `tenants.outbox.claims.retry_delay`. Raises RedisError when the queue is
    away: the leased work is then due again at once.
    """
    # As arrays, of which PostgreSQL expects few elements: so it finds each row by its key. A table
    # of some thousand rows it would rather read whole, each time.
    rows = await database.system().rows(
        """
        with due as (
          select shop_id, id from outbox
          where done_at is null and failed_at is null and due_at <= $1
          order by kind like 'mail.%' or kind like 'webhook.%', due_at
          limit $2 for update skip locked)
        update outbox
        set attempts = attempts + 1,
            due_at = $1 + least(10 * 2 ^ least(attempts, 7), 1200) * interval '1 second'
        from unnest(array(select shop_id from due), array(select id from due))
          as found (shop_id, id)
        where outbox.shop_id = found.shop_id and outbox.id = found.id
        returning outbox.shop_id, outbox.id, kind, attempts
        """,
        clock.now(), BATCH,
    )  # fmt: skip
    try:
        await queue.enqueue(
            Item(row["kind"], row["shop_id"], row["id"], attempt=row["attempts"],
                 ahead=row["kind"] == "payment.apply")
            for row in rows
        )  # fmt: skip
    except (RedisError, OSError):
        await _take_back(rows)
        raise
    return len(rows)


async def _take_back(rows: Sequence[database.Row]) -> None:
    """Undoes the lease. Nobody tried the work, so no try is counted: a Redis that stays away for
    a minute must not use up all of them. Should the queue have it after all, the same try under
    the same id is one job."""
    await database.system().execute(
        "update outbox set due_at = $3, attempts = attempts - 1"
        " from unnest($1::uuid[], $2::uuid[]) as t (shop_id, id)"
        " where outbox.shop_id = t.shop_id and outbox.id = t.id and done_at is null",
        [row["shop_id"] for row in rows], [row["id"] for row in rows], clock.now(),
    )  # fmt: skip


async def relay(queue: Queue, kick: Callable[[], Awaitable[None]]) -> None:
    """Relays until cancelled. `kick` makes this worker look at its queue at once."""
    while True:
        try:
            await queue.wait(SWEEP_SECONDS)
            while await relay_due(queue) == BATCH:
                await kick()
            await kick()
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("relay waits for redis", error=type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)
        except Exception:
            # Anything else, a database restart above all, must not end the relay.
            _log.exception("relay failed, goes on")
            await asyncio.sleep(SWEEP_SECONDS)
