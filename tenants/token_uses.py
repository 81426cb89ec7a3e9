"""How much, when and from where API tokens are used: noted in memory, written down now and then.

Noting is all that a request does. What a process has noted is written every minute, two statements
for each shop, and when it stops; a process that is killed loses that minute.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from keystall.platform import clock, database

EVERY_SECONDS = 60.0
_ALL = ""
"""In place of the name of something deprecated: all requests of a day."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request came to: `refused` before it ran; the points that it cost where it did; and
    what of it is `deprecated`."""

    refused: bool = False
    cost: int = 0
    deprecated: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    refused: int = 0
    cost: int = 0

    def add(self, requests: int, refused: int, cost: int) -> None:
        self.requests += requests
        self.refused += refused
        self.cost += cost


@dataclass(slots=True)
class _Use:
    """All of a token. `sums` by the day and what was deprecated."""

    at: datetime
    address: str
    sums: defaultdict[tuple[datetime, str], _Sum] = field(default_factory=lambda: defaultdict(_Sum))


class TokenUses:
    """What this process has seen lately of each token."""

    def __init__(self) -> None:
        self._noted: dict[tuple[UUID, UUID], _Use] = {}

    def note(self, shop: UUID, token: UUID, address: str, asked: Asked) -> None:
        """`token` of `shop` was used just now, from `address`."""
        now = clock.now()
        use = self._noted.setdefault((shop, token), _Use(now, address))
        use.at, use.address = now, address
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for what in (_ALL, *asked.deprecated):
            use.sums[day, what].add(1, int(asked.refused), 0 if what else asked.cost)

    async def write_down(self) -> None:
        """Writes what was noted; what cannot be written now is kept for the next time."""
        shops: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for shop, token in self._noted:
            shops[shop].append(token)
        for shop, tokens in shops.items():
            uses = {token: self._noted.pop((shop, token)) for token in tokens}
            try:
                await _write(shop, uses)
            except asyncio.CancelledError:
                self._keep(shop, uses)
                raise
            except database.AWAY as error:
                _log.warning("uses of tokens wait", shop=str(shop), error=type(error).__name__)
                self._keep(shop, uses)
            except Exception:
                # What one shop's rows refuse must not hold up those of all others.
                _log.exception("uses of tokens unwritten", shop=str(shop))

    def _keep(self, shop: UUID, uses: Mapping[UUID, _Use]) -> None:
        for token, use in uses.items():
            newer = self._noted.setdefault((shop, token), use)
            if newer is not use:
                for key, one in use.sums.items():
                    newer.sums[key].add(one.requests, one.refused, one.cost)

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
            await self.write_down()


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
        await tx.execute(
            """
            insert into api_token_uses as kept
              (shop_id, token_id, day, deprecated, requests, refused, cost)
            select $1, token_id, day, deprecated, requests, refused, cost
            from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[],
                        $7::bigint[])
              as used (token_id, day, deprecated, requests, refused, cost)
            where exists (select from api_tokens where shop_id = $1 and id = token_id)
            order by token_id, day, deprecated
            on conflict (shop_id, token_id, day, deprecated) do update set
              requests = kept.requests + excluded.requests,
              refused = kept.refused + excluded.refused,
              cost = kept.cost + excluded.cost
            """,
            shop, *_columns((token, uses[token]) for token in tokens),
        )  # fmt: skip


def _columns(uses: Iterable[tuple[UUID, _Use]]) -> list[list[object]]:
    rows = [
        (token, day, what, one.requests, one.refused, one.cost)
        for token, use in uses
        for (day, what), one in use.sums.items()
    ]
    return [list(column) for column in zip(*rows, strict=True)]
