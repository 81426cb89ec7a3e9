"""Tables as a backup sees them: every one in the catalogue, its rows in the order of its key.

Rows travel in COPY's text form, a line a row, which does not depend on the server's version. The
same rows always make the same bytes, so a table is proved equal by its hash.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

BOOKKEEPING = "tortoise_migrations"
"""Its rows say which schema a database has; they are compared, not copied."""


@dataclass(frozen=True, slots=True)
class TableForm:
    """A table by name; `columns` as they are copied, `key` those that order its rows."""

    name: str
    columns: Sequence[str]
    key: Sequence[str]


async def table_forms(connection: asyncpg.Connection) -> list[TableForm]:
    """Every table but the bookkeeping, by name. Generated columns come by themselves."""
    rows = await connection.fetch(
        """
        select c.relname as name,
               (select array_agg(attname::text order by attnum) from pg_attribute
                where attrelid = c.oid and attnum > 0 and not attisdropped
                  and attgenerated = '') as columns,
               (select array_agg(a.attname::text order by k.n)
                from pg_index i, unnest(i.indkey::int[]) with ordinality as k (number, n),
                     pg_attribute a
                where i.indrelid = c.oid and i.indisprimary
                  and a.attrelid = c.oid and a.attnum = k.number) as key
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> $1
        order by c.relname
        """,
        BOOKKEEPING,
    )
    return [TableForm(row["name"], row["columns"], row["key"]) for row in rows]


async def schema_names(connection: asyncpg.Connection) -> list[str]:
    """The migrations that made the schema, oldest first; none in an empty database."""
    known = await connection.fetchval("select to_regclass('public.' || $1)", BOOKKEEPING)
    if known is None:
        return []
    rows = await connection.fetch(f"select name from {BOOKKEEPING} order by name")  # noqa: S608
    return [row["name"] for row in rows]


async def copy_rows(
    connection: asyncpg.Connection, form: TableForm, take: Callable[[bytes], Awaitable[None]]
) -> None:
    """Hands the rows of a table to `take`, as they come."""
    columns = ", ".join(f'"{name}"' for name in form.columns)
    key = ", ".join(f'"{name}"' for name in form.key)
    await connection.copy_from_query(
        f'select {columns} from "{form.name}" order by {key}',  # noqa: S608  (catalogue names)
        output=take,
        format="text",
    )


async def sequence_values(connection: asyncpg.Connection) -> dict[str, int]:
    """Where each sequence stands that has given a number, but the bookkeeping's."""
    rows = await connection.fetch(
        "select sequencename as name, last_value from pg_sequences"
        " where schemaname = 'public' and last_value is not null"
    )
    return {r["name"]: r["last_value"] for r in rows if not r["name"].startswith(BOOKKEEPING)}
