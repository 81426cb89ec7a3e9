"""Counting what failed, for metrics: an alert on it is how an operator hears of it."""

import asyncio

import structlog

from keystall.platform import database
from keystall.platform.metrics import FAILED_WORK, FAILING_WORK

COUNT_SECONDS = 15.0
_log = structlog.get_logger()


async def count_failed() -> None:
    """Sets the gauges to what the outbox holds now."""
    row = await database.system().row(
        "select count(failed_at) as given_up, count(*) - count(failed_at) as failing"
        " from outbox where done_at is null and dropped_at is null and attempts >= 5"
    )
    FAILED_WORK.set(row["given_up"] if row else 0)
    FAILING_WORK.set(row["failing"] if row else 0)


async def count_failed_work() -> None:
    """Counts until cancelled."""
    while True:
        try:
            await count_failed()
        except Exception as error:
            # A database restart must not end the counting.
            _log.warning("failed work is not counted", error=type(error).__name__)
        await asyncio.sleep(COUNT_SECONDS)
