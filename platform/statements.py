"""How one statement reaches PostgreSQL: on a connection that a transaction holds, or by itself, on
whichever a pool has free, with or without a shop.

All of them are `database.Reads`, and those that may write `database.Transaction`; who may use which
is said there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

Row: TypeAlias = Mapping[str, Any]


class InTurn:
    """`Transaction` over one connection, its statements in turn."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        async with self._turn:
            rows: Sequence[Row] = await self._connection.fetch(sql, *args)
            return rows

    async def row(self, sql: str, *args: object) -> Row | None:
        async with self._turn:
            row: Row | None = await self._connection.fetchrow(sql, *args)
            return row

    async def value(self, sql: str, *args: object) -> Any:
        async with self._turn:
            return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        async with self._turn:
            return _touched(await self._connection.execute(sql, *args))


def _touched(status: str) -> int:
    """How many rows a statement's status tells of."""
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0


class Single:
    """Statements of no shop, each a transaction of its own."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        rows: Sequence[Row] = await self._pool.fetch(sql, *args)
        return rows

    async def row(self, sql: str, *args: object) -> Row | None:
        row: Row | None = await self._pool.fetchrow(sql, *args)
        return row

    async def value(self, sql: str, *args: object) -> Any:
        return await self._pool.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        return _touched(await self._pool.execute(sql, *args))


_BOUND = """
with bound as materialized (select set_config('app.shop', $1::uuid::text, true) as shop)
select found.* from bound cross join lateral (
  select * from ({sql}) asked where bound.shop is not null offset 0) found"""
"""A statement that names its shop before it reads: what it reads depends on what names it, and
`offset 0` keeps the two apart, so that no plan can begin with the reading. One that did would read
nothing, for no shop would be named."""


class Lone(Single):
    """`Reads` of one shop, each statement by itself."""

    def __init__(self, pool: asyncpg.Pool, shop: UUID | None) -> None:
        super().__init__(pool)
        self._shop = shop

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        return await super().rows(self._bound(sql, args), *args)

    async def row(self, sql: str, *args: object) -> Row | None:
        return await super().row(self._bound(sql, args), *args)

    async def value(self, sql: str, *args: object) -> Any:
        return await super().value(self._bound(sql, args), *args)

    def _bound(self, sql: str, args: Sequence[object]) -> str:
        if self._shop is None or args[:1] != (self._shop,):
            raise ValueError("a lone statement names its shop as $1")
        return _BOUND.replace("{sql}", sql)


_NAMED = "(select set_config('app.shop', $1::uuid::text, true)) is not null"
"""A condition of no row, so that PostgreSQL asks it before it looks for the first one ("one-time
filter"): from then on the shop is named. Were a plan to ask later, the statement would find
nothing."""


class Alone(Single):
    """`Transaction` of one shop that is one statement."""

    def __init__(self, pool: asyncpg.Pool, shop: UUID) -> None:
        super().__init__(pool)
        self._shop = shop

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        return await super().rows(self._named(sql, args), *args)

    async def row(self, sql: str, *args: object) -> Row | None:
        return await super().row(self._named(sql, args), *args)

    async def value(self, sql: str, *args: object) -> Any:
        return await super().value(self._named(sql, args), *args)

    async def execute(self, sql: str, *args: object) -> int:
        return await super().execute(self._named(sql, args), *args)

    def _named(self, sql: str, args: Sequence[object]) -> str:
        if args[:1] != (self._shop,) or sql.count("{named}") != 1:
            raise ValueError("a statement alone names its shop: $1, and {named} in a condition")
        return sql.replace("{named}", _NAMED)
