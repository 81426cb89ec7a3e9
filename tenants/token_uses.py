"""When, and from where, API tokens were used: noted in memory and written down now and then.

Noting is all that a request does. What a process has noted is written every minute, one statement
for each shop, and when it stops; a process that is killed loses that minute.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from keystall.platform import clock, database

EVERY_SECONDS = 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Use:
    at: datetime
    address: str


class TokenUses:
    """The last use of each token that this process has seen lately."""

    def __init__(self) -> None:
        self._noted: dict[tuple[UUID, UUID], _Use] = {}

    def note(self, shop: UUID, token: UUID, address: str) -> None:
        """`token` of `shop` was used just now, from `address`."""
        self._noted[shop, token] = _Use(clock.now(), address)

    async def write_down(self) -> None:
        """Writes what was noted; what cannot be written now is kept for the next time."""
        noted, self._noted = self._noted, {}
        shops: defaultdict[UUID, dict[UUID, _Use]] = defaultdict(dict)
        for (shop, token), use in noted.items():
            shops[shop][token] = use
        for shop, uses in shops.items():
            try:
                await _write(shop, uses)
            except database.AWAY as error:
                _log.warning("uses of tokens wait", shop=str(shop), error=type(error).__name__)
                for token, use in uses.items():
                    self._noted.setdefault((shop, token), use)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes every minute while inside, and once more at the end."""
        task = asyncio.create_task(self._write_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.write_down()

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.write_down()
            except Exception:
                # Nothing may end this for good: the last uses of all tokens would stand still.
                _log.exception("uses of tokens unwritten")


async def _write(shop: UUID, uses: Mapping[UUID, _Use]) -> None:
    # In the order of their ids, or two processes could wait for each other.
    tokens = sorted(uses)
    async with database.transaction(shop) as tx:
        await tx.execute(
            """
            with used as (
              select * from unnest($2::uuid[], $3::timestamptz[], $4::text[])
                as used (token_id, at, address)),
            held as (
              select id from api_tokens
              where shop_id = $1 and id in (select token_id from used)
              order by id for no key update)
            update api_tokens set last_used_at = used.at, last_address = used.address
            from used join held on held.id = used.token_id
            where shop_id = $1 and api_tokens.id = used.token_id
              and (last_used_at is null or last_used_at < used.at)
            """,
            shop, tokens, [uses[one].at for one in tokens], [uses[one].address for one in tokens],
        )  # fmt: skip
