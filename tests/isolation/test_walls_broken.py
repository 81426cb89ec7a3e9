"""Walls broken on purpose: a sweep that a broken wall passes would prove nothing.

Each mutant is made in a transaction, judged there by what judges the real walls, and rolled back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from keystall.platform.engines.roles import APP
from tests.isolation import catalogue, shape
from tests.isolation.catalogue import Policy, Table
from tests.isolation.conftest import Walls
from tests.isolation.crossing import Attempts, cross, grants_of
from tests.isolation.filling import undone

READ_ONLY = frozenset({"shops", "stock_moves", "variant_bands"})
"""Tables in which the request role may neither add a row nor change whose one is."""


@dataclass(frozen=True)
class Mutant:
    """A wall broken in one way; `felt`: whether a statement can tell, not only the catalogue."""

    name: str
    table: Table
    sql: str
    felt: bool


def _policy(table: Table, policy: Policy, *, using: str | None, check: str | None) -> str:
    parts = [f'drop policy "{policy.name}" on "{table.name}"']
    made = f'create policy "{policy.name}" on "{table.name}" to {", ".join(policy.roles)}'
    made += f" using ({using})" if using else ""
    made += f" with check ({check})" if check else ""
    return "; ".join([*parts, made])


def _of_policy(table: Table, policy: Policy) -> Iterator[Mutant]:
    name = f"{table.name}.{policy.name}"
    walled = policy.roles == (APP,)
    yield Mutant(f"{name} dropped", table, f'drop policy "{policy.name}" on "{table.name}"', walled)
    if policy.using != "true":
        sql = _policy(table, policy, using="true", check=policy.check)
        yield Mutant(f"{name} using true", table, sql, walled)
    if policy.check != "true":
        sql = _policy(table, policy, using=policy.using, check="true")
        felt = walled and table.name not in READ_ONLY
        yield Mutant(f"{name} with check true", table, sql, felt)
    # PostgreSQL then checks with USING: nothing can be felt, but nobody may rely on that.
    sql = _policy(table, policy, using=policy.using, check=None)
    yield Mutant(f"{name} with check dropped", table, sql, felt=False)


def _of_table(table: Table) -> Iterator[Mutant]:
    for policy in table.policies:
        yield from _of_policy(table, policy)
    alter = f'alter table "{table.name}"'
    yield Mutant(f"{table.name} unwalled", table, f"{alter} disable row level security", True)
    yield Mutant(f"{table.name} not forced", table, f"{alter} no force row level security", False)
    for reference in table.references:
        if reference.table == "shops":
            continue
        loose = zip(reference.columns, reference.targets, strict=True)
        pairs = [pair for pair in loose if pair[0] != table.shop_column]
        column, target = next((pair for pair in pairs if pair[1] == "id"), pairs[0])
        name = f"{table.name}_loose_{column}"
        let_go = "; ".join(
            f'drop trigger "{trigger}" on "{table.name}"' for trigger in reference.triggers
        )
        sql = let_go or (
            f'{alter} drop constraint "{reference.name}";'
            f' create unique index "{name}" on "{reference.table}" ("{target}");'
            f' {alter} add constraint "{name}" foreign key ("{column}")'
            f' references "{reference.table}" ("{target}")'
        )
        yield Mutant(f"{table.name}.{column} leaves the shop", table, sql, True)


async def _felt(judge: asyncpg.Connection, walls: Walls, table: Table) -> list[str]:
    """What the request role notices on one table."""
    attempts = Attempts(judge, table, await grants_of(judge, table))
    async with undone(judge):
        await judge.execute(f"set local role {APP}")
        await cross(attempts, walls.mine, walls.theirs)
    return attempts.findings


async def test_every_broken_policy_is_caught(walls: Walls, judge: asyncpg.Connection) -> None:
    mutants = [mutant for table in walls.tables.values() for mutant in _of_table(table)]
    survived, felt = [], 0
    for mutant in mutants:
        async with undone(judge):
            await judge.execute(mutant.sql)
            seen = shape.of_table((await catalogue.tables(judge))[mutant.table.name])
            if not seen:
                survived.append(f"{mutant.name}: the catalogue shows nothing")
            if mutant.felt:
                felt += 1
                if not await _felt(judge, walls, mutant.table):
                    survived.append(f"{mutant.name}: no statement notices")
    assert survived == []
    assert len(mutants) >= 6 * len(walls.tables)
    print(f"{len(mutants)} broken walls caught by the catalogue, {felt} of them by statements, too")


BROKEN = {
    "an unclassified table": "create table strays (id uuid primary key)",
    "a tenant table without walls": (
        "create table strays (shop_id uuid references shops, id uuid, primary key (shop_id, id))"
    ),
    "a key across shops": "create unique index on products (slug)",
    "a shop that may be null": (
        "create table strays (shop_id uuid references shops, id uuid primary key)"
    ),
    "a second policy": "create policy more on orders for select to keystall_app using (true)",
    "a policy for everyone": "create policy more on orders using (true)",
    "sessions readable": "grant select on sessions to keystall_app",
    "hosts deletable": "grant delete on hosts to keystall_app",
    "one column of accounts readable": "grant select (email) on accounts to keystall_app",
    "truncate": "grant truncate on products to keystall_app",
    "products for everyone": "grant select on products to public",
    "orders for the system role": "grant select (email) on orders to keystall_system",
    "problems for the system role": "grant select (problem) on outbox to keystall_system",
    "a view of the owner's": "create view strays as select * from orders",
    "a kept view": "create materialized view strays as select * from orders",
    "a function that acts as the owner": (
        "create function stray() returns bigint language sql security definer"
        " set search_path = public, pg_temp as 'select count(*) from orders';"
        " revoke execute on function stray from public"
    ),
    "a search path let go": "alter function shop_merchants reset search_path",
    "a function for everyone": "grant execute on function shop_merchants to public",
    "an inner function run from outside": (
        "grant execute on function require_operator to keystall_app"
    ),
    "a counter of codes": "grant usage on sequence codes_position_seq to keystall_app",
    "a role that bypasses": "alter role keystall_app bypassrls",
    "a role that owns": "create schema stray; alter schema stray owner to keystall_app",
    "a role within another": "grant keystall_owner to keystall_app",
    "a role that creates": "grant create on schema public to keystall_system",
}


@pytest.mark.parametrize("sql", BROKEN.values(), ids=BROKEN)
async def test_each_way_around_the_walls_is_caught(judge: asyncpg.Connection, sql: str) -> None:
    await judge.execute(sql)
    found = await shape.of_tables(judge, await catalogue.tables(judge))
    assert found + await shape.of_surroundings(judge) != []
