"""Rows for every table, made from what the catalogue says a row must be.

A value comes from the row's parents where a foreign key asks for it, else from candidates for its
type; where check constraints leave a choice the candidates are tried until the database agrees.
"""

import itertools
import re
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg

from tests.isolation.catalogue import Column, Reference, Table, in_order

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = dict[str, list[dict[str, Any]]]

MOMENT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRIES = 20_000


@dataclass
class Shop:
    """One shop's rows by table, and for each table a row that could be added to them."""

    id: uuid.UUID
    name: str
    rows: Rows = field(default_factory=dict)
    spare: dict[str, dict[str, Any]] = field(default_factory=dict)


async def allowed_words(connection: asyncpg.Connection) -> dict[tuple[str, str], list[str]]:
    """The texts that a `check (state in (…))` allows, or one for each of a list, by table and
    column."""
    rows = await connection.fetch(
        "select conrelid::regclass::text as table, pg_get_constraintdef(oid) as text"
        " from pg_constraint where contype = 'c' and conrelid <> 0"
    )
    words: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found = re.search(r"\((\w+) = ANY \(ARRAY\[(.+?)\]\)", row["text"])
        found = found or re.search(r"\((\w+) = ('\w+'::text)\)", row["text"])
        found = found or re.search(r"\((\w+) <@ ARRAY\[(.+?)\]\)", row["text"])
        if found and len(row["text"]) - len(found.group(0)) < len("CHECK (())") + 2:
            words[row["table"], found.group(1)] = re.findall(r"'([^']*)'", found.group(2))
    return words


@dataclass
class Filler:
    """Fills shops. `tables`: those of shops; `words`: see `allowed_words`."""

    connection: asyncpg.Connection
    tables: Mapping[str, Table]
    words: Mapping[tuple[str, str], Sequence[str]]

    async def fill(self, shop: Shop) -> None:
        """Two rows in every table (a shop is one), and for each a spare that could be added."""
        for table in in_order(self.tables):
            shop.rows[table.name] = []
            for _ in range(1 if table.name == "shops" else 2):
                row = await self._inserted(table, shop)
                await self._balance(table, row)
                shop.rows[table.name].append(row)
        for table in self.tables.values():
            await self._refer(table, shop)
        for table in self.tables.values():
            if table.name != "shops":
                async with undone(self.connection):
                    shop.spare[table.name] = await self._inserted(table, shop)

    async def _inserted(self, table: Table, shop: Shop) -> dict[str, Any]:
        refused: Exception | None = None
        for row in itertools.islice(self._rows(table, shop), TRIES):
            try:
                async with self.connection.transaction():
                    await insert(self.connection, table, row)
                return row
            except (
                asyncpg.CheckViolationError,
                asyncpg.UniqueViolationError,
                asyncpg.NotNullViolationError,
            ) as error:
                refused = error
        raise AssertionError(f"no row fits {table.name}: {refused!r}")

    def _rows(self, table: Table, shop: Shop) -> Iterator[dict[str, Any]]:
        """Rows to try, the likeliest first."""
        checked = {name for columns in table.checks.values() for name in columns}
        referring = [one for one in table.references if one.table != "shops"]
        parents = [self._parents(table, one, shop) for one in referring]
        own = {table.shop_column} | {name for one in referring for name in one.columns}
        free = [c for name, c in table.columns.items() if name not in own and not c.identity]
        choices = [
            values if column.name in checked else values[:1]
            for column in free
            for values in [self._candidates(table, column, shop)]
        ]
        for family in itertools.product(*parents):
            for picked in itertools.product(*choices):
                row: dict[str, Any] = {str(table.shop_column): shop.id}
                row |= {
                    column.name: self._fresh(table, column, value)
                    for column, value in zip(free, picked, strict=True)
                }
                for parent in family:
                    row |= {name: value for name, value in parent.items() if name not in row}
                yield row

    def _parents(self, table: Table, reference: Reference, shop: Shop) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [
            {
                name: row[target]
                for name, target in zip(reference.columns, reference.targets, strict=True)
            }
            for row in shop.rows.get(reference.table, [])
        ]
        if any(table.columns[name].nullable for name in reference.columns):
            nothing = dict.fromkeys(reference.columns) | {table.shop_column: shop.id}
            rows.append({str(name): value for name, value in nothing.items()})
        return rows

    def _candidates(self, table: Table, column: Column, shop: Shop) -> list[Any]:
        values: list[Any]
        match column.type:
            case "uuid":
                values = [uuid.UUID(int=0)]
            case "text":
                words = self.words.get((table.name, column.name))
                values = list(words) if words else [f"canary-{shop.name}", "CNY"]
            case "text[]":
                words = self.words.get((table.name, column.name))
                values = [[word] for word in words] if words else [[f"canary-{shop.name}"]]
            case "integer" | "bigint" | "smallint":
                values = [1, 0]
            case "boolean":
                values = [True, False]
            case "bytea":
                canary = f"canary-{shop.name}".encode()
                values = [canary, canary[-8:]]
            case "jsonb":
                values = [f'{{"canary": "{shop.name}"}}']
            case "timestamp with time zone":
                values = [MOMENT]
            case unknown:
                raise AssertionError(f"{table.name}.{column.name}: no value for type {unknown}")
        return [*values, None] if column.nullable else values

    def _fresh(self, table: Table, column: Column, value: Any) -> Any:
        """`value`, made new where a key would refuse it a second time."""
        keyed = any(column.name in key.columns for key in table.keys)
        if value is None or not keyed or (table.name, column.name) in self.words:
            return value
        match column.type:
            case "uuid":
                return uuid.uuid4()
            case "text" if value == "CNY":
                return "".join(chr(65 + byte % 26) for byte in uuid.uuid4().bytes[:3])
            case "text":
                return f"{value}-{uuid.uuid4().hex}"
            case "bytea":
                return value + uuid.uuid4().bytes
            case "integer" | "bigint":
                return uuid.uuid4().int % 1_000_000
            case "timestamp with time zone":
                return value + timedelta(microseconds=uuid.uuid4().int % 10**9)
        return value

    async def _balance(self, table: Table, row: Row) -> None:
        """A ledger transaction sums to zero at the commit: each line gets its counterpart."""
        if table.name == "ledger_entries":
            other = {**row, "line": row["line"] + 1, "amount": -row["amount"]}
            await insert(self.connection, table, other)

    async def _refer(self, table: Table, shop: Shop) -> None:
        """Points references that had to wait for their targets at them, where checks allow it."""
        for reference in table.references:
            waiting = [name for name in reference.columns if table.columns[name].nullable]
            row = shop.rows[table.name][0]
            if len(waiting) != 1 or row[waiting[0]] is not None:
                continue
            target = self._parents(table, reference, shop)[0][waiting[0]]
            changed = {**row, waiting[0]: target}
            await update(self.connection, table, row, {waiting[0]: target})
            shop.rows[table.name][0] = changed


async def insert(connection: asyncpg.Connection, table: Table, row: Row) -> None:
    """Inserts one row."""
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    # Names come from the catalogue, values are parameters.
    await connection.execute(
        f'insert into "{table.name}" ({names}) values ({places})',
        *row.values(),
    )


async def let_seals_be(connection: asyncpg.Connection) -> None:
    """What fills a sealed column here was sealed by no key; tests/tenants/test_keys.py holds the
    triggers that would refuse it. And rows that fill a table are nobody's deeds, nor to be noted
    in another."""
    for row in await connection.fetch(
        "select tgname, tgrelid::regclass::text as name from pg_trigger"
        " where tgname like 'sealed\\_with\\_newest\\_key%' or tgname in ('audited', 'stock_added')"
    ):
        await connection.execute(f'alter table {row["name"]} disable trigger "{row["tgname"]}"')


def matching(table: Table, start: int = 1) -> str:
    """The condition that finds one row by its primary key, its values being `$start` onwards."""
    return " and ".join(
        f'"{name}" = ${number}' for number, name in enumerate(table.primary, start=start)
    )


def key_of(table: Table, row: Row) -> list[Any]:
    """The values that `matching` asks for."""
    return [row[name] for name in table.primary]


async def update(
    connection: asyncpg.Connection, table: Table, row: Row, changes: Mapping[str, Any]
) -> int:
    """Changes one row, found by its primary key; answers how many were changed."""
    sets = ", ".join(f'"{name}" = ${number}' for number, name in enumerate(changes, start=1))
    status: str = await connection.execute(
        f'update "{table.name}" set {sets} where {matching(table, len(changes) + 1)}',
        *changes.values(),
        *key_of(table, row),
    )
    return int(status.rpartition(" ")[2])


@asynccontextmanager
async def undone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A savepoint (or a transaction) that is rolled back whatever happens in it."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()
