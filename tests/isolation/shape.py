"""What is wrong with the walls as PostgreSQL describes them, before any row is tried.

Each function answers findings in words, none where all is well.
"""

from collections.abc import Mapping

import asyncpg

from keystall.platform.engines.roles import APP, OWNER, SYSTEM
from keystall.tenants.schema import TABLES_WITHOUT_SHOP
from tests.isolation.catalogue import Policy, Table

BOOKKEEPING = frozenset({"tortoise_migrations"})
"""The migrations' own table: as closed to both runtime roles as the tables without a shop."""

CLOSED = TABLES_WITHOUT_SHOP | BOOKKEEPING
"""Tables that no runtime role has any privilege on."""

RUNTIME = (APP, SYSTEM)
NEVER = ("TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")

UNBOUND = {
    ("outbox", "subject_id"),  # of any kind: the item's kind says which
    ("ledger_transactions", "subject_id"),  # a taking or a refund
    ("idempotency_keys", "object_id"),  # of any kind: the operation says which
    ("audit_entries", "actor_id"),  # an account or a token: `actor_kind` says which
    ("audit_entries", "object_id"),  # of any kind: `object_kind` says which; outlives it
    ("audit_changes", "object_id"),  # of any kind: `kind` says which; outlives it
    ("forbidden_findings", "term_id"),  # the installation's list: its terms are no shop's
    ("webhook_deliveries", "subject_id"),  # of any kind: the event says which; outlives it
    ("stock_moves", "variant_id"),  # written by a trigger on codes, whose reference holds it
    ("variant_bands", "variant_id"),  # the outcome of a count; variants are never deleted
    ("reveals", "code_id"),  # outlives the code: stock that was looked at can be deleted
}
"""Columns that name a row without a foreign key, each for its reason."""

DEFINERS = frozenset({
    "account_confirm", "account_create", "account_create_invited", "account_for_sign_in",
    "account_password_change",
    "account_reset", "account_takes_two_steps",
    "account_token_create", "account_token_recipient", "catalog_moved", "catalog_versions",
    "code_moved", "codes_moved", "stock_bands_settle",
    "forbidden_scan_done",
    "forbidden_scan_shops", "forbidden_terms_held", "host_shop", "host_shop_token",
    "invitation_accept",
    "invitation_offer", "operator_account",
    "operator_forbidden_add", "operator_forbidden_findings", "operator_forbidden_remove",
    "operator_forbidden_terms", "operator_listing_stop", "operator_person_account",
    "operator_person_end", "operator_person_shops", "operator_product_shop", "person_erase",
    "operator_mail_trial", "operator_record", "operator_shop", "operator_shop_suspend",
    "operator_shops", "operator_shop_counts", "operator_shop_list", "operator_shop_review",
    "operator_work", "operator_work_counts", "operator_work_drop",
    "operator_work_retry", "packs_moved",
    "passkey_challenge_put", "passkey_challenge_take", "passkey_find",
    "passkey_list", "passkey_pass", "passkey_put", "passkey_remove", "passkey_rename",
    "passkey_user_handle", "recovery_codes_left", "recovery_codes_put", "recovery_codes_renew",
    "require_operator",
    "retention_sweep", "retention_sweep_customers",
    "retention_sweep_invitations", "retention_sweep_steps", "second_step_account",
    "second_step_begin", "second_step_cleared", "second_step_pass", "second_step_reader",
    "second_step_spend", "second_step_ways",
    "session_account", "session_confirm",
    "session_confirmed", "session_create", "session_end", "session_end_others", "session_list",
    "session_memberships", "session_shop", "session_shops", "shop_ask_approval", "shop_create",
    "shop_member_set",
    "retention_sweep_uses", "retention_sweep_deliveries", "person_erase_told",
    "operator_person_told_shops",
    "shop_members", "shop_merchants", "shop_set_open", "token_shop", "totp_begin", "totp_confirm",
    "totp_end", "totp_standing",
})  # fmt: skip
"""Functions that act as the owner: each looks up by a host, a secret's hash or the shop at hand."""

INSIDE_ONLY = frozenset({
    "catalog_moved", "code_moved", "codes_moved", "operator_account", "packs_moved",
    "recovery_codes_put", "require_operator", "second_step_cleared", "second_step_spend",
})  # fmt: skip
"""Those of them that only others of them call, or triggers."""

AS_ITSELF = frozenset({"row_id", "shop_keys_held", "webhook_event"})
"""Functions that the request role runs as itself, behind its own walls."""

SYSTEM_MAY = {
    ("outbox", column, "SELECT")
    for column in (
        "shop_id", "id", "kind", "due_at", "attempts", "done_at", "failed_at", "dropped_at",
        "created_at",
    )
} | {("outbox", column, "UPDATE") for column in ("due_at", "attempts")}  # fmt: skip


def tenant_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """The tables whose rows are a shop's: all that stand on neither closed list."""
    return {name: table for name, table in tables.items() if name not in CLOSED}


def expected_policies(table: Table) -> set[Policy]:
    """The policies that a tenant table has, and no other."""
    named = "(NULLIF(current_setting('app.shop'::text, true), ''::text))::uuid"
    wall = check = f"({table.shop_column} = {named})"
    if table.name == "codes":  # which come by the million: once a statement (decision 0073)
        check = f'({table.shop_column} = ( SELECT {named} AS "nullif"))'
    expected = {
        Policy("tenant", True, "*", (APP,), wall, check),
        Policy("owner", True, "*", (OWNER,), "true", "true"),
    }
    if table.name == "outbox":
        expected.add(Policy("work", True, "*", (SYSTEM,), "true", "true"))
    return expected


def of_table(table: Table) -> list[str]:
    """What is wrong with one tenant table."""
    if table.shop_column is None:
        return [f"{table.name}: is on no list and has no shop"]
    found = []
    if not (table.secured and table.forced and table.kind == "r"):
        found.append(f"{table.name}: row-level security is not forced")
    if set(table.policies) != expected_policies(table):
        found.append(f"{table.name}: policies are {table.policies}")
    if table.columns[table.shop_column].nullable:
        found.append(f"{table.name}: its shop may be null")
    if not table.primary:
        found.append(f"{table.name}: has no primary key")
    found += [
        f"{table.name}: key {key.name} does not start with the shop"
        for key in table.keys
        if key.columns[0] != table.shop_column
    ]
    for reference in table.references:
        target = "id" if reference.table == "shops" else "shop_id"
        if reference.columns[0] != table.shop_column or reference.targets[0] != target:
            found.append(f"{table.name}: reference {reference.name} does not start with the shop")
        if reference.table in CLOSED:
            found.append(f"{table.name}: reference {reference.name} leaves the shop")
    bound = {name for reference in table.references for name in reference.columns}
    found += [
        f"{table.name}.{name}: names a row and nothing holds it to the shop"
        for name in table.columns
        if name.endswith("_id") and name not in bound and (table.name, name) not in UNBOUND
        if name != table.shop_column
    ]
    return found


async def of_tables(connection: asyncpg.Connection, tables: Mapping[str, Table]) -> list[str]:
    """What is wrong with the tables, each on exactly one list, and with the grants on them."""
    known = set(tables)
    found = [f"{name}: is on a list and does not exist" for name in sorted((CLOSED) - known)]
    for table in tenant_tables(tables).values():
        found += of_table(table)
    granted = {
        (row["role"], row["table"], row["column"], row["privilege"])
        for row in await connection.fetch(_GRANTED, [*RUNTIME, "public"], known)
    }
    for role, table_name, column, privilege in sorted(granted):
        allowed = (table_name, column, privilege) in SYSTEM_MAY if role == SYSTEM else role == APP
        if not allowed or table_name in CLOSED:
            found.append(f"{role} has {privilege} on {table_name}.{column}")
    missing = SYSTEM_MAY - {grant[1:] for grant in granted if grant[0] == SYSTEM}
    found += [f"{SYSTEM} lacks {grant}" for grant in sorted(missing)]
    wide = await connection.fetch(_WIDE, [*RUNTIME, "public"], known, list(NEVER), CLOSED)
    found += [f"{row['role']} has {row['privilege']} on {row['table']}" for row in wide]
    return found


_GRANTED = """
  select role, c.relname as table, attname as column, privilege
  from unnest($1::text[]) as role
  cross join pg_class c join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
  cross join unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) as privilege
  where c.relnamespace = 'public'::regnamespace and c.relname = any ($2)
    and has_column_privilege(role, c.oid, attnum, privilege)"""
_WIDE = """
  select role, c.relname as table, privilege
  from unnest($1::text[]) as role cross join pg_class c cross join unnest($3::text[]) as privilege
  where c.relnamespace = 'public'::regnamespace and c.relname = any ($2)
    and has_table_privilege(role, c.oid, privilege)
  union all
  select role, c.relname, 'DELETE'
  from unnest($1::text[]) as role cross join pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relname = any ($2)
    and has_table_privilege(role, c.oid, 'DELETE')
    and (role <> 'keystall_app' or c.relname = any ($4))"""


async def of_surroundings(connection: asyncpg.Connection) -> list[str]:
    """What is wrong with views, sequences, functions and roles."""
    found = [
        f"{row['name']}: a view that does not ask as its reader, or a kept one"
        for row in await connection.fetch(_VIEWS)
    ]
    found += [
        f"{row['role']} may use sequence {row['name']}"
        for row in await connection.fetch(_SEQUENCES, [*RUNTIME, "public"])
    ]
    found += await _of_functions(connection)
    found += [
        f"{row['role']}: {row['problem']}"
        for row in await connection.fetch(_ROLES, list(RUNTIME), OWNER)
    ]
    return found


_VIEWS = """
  select relname as name from pg_class
  where relnamespace = 'public'::regnamespace
    and (relkind = 'm' or relkind = 'v' and not coalesce(
         reloptions && '{security_invoker=true,security_invoker=on,security_invoker=1}', false))"""
_SEQUENCES = """
  select role, c.relname as name from unnest($1::text[]) as role cross join pg_class c
  where c.relkind = 'S' and c.relnamespace = 'public'::regnamespace
    and has_sequence_privilege(role, c.oid, 'USAGE, SELECT, UPDATE')"""
_ROLES = """
  select rolname as role, problem from pg_roles r cross join lateral (values
    (rolsuper, 'is a superuser'), (rolbypassrls, 'bypasses row-level security'),
    (rolcreatedb, 'creates databases'), (rolcreaterole, 'creates roles'),
    (rolreplication, 'replicates'),
    (exists (select from pg_auth_members where member = r.oid), 'is a member of another role'),
    (exists (select from pg_auth_members where roleid = r.oid), 'has members'),
    (exists (select from pg_shdepend where refobjid = r.oid and deptype = 'o'), 'owns something'),
    (has_schema_privilege(rolname, 'public', 'CREATE'), 'creates in the schema'),
    (has_database_privilege(rolname, current_database(), 'CREATE'), 'creates schemas'),
    (has_database_privilege(rolname, current_database(), 'TEMP'), 'creates temporary tables')
  ) as problems (has, problem)
  where has and rolname = any ($1)
  union all
  select rolname, 'bypasses row-level security' from pg_roles
  where rolname = $2 and (rolsuper or rolbypassrls)"""


async def _of_functions(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "select proname as name, prosecdef as definer, proconfig as config,"
        " has_function_privilege('public', p.oid, 'EXECUTE') as public,"
        " has_function_privilege('keystall_app', p.oid, 'EXECUTE') as app,"
        " has_function_privilege('keystall_system', p.oid, 'EXECUTE') as system"
        " from pg_proc p where pronamespace = 'public'::regnamespace"
    )
    found = []
    for row in rows:
        name = row["name"]
        if row["definer"] != (name in DEFINERS):
            found.append(f"{name}: acts as the owner, or no longer does")
        if row["definer"] and row["config"] != ["search_path=public, pg_temp"]:
            found.append(f"{name}: its search path is not pinned")
        if row["public"] or row["system"]:
            found.append(f"{name}: anyone may run it")
        if row["app"] != (name in (DEFINERS - INSIDE_ONLY) | AS_ITSELF):
            found.append(f"{name}: the request role's right to run it")
    missing = DEFINERS - {row["name"] for row in rows}
    return found + [f"{name}: is on the list and does not exist" for name in sorted(missing)]
