"""`/healthz`: this process runs. `/readyz`: whatever it needs answers, so send it requests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when all is well; raises whatever it likes when not."""

CHECK_SECONDS = 2.0

ALIVE, READY = "/healthz", "/readyz"

_log = structlog.get_logger()


class Unready(Exception):
    """A check that failed for a reason worth showing to whoever asks."""


def health_routes(checks: Mapping[str, Check]) -> list[Route]:
    """Routes for `checks` by name. 503 names those that failed; why stands in the log only."""

    async def readyz(_: Request) -> Response:
        states = await asyncio.gather(*(_state(name, check) for name, check in checks.items()))
        answer = dict(zip(checks, states, strict=True))
        ready = all(state == "ok" for state in states)
        return JSONResponse(
            {"ready": ready, "checks": answer},
            status_code=200 if ready else 503,
            headers={"cache-control": "no-store"},
        )

    return [
        Route(ALIVE, _healthz, methods=["GET"]),
        Route(READY, readyz, methods=["GET"]),
    ]


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})


async def _state(name: str, check: Check) -> str:
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except Unready as error:
        return str(error)
    except Exception as error:
        _log.warning("readiness check failed", check=name, error=type(error).__name__)
        return "failed"
    return "ok"
