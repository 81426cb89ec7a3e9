"""Trying to cross the wall: each table, each verb, with no shop set and with the wrong one.

Every attempt is made on rows that the rightful shop then uses in the very same way, so that no
refusal is one of a statement that nobody could run. What a role may do at all is read from the
grants: where a right is missing, its refusal is what is expected of everyone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from keystall.platform.engines.roles import APP
from tests.isolation.catalogue import Reference, Table
from tests.isolation.filling import Row, Shop, insert, key_of, matching, undone

ROWS = "rows"
REFUSED = "refused by row-level security"
DENIED = "permission denied"
UNREFERRED = "no such parent"
TAKEN = "taken"


@dataclass
class Attempts:
    """What was tried on one table, and what was wrong with how it ended."""

    connection: asyncpg.Connection
    table: Table
    grants: Mapping[str, frozenset[str]]
    """By privilege, the columns it is held on; under DELETE any column stands for the table."""
    tried: int = 0
    findings: list[str] = field(default_factory=list)

    async def be(self, shop: UUID | None) -> None:
        """Sets the shop of the transaction; None as where none was ever set."""
        await self.connection.execute(
            "select set_config('app.shop', $1, true)", str(shop) if shop else ""
        )

    async def expect(self, name: str, outcome: str, sql: str, *args: Any) -> None:
        """Runs a statement in a savepoint; a finding where it ends otherwise than `outcome`."""
        self.tried += 1
        ended = await self._ended(sql, args)
        if ended != outcome:
            self.findings.append(f"{self.table.name}: {name}: {ended}, not {outcome}")

    async def _ended(self, sql: str, args: Sequence[Any]) -> str:
        try:
            async with undone(self.connection):
                if sql.startswith("select"):
                    return f"{await self.connection.fetchval(sql, *args)} {ROWS}"
                status: str = await self.connection.execute(sql, *args)
                return f"{status.rpartition(' ')[2]} {ROWS}"
        except asyncpg.InsufficientPrivilegeError as error:
            return REFUSED if "row-level security" in str(error) else DENIED
        except asyncpg.ForeignKeyViolationError:
            return UNREFERRED
        except asyncpg.UniqueViolationError:
            # The row was seen and would have come: only another one stood in its place.
            return TAKEN

    def may(self, privilege: str, *columns: str) -> bool:
        """Whether the role has `privilege` on all of these columns; on any column where none."""
        held = self.grants[privilege]
        return held.issuperset(columns) if columns else bool(held)


async def grants_of(connection: asyncpg.Connection, table: Table) -> dict[str, frozenset[str]]:
    """What the request role may do to a table, by privilege."""
    rows = await connection.fetch(
        "select privilege, array_agg(attname::text) as columns"
        " from pg_attribute cross join unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) privilege"
        " where attrelid = $1::regclass and attnum > 0 and not attisdropped"
        " and case privilege when 'DELETE' then has_table_privilege($2, attrelid, 'DELETE')"
        "     else has_column_privilege($2, attrelid, attnum, privilege) end group by privilege",
        f"public.{table.name}",
        APP,
    )
    held = {row["privilege"]: frozenset(row["columns"]) for row in rows}
    return {name: held.get(name, frozenset()) for name in ("SELECT", "INSERT", "UPDATE", "DELETE")}


async def cross(attempts: Attempts, mine: Shop, theirs: Shop) -> None:
    """Tries everything on `theirs` rows as `mine` and as no shop, then as the rightful one.

    The connection is in a transaction, as the request role; nothing of what is tried stays.
    """
    table = attempts.table
    for who, me in ((f"as {mine.name}", mine), ("without a shop", None)):
        await _alien(attempts, who, me, theirs)
        await _added(attempts, who, me.id if me else None, theirs, rightful=False)
    await _rightful(attempts, theirs)
    await _added(attempts, "as the rightful shop", theirs.id, theirs, rightful=True)
    for reference in table.references:
        if reference.table != "shops":
            await _referring(attempts, reference, mine, theirs)


async def _alien(attempts: Attempts, who: str, me: Shop | None, theirs: Shop) -> None:
    """Reads and writes rows that are there, as somebody whose they are not."""
    table, shop = attempts.table, attempts.table.shop_column
    await attempts.be(me.id if me else None)
    own = len(me.rows[table.name]) + (table.name == "ledger_entries") * 2 if me else 0
    row = theirs.rows[table.name][0]
    named = matching(table)
    await attempts.expect(
        f"select by key {who}", f"0 {ROWS}",
        f'select count(*) from "{table.name}" where {named}', *key_of(table, row),
    )  # fmt: skip
    await attempts.expect(
        f"select everything {who}", f"{own} {ROWS}", f'select count(*) from "{table.name}"'
    )
    column = _changeable(attempts)
    changed = f'set "{column}" = "{column}"'
    none = f"0 {ROWS}" if attempts.may("UPDATE") else DENIED
    await attempts.expect(
        f"update by key {who}", none,
        f'update "{table.name}" {changed} where {named}', *key_of(table, row),
    )  # fmt: skip
    every = f"{own} {ROWS}" if attempts.may("UPDATE") else DENIED
    await attempts.expect(f"update everything {who}", every, f'update "{table.name}" {changed}')
    moved = f"0 {ROWS}" if attempts.may("UPDATE", str(shop)) else DENIED
    target = me.id if me else theirs.id
    await attempts.expect(
        f"move here {who}", moved,
        f'update "{table.name}" set "{shop}" = ${len(table.primary) + 1} where {named}',
        *key_of(table, row), target,
    )  # fmt: skip
    gone = f"0 {ROWS}" if attempts.may("DELETE") else DENIED
    await attempts.expect(
        f"delete {who}", gone, f'delete from "{table.name}" where {named}', *key_of(table, row)
    )


def _changeable(attempts: Attempts) -> str:
    """A column the role may update, its shop's if it may update none."""
    table = attempts.table
    held = attempts.grants["UPDATE"]
    plain = [name for name, column in table.columns.items() if name in held and not column.identity]
    return next((name for name in reversed(plain)), str(table.shop_column))


async def _added(
    attempts: Attempts, who: str, me: UUID | None, theirs: Shop, *, rightful: bool
) -> None:
    """Adds a row to `theirs`."""
    table = attempts.table
    row = theirs.spare.get(table.name, theirs.rows[table.name][0])
    await attempts.be(me)
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    outcome = (f"1 {ROWS}" if rightful else REFUSED) if attempts.may("INSERT", *row) else DENIED
    await attempts.expect(
        f"insert {who}", outcome,
        f'insert into "{table.name}" ({names}) values ({places})', *row.values(),
    )  # fmt: skip


async def _rightful(attempts: Attempts, theirs: Shop) -> None:
    """The same as `_alien` by the shop whose rows they are: it works, and nothing leaves."""
    table, shop = attempts.table, str(attempts.table.shop_column)
    await attempts.be(theirs.id)
    row = theirs.rows[table.name][0]
    named = matching(table)
    await attempts.expect(
        "select as the rightful shop", f"1 {ROWS}",
        f'select count(*) from "{table.name}" where {named}', *key_of(table, row),
    )  # fmt: skip
    column = _changeable(attempts)
    await attempts.expect(
        "update as the rightful shop", f"1 {ROWS}" if attempts.may("UPDATE") else DENIED,
        f'update "{table.name}" set "{column}" = "{column}" where {named}', *key_of(table, row),
    )  # fmt: skip
    moving = f'update "{table.name}" set "{shop}" = ${len(table.primary) + 1} where {named}'
    may_move = attempts.may("UPDATE", shop)
    await attempts.expect(
        "stay as the rightful shop", f"1 {ROWS}" if may_move else DENIED,
        moving, *key_of(table, row), theirs.id,
    )  # fmt: skip
    await attempts.expect(
        "move away as the rightful shop", REFUSED if may_move else DENIED,
        moving, *key_of(table, row), UUID(int=1),
    )  # fmt: skip
    async with undone(attempts.connection):
        spare = theirs.spare.get(table.name)
        if spare is not None and attempts.may("INSERT", *spare):
            try:
                async with attempts.connection.transaction():
                    await insert(attempts.connection, table, spare)  # nothing refers to it yet
                row = spare
            except asyncpg.InsufficientPrivilegeError:
                attempts.findings.append(f"{table.name}: the rightful shop adds nothing")
        await attempts.expect(
            "delete as the rightful shop", f"1 {ROWS}" if attempts.may("DELETE") else DENIED,
            f'delete from "{table.name}" where {named}', *key_of(table, row),
        )  # fmt: skip


async def _referring(attempts: Attempts, reference: Reference, mine: Shop, theirs: Shop) -> None:
    """Points a row of `mine` at a parent of `theirs`, then at one of its own."""
    table, shop = attempts.table, str(attempts.table.shop_column)
    await attempts.be(mine.id)
    for name, parents, outcome in (
        ("another shop's", theirs, UNREFERRED),
        ("its own", mine, f"1 {ROWS}"),
    ):
        parent = parents.rows[reference.table][0]
        changes = {
            column: parent[target]
            for column, target in zip(reference.columns, reference.targets, strict=True)
            if column != shop
        }
        if attempts.may("UPDATE", *changes):
            await _point(attempts, f"update to {name} {reference.table}", outcome, mine, changes)
        elif table.name in mine.spare:
            row: Row = mine.spare[table.name]
            if parents is theirs:
                row = {**row, **changes}
            names = ", ".join(f'"{column}"' for column in row)
            places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await attempts.expect(
                f"insert with {name} {reference.table}", outcome,
                f'insert into "{table.name}" ({names}) values ({places})', *row.values(),
            )  # fmt: skip


async def _point(
    attempts: Attempts, name: str, outcome: str, mine: Shop, changes: Mapping[str, Any]
) -> None:
    table = attempts.table
    row = mine.rows[table.name][0]
    sets = ", ".join(
        f'"{column}" = ${number}' for number, column in enumerate(changes, len(table.primary) + 1)
    )
    await attempts.expect(
        name, outcome, f'update "{table.name}" set {sets} where {matching(table)}',
        *key_of(table, row), *changes.values(),
    )  # fmt: skip
