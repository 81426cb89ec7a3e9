"""The walls between shops, swept from the catalogue: every table, every verb, every role."""

import asyncpg
import pytest

from keystall.platform.engines.roles import SYSTEM
from tests.isolation import shape
from tests.isolation.conftest import Walls
from tests.isolation.crossing import Attempts, cross, grants_of
from tests.isolation.filling import undone


async def test_every_table_is_on_one_list_and_has_exactly_its_walls(
    walls: Walls, judge: asyncpg.Connection
) -> None:
    assert await shape.of_tables(judge, walls.everything) == []


async def test_views_functions_sequences_and_roles_open_no_way_around(
    walls: Walls, judge: asyncpg.Connection
) -> None:
    assert await shape.of_surroundings(judge) == []


async def test_both_shops_have_rows_in_every_table(walls: Walls, judge: asyncpg.Connection) -> None:
    for table in walls.tables.values():
        for shop in (walls.mine, walls.theirs):
            count = await judge.fetchval(
                f'select count(*) from "{table.name}" where "{table.shop_column}" = $1',
                shop.id,
            )
            assert count >= 1, f"{shop.name} has no row in {table.name}"


async def test_no_verb_reaches_another_shop_through_any_table(
    walls: Walls, app: asyncpg.Connection
) -> None:
    findings, tried = [], 0
    for table in walls.tables.values():
        attempts = Attempts(app, table, await grants_of(app, table))
        await cross(attempts, walls.mine, walls.theirs)
        findings += attempts.findings
        tried += attempts.tried
    assert findings == []
    assert tried >= 15 * len(walls.tables)
    print(f"{tried} attempts on {len(walls.tables)} tables")


async def test_the_request_role_may_do_nothing_with_tables_without_a_shop(
    walls: Walls, app: asyncpg.Connection
) -> None:
    closed = set(walls.everything) - set(walls.tables)
    assert closed == shape.CLOSED
    for name in closed:
        column = next(iter(walls.everything[name].columns))
        for sql in (
            f'select from "{name}"',
            f'insert into "{name}" default values',
            f'update "{name}" set "{column}" = "{column}"',
            f'delete from "{name}"',
            f'truncate "{name}"',
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with undone(app):
                    await app.execute(sql)


async def test_the_system_role_sees_when_work_is_due_and_nothing_else(walls: Walls) -> None:
    visible = {(table, column) for table, column, verb in shape.SYSTEM_MAY if verb == "SELECT"}
    connection = await asyncpg.connect(walls.system_url)
    seen = set()
    try:
        for table in walls.everything.values():
            for column in table.columns:
                try:
                    sql = f'select "{column}" from "{table.name}"'
                    rows = await connection.fetch(sql)
                except asyncpg.InsufficientPrivilegeError:
                    continue
                assert len(rows) == 4, "two items of each of the two shops"
                seen.add((table.name, column))
    finally:
        await connection.close()
    assert seen == visible


async def test_the_system_role_claims_work_and_changes_nothing_else_of_it(walls: Walls) -> None:
    changeable = {column for _, column, verb in shape.SYSTEM_MAY if verb == "UPDATE"}
    connection = await asyncpg.connect(walls.system_url)
    try:
        for name, table in walls.everything.items():
            for column in table.columns:
                sql = f'update "{name}" set "{column}" = default where false'
                if (name, column) in {("outbox", one) for one in changeable}:
                    await connection.execute(sql)
                    continue
                with pytest.raises(asyncpg.PostgresError) as refused:
                    await connection.execute(sql)
                assert refused.value.sqlstate in ("42501", "428C9"), f"{name}.{column}"
            for sql in (f'insert into "{name}" default values', f'delete from "{name}"'):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(sql)
    finally:
        await connection.close()


async def test_no_runtime_role_can_become_another_or_switch_row_security_off(
    walls: Walls, app: asyncpg.Connection
) -> None:
    for role in ("keystall_owner", SYSTEM, "postgres"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with undone(app):
                await app.execute(f"set local role {role}")
    async with undone(app):
        await app.execute("set local row_security = off")
        for table in walls.tables:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with undone(app):
                    await app.fetch(f'select from "{table}"')


async def test_what_a_transaction_was_bound_to_ends_with_it(walls: Walls) -> None:
    connection = await asyncpg.connect(walls.app_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "select set_config('app.shop', $1, true)", str(walls.theirs.id)
            )
            assert await connection.fetchval("select count(*) from products") == 2
        assert await connection.fetchval("select count(*) from products") == 0
    finally:
        await connection.close()


async def test_the_owner_who_dumps_sees_both_shops_in_every_table(walls: Walls) -> None:
    connection = await asyncpg.connect(walls.owner_url)
    try:
        for table in walls.tables.values():
            shops = await connection.fetch(
                f'select distinct "{table.shop_column}" as shop from "{table.name}"'
            )
            assert {row["shop"] for row in shops} == {walls.mine.id, walls.theirs.id}, table.name
    finally:
        await connection.close()
