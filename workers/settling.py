"""Comparing bands of availability: a few times a second, for all shops together."""

import asyncio

import structlog

from keystall.platform.queue import Queue
from keystall.tenants.catalog.bands import settle_bands
from keystall.tenants.catalog.service import TOPIC

SETTLE_SECONDS = 0.25
"""What happens within it is compared once: a sale of a thousand codes moves a version twice."""

_log = structlog.get_logger()


async def settle(queue: Queue) -> None:
    """Compares once, and tells whoever keeps pages of what has changed."""
    for shop in await settle_bands():
        await queue.publish(f"{shop}:{TOPIC}")


async def settle_stock(queue: Queue) -> None:
    """Compares until cancelled."""
    while True:
        try:
            await settle(queue)
        except Exception as error:
            # A database restart must not end the comparing.
            _log.warning("bands are not compared", error=type(error).__name__)
        await asyncio.sleep(SETTLE_SECONDS)
