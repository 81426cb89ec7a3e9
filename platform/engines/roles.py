"""The database `keystall` and its three login roles, made by a superuser before any migration.

`keystall_owner` owns the database and runs migrations; `keystall_app` and `keystall_system` may
connect and nothing else: every grant is a migration's. None of the three bypasses row security.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

DATABASE = "keystall"
OWNER, APP, SYSTEM = "keystall_owner", "keystall_app", "keystall_system"


@dataclass(frozen=True, slots=True)
class RolePasswords:
    """Passwords of the three login roles."""

    owner: str
    app: str
    system: str


async def bootstrap_roles(superuser_dsn: str, passwords: RolePasswords) -> None:
    """Create the roles and the database, or set them right where they exist."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        pairs = ((OWNER, passwords.owner), (APP, passwords.app), (SYSTEM, passwords.system))
        for role, password in pairs:
            await _ensure_role(connection, role, password)
        known = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE)
        if not known:
            await connection.execute(f'CREATE DATABASE "{DATABASE}" OWNER "{OWNER}"')
        await close_to_strangers(connection, DATABASE)
    finally:
        await connection.close()


async def drop_database(superuser_dsn: str, name: str) -> None:
    """Remove database `name`, connections to it included; harmless where there is none."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


async def close_to_strangers(connection: asyncpg.Connection, name: str) -> None:
    """Let only the three roles connect to database `name`."""
    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{APP}", "{SYSTEM}"')


def with_database(dsn: str, database: str) -> str:
    """The same address for another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


async def _ensure_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    attributes = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION"
    known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    quoted = await connection.fetchval("SELECT quote_literal($1)", password)
    verb = "ALTER" if known else "CREATE"
    await connection.execute(f'{verb} ROLE "{role}" WITH {attributes} PASSWORD {quoted}')
