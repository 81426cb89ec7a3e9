"""What PostgreSQL says of its own tables: the ground that every isolation test stands on.

Nothing here is a list of ours. A table that a migration adds is found, classified and swept from
the next run on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import asyncpg


@dataclass(frozen=True)
class Column:
    """One column. `type` as `format_type` writes it."""

    name: str
    type: str
    nullable: bool
    identity: bool
    default: bool


@dataclass(frozen=True)
class Key:
    """A primary key, unique constraint or unique index; `columns` in its order."""

    name: str
    primary: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` here stand for `targets` of `table`. One that triggers hold instead
    names those of them that are on this table."""

    name: str
    table: str
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """A row-level security policy; `using` and `check` as PostgreSQL writes them, None without."""

    name: str
    permissive: bool
    command: str
    roles: tuple[str, ...]
    using: str | None
    check: str | None


@dataclass(frozen=True)
class Table:
    """One table of schema public."""

    name: str
    kind: str
    secured: bool
    forced: bool
    columns: Mapping[str, Column]
    keys: Sequence[Key]
    references: Sequence[Reference]
    checks: Mapping[str, tuple[str, ...]]
    policies: Sequence[Policy]

    @cached_property
    def shop_column(self) -> str | None:
        """The column that says whose a row is: a shop's own id, or `shop_id`; None without one."""
        if self.name == "shops":
            return "id"
        return "shop_id" if "shop_id" in self.columns else None

    @cached_property
    def primary(self) -> tuple[str, ...]:
        """The columns of the primary key; empty where there is none."""
        return next((key.columns for key in self.keys if key.primary), ())


_TABLES = """
  select c.oid, c.relname as name, c.relkind::text as kind, c.relrowsecurity as secured,
         c.relforcerowsecurity as forced
  from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'f')
  order by c.relname"""
_COLUMNS = """
  select attrelid as oid, attname as name, format_type(atttypid, atttypmod) as type,
         not attnotnull as nullable, attidentity <> '' or attgenerated <> '' as identity,
         atthasdef as default
  from pg_attribute join pg_class c on c.oid = attrelid
  where c.relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped
  order by attrelid, attnum"""
_KEYS = """
  select i.indrelid as oid, c.relname as name, i.indisprimary as primary,
         (select array_agg(coalesce(a.attname, '(expression)') order by place)
          from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality as k (number, place)
          left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = number)::text[]
         as columns
  from pg_index i join pg_class c on c.oid = i.indexrelid
  where c.relnamespace = 'public'::regnamespace and (i.indisunique or i.indisexclusion)
  order by c.relname"""
_CONSTRAINTS = """
  select conrelid as oid, conname as name, contype::text as type, confrelid,
         (select relname from pg_class where oid = confrelid) as target,
         (select array_agg(attname order by place)
          from unnest(conkey) with ordinality as k (number, place)
          join pg_attribute on attrelid = conrelid and attnum = number)::text[] as columns,
         (select array_agg(attname order by place)
          from unnest(confkey) with ordinality as k (number, place)
          join pg_attribute on attrelid = confrelid and attnum = number)::text[] as targets
  from pg_constraint where contype in ('f', 'c') and conrelid <> 0 order by conname"""
HELD = {
    "codes": Reference(
        "codes_of_batch", "batches", ("shop_id", "variant_id", "batch_id"),
        ("shop_id", "variant_id", "id"), ("codes_of_batch", "codes_stay_in_batch"),
    ),
}  # fmt: skip
"""References that are looked up once a statement, by triggers (decision 0071)."""
HOLDING = {"codes_of_batch": {"codes_of_batch", "codes_stay_in_batch", "batches_are_kept"}}
"""All the triggers that each of them needs."""

_TRIGGERS = """
  select tgname::text as name from pg_trigger where not tgisinternal and tgenabled in ('O', 'A')"""
_POLICIES = """
  select polrelid as oid, polname as name, polpermissive as permissive, polcmd::text as command,
         (select array_agg(coalesce(rolname, 'public') order by rolname)
          from unnest(polroles) as role left join pg_roles on pg_roles.oid = role)::text[] as roles,
         pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as check
  from pg_policy order by polname"""


async def tables(connection: asyncpg.Connection) -> dict[str, Table]:
    """Every table of schema public, by name."""
    parts = [
        _by_table(await connection.fetch(one)) for one in (_COLUMNS, _KEYS, _CONSTRAINTS, _POLICIES)
    ]
    triggers = {row["name"] for row in await connection.fetch(_TRIGGERS)}
    return {
        found["name"]: _table(found, *(rows[found["oid"]] for rows in parts), triggers=triggers)
        for found in await connection.fetch(_TABLES)
    }


def _by_table(rows: Sequence[asyncpg.Record]) -> Mapping[int, list[asyncpg.Record]]:
    grouped = defaultdict[int, list[asyncpg.Record]](list)
    for row in rows:
        grouped[row["oid"]].append(row)
    return grouped


def _table(
    found: asyncpg.Record,
    columns: Sequence[asyncpg.Record],
    keys: Sequence[asyncpg.Record],
    constraints: Sequence[asyncpg.Record],
    policies: Sequence[asyncpg.Record],
    *,
    triggers: Set[str],
) -> Table:
    held = HELD.get(found["name"])
    return Table(
        name=found["name"],
        kind=found["kind"],
        secured=found["secured"],
        forced=found["forced"],
        columns={
            row["name"]: Column(
                row["name"], row["type"], row["nullable"], row["identity"], row["default"]
            )
            for row in columns
        },
        keys=[Key(row["name"], row["primary"], tuple(row["columns"])) for row in keys],
        references=[
            Reference(row["name"], row["target"], tuple(row["columns"]), tuple(row["targets"]))
            for row in constraints
            if row["type"] == "f"
        ]
        + ([held] if held and HOLDING[held.name] <= triggers else []),
        checks={row["name"]: tuple(row["columns"]) for row in constraints if row["type"] == "c"},
        policies=[
            Policy(
                row["name"],
                row["permissive"],
                row["command"],
                tuple(row["roles"]),
                row["using"],
                row["check"],
            )
            for row in policies
        ],
    )


def in_order(found: Mapping[str, Table]) -> list[Table]:
    """The tables so that each comes after those it must refer to; nullable references can wait."""
    left, done = dict(found), dict[str, Table]()
    while left:
        ready = [
            table
            for table in left.values()
            if all(
                reference.table in done or reference.table == table.name
                for reference in table.references
                if not any(table.columns[name].nullable for name in reference.columns)
            )
        ]
        assert ready, f"these tables need one another before any row can be: {sorted(left)}"
        for table in ready:
            done[table.name] = left.pop(table.name)
    return list(done.values())
