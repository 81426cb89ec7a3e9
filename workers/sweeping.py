"""The schedule of the daily sweep: every worker sees to it that there is one today."""

import asyncio

import structlog

from keystall.platform.queue import Queue
from keystall.tenants.retention.sweep import post_sweep

LOOK_SECONDS = 3600.0
_log = structlog.get_logger()


async def post_sweeps(queue: Queue) -> None:
    """Posts each day's sweep until cancelled."""
    while True:
        try:
            if await post_sweep():
                await queue.signal()
        except Exception as error:
            # A database restart must not end the schedule.
            _log.warning("today's sweep is not posted", error=type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)
