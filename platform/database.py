"""PostgreSQL, a transaction at a time, each bound to one shop.

Five ways in. `transaction(shop)` writes as the request role, and `alone(shop)` does what one
statement can do; `reader(shop)` reads as it, opened by the first statement (its `lone()` is for
those who need one only); `single()` looks one thing up that is of no shop; `system()` is for the
relay, which sees only which work is due. Where nothing is said of a transaction, each statement is
one of its own. In all of them statements go through `rows`, `row`, `value` and `execute`; in
transactions Tortoise's models find the same connection by themselves. Row-level security sees the
shop named here, so a statement that forgets its filter still meets no other shop's rows.

Readers have a pool of their own. A request reads, keeps its reader, and then writes (a code that
is shown is recorded as revealed): out of one pool, as many such requests as it has connections
would wait for each other for ever. Nothing waits for a reader while it holds a transaction or
another reader.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import asyncpg
import orjson
from tortoise import Tortoise, models
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.connection import get_connections

from keystall.platform.settings import Settings
from keystall.platform.statements import Alone, InTurn, Lone, Single
from keystall.platform.statements import Row as Row

APP_LABEL = "keystall"
"""What Tortoise calls our models, and the migrations it has written down."""

# It would parse the source of each model's module, for comments in tables that it never makes: our
# migrations do. A twentieth of a start.
models._get_comments = lambda cls: {}

# What a statement raises on a connection that its server, or the network, has cut off.
_DEAD = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


AWAY: tuple[type[Exception], ...] = (
    ConnectionError,
    *(error for error in _DEAD if error is not OSError),
    asyncpg.CannotConnectNowError,
)
"""What work meets while the database is away: nothing is wrong with the work, and later it goes."""


class NotCommitted(Exception):
    """A statement had failed in the transaction and was not undone: nothing of it was kept."""


class Reads(Protocol):
    """What a query needs: a transaction and a request's reader both have it.

    Parameters are `$1`-style; jsonb arrives decoded; rows are mappings by column name.
    """

    async def rows(self, sql: str, *args: object) -> Sequence[Row]: ...

    async def row(self, sql: str, *args: object) -> Row | None: ...

    async def value(self, sql: str, *args: object) -> Any: ...


class Transaction(Reads, Protocol):
    """A transaction that may write."""

    async def execute(self, sql: str, *args: object) -> int:
        """Runs one statement; answers how many rows it touched."""
        ...


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """Every transaction leaves nothing behind, so the round trip of a reset is not needed."""

    def get_reset_query(self) -> str:
        return ""


async def _prepare(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_encode_json, decoder=orjson.loads
        )


def _encode_json(value: object) -> str:
    # Tortoise hands over text it has encoded itself; our own statements hand over data.
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Joined(TransactionWrapper):
    """Tortoise's view of a transaction that is already open: it opens none of its own."""

    def _in_transaction(self) -> Any:
        @asynccontextmanager
        async def joined() -> AsyncIterator["_Joined"]:
            yield self

        return joined()


def _client(alias: str) -> AsyncpgDBClient:
    client = get_connections().get(alias)
    if not isinstance(client, AsyncpgDBClient) or isinstance(client, TransactionWrapper):
        raise RuntimeError("a service opened a transaction inside another one")
    return client


def _begin(shop: UUID | None, mode: str, *, few: bool = False) -> str:
    named = f"set_config('app.shop', '{shop or ''}', true)"
    planned = ", set_config('plan_cache_mode', 'force_generic_plan', true)" if few else ""
    return f"begin {mode}; select {named}{planned}"


async def _roll_back(connection: asyncpg.Connection) -> None:
    try:
        await connection.execute("rollback")
    except _DEAD:
        # Whatever state it is in, nobody else may be given it; the pool opens another one.
        with suppress(asyncpg.InterfaceError):
            connection.terminate()


async def _end(
    pool: asyncpg.Pool, connection: asyncpg.Connection, statement: Literal["commit", "rollback"]
) -> None:
    """Ends the transaction and gives the connection back.

    A commit that did not happen raises; a rollback on a connection that died does not: the server
    has done it, and whatever made us roll back is what the caller must hear of.
    """
    try:
        if statement == "commit":
            # PostgreSQL answers the COMMIT of a failed transaction with ROLLBACK, no error.
            if await connection.execute("commit") != "COMMIT":
                raise NotCommitted
        else:
            await _roll_back(connection)
    finally:
        await pool.release(connection)


async def _surely(work: Coroutine[Any, Any, None]) -> None:
    """Does it to the end, whatever happens to the caller: a cancelled request must not take its
    connection with it."""
    await asyncio.shield(asyncio.ensure_future(work))


@asynccontextmanager
async def _transact(shop: UUID | None, *, few: bool) -> AsyncIterator[Transaction]:
    client = _client("app")
    pool: asyncpg.Pool = client._pool
    connection = await pool.acquire()
    token = None
    try:
        await connection.execute(_begin(shop, "read write", few=few))
        joined = _Joined(client)
        joined._connection = connection
        token = get_connections().set("app", joined)
        yield InTurn(connection)
        get_connections().reset(token)
        token = None
    except BaseException:
        if token is not None:
            get_connections().reset(token)
        await _surely(_end(pool, connection, "rollback"))
        raise
    await _surely(_end(pool, connection, "commit"))


def transaction(
    shop: UUID | None, *, few: bool = False
) -> AbstractAsyncContextManager[Transaction]:
    """One unit of work as the request role: commits at the end, rolls back on any exception.

    `shop` None reaches no shop's rows, only the identity functions. `few`: whatever their
    parameters are, its statements find few rows, by keys. PostgreSQL then plans each of them once a
    connection; left to itself it thinks one key cheaper than the ten that it expects of an array,
    and plans anew each time, which took a quarter of what an order cost it.
    """
    return _transact(shop, few=few)


def system() -> Transaction:
    """For the system role, which sees due work of every shop and nothing else: each statement is a
    unit of work by itself, in one round trip."""
    return Single(_client("system")._pool)


class Reader:
    """The reads of one request: a read-only transaction, opened by its first statement.

    All its statements see one moment of the database. `close` ends it, and a statement after that
    opens another one; `finish` ends the last one and must be called.
    """

    def __init__(self, shop: UUID | None) -> None:
        self._shop = shop
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self._over = False

    async def _opened(self) -> asyncpg.Connection:
        if self._over:
            # What a request left running would open a connection that nobody gives back.
            raise RuntimeError("the request of this reader is over")
        if self._connection is None:
            pool: asyncpg.Pool = _client("reader")._pool
            connection = await pool.acquire()
            try:
                await connection.execute(
                    _begin(self._shop, "isolation level repeatable read read only")
                )
            except BaseException:
                await _surely(_end(pool, connection, "rollback"))
                raise
            self._connection = connection
        return self._connection

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        async with self._turn:
            rows: Sequence[Row] = await (await self._opened()).fetch(sql, *args)
            return rows

    async def row(self, sql: str, *args: object) -> Row | None:
        async with self._turn:
            row: Row | None = await (await self._opened()).fetchrow(sql, *args)
            return row

    async def value(self, sql: str, *args: object) -> Any:
        async with self._turn:
            return await (await self._opened()).fetchval(sql, *args)

    def lone(self) -> Reads:
        """For a request that is known to read by one statement only, whose `$1` must be the shop:
        that statement names the shop itself and is a transaction of its own, so that it takes one
        round trip instead of three.

        Where something was read already, this reader itself: its transaction is there, and as many
        requests that hold one and wait for another as there are would wait for ever.
        """
        if self._connection is not None:
            return self
        return Lone(_client("reader")._pool, self._shop)

    async def close(self) -> None:
        """Gives the connection back. Harmless when nothing was read."""
        if self._connection is not None or self._turn.locked():
            # It may have to wait for a statement; who waits can be cancelled, the giving back not.
            await _surely(self._give_back())

    async def finish(self) -> None:
        """Gives the connection back for good: a later statement is a RuntimeError."""
        self._over = True
        await self.close()

    async def _give_back(self) -> None:
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                await _end(_client("reader")._pool, connection, "rollback")


def reader(shop: UUID | None) -> Reader:
    """A reader of `shop`'s rows for one request."""
    return Reader(shop)


def alone(shop: UUID) -> Transaction:
    """A unit of work that is one statement, as the request role: one round trip, where a
    transaction takes three.

    The statement's `$1` is the shop. It has `{named}` among the conditions of what it reads first,
    and whatever else it reads or writes hangs on what that finds: only then is the shop named.
    """
    return Alone(_client("app")._pool, shop)


def single() -> Reads:
    """For one call of a function that is of no shop: one round trip, where a transaction takes
    three.

    No shop is named, so its statements meet no shop's rows, as those of a reader of None do."""
    return Single(_client("reader")._pool)


async def connect(settings: Settings, models: Sequence[str]) -> None:
    """Opens the pools of both runtime roles. `models`: modules of Tortoise models."""
    await Tortoise.init(
        config={
            "connections": {
                "app": credentials(settings.database_url, settings.database_pool_size),
                "reader": credentials(settings.database_url, settings.database_pool_size),
                "system": credentials(settings.system_database_url, 2),
            },
            "apps": {APP_LABEL: {"models": list(models), "default_connection": "app"}},
            "use_tz": True,
            "timezone": "UTC",
        },
        # Requests run in tasks of the server's own making, not in children of start-up.
        _enable_global_fallback=True,
    )
    for alias in ("app", "reader", "system"):
        await _client(alias).create_connection(with_db=True)


async def disconnect() -> None:
    """Closes the pools."""
    await Tortoise.close_connections()


def credentials(url: str, pool_size: int) -> dict[str, Any]:
    """What Tortoise needs to open a pool at that address, its connections prepared as ours are."""
    parts = urlsplit(url)
    guard = dict(parse_qsl(parts.query))  # `Settings` lets nothing pass but sslmode
    return {
        "engine": "keystall.platform.pools",
        "credentials": {
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": parts.path.removeprefix("/"),
            "ssl": guard.get("sslmode", "prefer"),
            "minsize": min(2, pool_size),
            "maxsize": pool_size,
            "connection_class": _Connection,
            "init": _prepare,
            "command_timeout": 30,
        },
    }
