"""Which handler serves which kind of work, and what happens when it fails.

A job carries a shop and the id of an outbox row, nothing else. A handler that raises leaves its row
undone; the relay hands it out again when its lease ends, later each time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

import structlog
from arq.worker import Function, Retry, func

from keystall.platform import database
from keystall.platform.metrics import JOB_SECONDS
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import fail

AWAY_SECONDS = 1
AWAY_TRIES = 12
"""While the database is away: until about the end of an outbox row's first lease."""

Work = Callable[[Installation, UUID, UUID], Awaitable[None]]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Handler:
    """What does the work of one kind, and how long it may take (seconds)."""

    work: Work
    timeout: int = 20


def arq_functions(installation: Installation, handlers: Mapping[str, Handler]) -> list[Function]:
    """The handlers as arq knows them: by kind, each with its own time limit."""
    return [
        func(
            _job(installation, kind, handler),
            name=kind,
            timeout=handler.timeout + 5,
            max_tries=AWAY_TRIES,
        )
        for kind, handler in handlers.items()
    ]


def _job(installation: Installation, kind: str, handler: Handler) -> Any:
    async def job(ctx: dict[str, Any], shop: str, item: str) -> None:
        try:
            await run(installation, kind, handler, UUID(shop), UUID(item))
        except Exception as error:
            # Not even the failure could be noted, so the database is away. It will be back long
            # before the lease ends, and somebody waits for what they paid for.
            raise Retry(defer=AWAY_SECONDS) from error

    job.__qualname__ = kind
    return job


async def run(
    installation: Installation, kind: str, handler: Handler, shop: UUID, item: UUID
) -> None:
    """Does one piece of work. A failure is noted on its row and in the log, and raises nothing,
    unless it cannot be noted either."""
    began, outcome = perf_counter(), "done"
    with structlog.contextvars.bound_contextvars(shop=str(shop), kind=kind, item=str(item)):
        try:
            async with asyncio.timeout(handler.timeout):
                await handler.work(installation, shop, item)
        except Exception as error:
            # The type alone: a message or a frame could hold what must not be logged.
            problem, outcome = type(error).__name__, "failed"
            _log.warning("work failed, will be tried again", error=problem)
            async with database.transaction(shop) as tx:
                await fail(tx, shop, item, problem)
        finally:
            JOB_SECONDS.labels(kind, outcome).observe(perf_counter() - began)
