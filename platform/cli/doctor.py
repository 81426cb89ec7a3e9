"""`keystall doctor`: is this installation, or this machine, fit to run?"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import typer
from pydantic import ValidationError
from redis.asyncio import Redis
from rich.console import Console

from keystall.platform.crypto import KeyRing
from keystall.platform.engines.errors import EngineError
from keystall.platform.engines.postgres import find_postgres
from keystall.platform.engines.valkey import find_valkey
from keystall.platform.oauth.port import Attempt, ProviderName, SignInProvider
from keystall.platform.oauth.registry import redirect_uri, sign_in_providers
from keystall.platform.settings import Settings, load_settings

app = typer.Typer()

FOUND = 3
SECONDS = 5.0
_NEEDED_MAJOR = 17


@app.command()
def doctor() -> None:
    """Look at what Keystall needs and say, line by line, what is well and what is not.

    With KEYSTALL_* settings it tries the services they name; without, it looks for the engines that
    keystall demo would use. Exits with 3 when something is wrong.

    Example:

        keystall doctor
    """
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = load_settings()
    except ValidationError as error:
        if any(wrong["type"] != "missing" for wrong in error.errors(include_input=False)):
            console.print("settings: wrong; keystall web says how", style="red")
        else:
            console.print("settings: none; looking at what keystall demo needs")
        healthy = _report(console, "PostgreSQL for the demo", lambda: str(find_postgres()))
        healthy &= _report(console, "Valkey for the demo", lambda: str(find_valkey()))
    else:
        healthy = asyncio.run(_installation(settings, console))
    if not healthy:
        raise typer.Exit(FOUND)


async def _installation(settings: Settings, console: Console) -> bool:
    checks: dict[str, Callable[[], Awaitable[str]]] = {
        "database as app": lambda: _database(settings.database_url),
        "database as system": lambda: _database(settings.system_database_url),
        "Redis or Valkey": lambda: _redis(settings.redis_url),
        "key ring": lambda: _key_ring(settings.key_ring),
        "mail": lambda: _mail(settings.mail_url),
    }
    if settings.owner_database_url:
        checks["database as owner"] = lambda: _database(settings.owner_database_url)
    for provider, made in sign_in_providers(settings).items():
        checks[f"sign-in by {provider}"] = partial(_sign_in, settings, provider, made)
    healthy = True
    for name, check in checks.items():
        try:
            said = await asyncio.wait_for(check(), SECONDS)
        except Exception as error:
            healthy = False
            # Only the kind of failure: a message may repeat an address with its password.
            console.print(f"{name}: {type(error).__name__}", style="red")
        else:
            console.print(f"{name}: {said}")
    return healthy


def _report(console: Console, name: str, find: Callable[[], str]) -> bool:
    try:
        console.print(f"{name}: {find()}")
    except EngineError as error:
        console.print(f"{name}: {error}", style="red", markup=False)
        return False
    return True


class UnfitRole(Exception):
    """A runtime role that row-level security does not bind."""


class TooOld(Exception):
    """A server older than what Keystall is tried with."""


async def _database(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        role = await connection.fetchrow(
            "SELECT rolname, rolsuper OR rolbypassrls AS mighty FROM pg_roles"
            " WHERE rolname = current_user"
        )
        if role["mighty"]:
            raise UnfitRole
        if connection.get_server_version().major < _NEEDED_MAJOR:
            raise TooOld
        return f"PostgreSQL {connection.get_server_version().major} as {role['rolname']}"
    finally:
        await connection.close()


async def _redis(url: str) -> str:
    async with Redis.from_url(url, decode_responses=True) as client:
        info = await client.info("server")
        return f"version {info.get('valkey_version') or info['redis_version']}"


async def _sign_in(settings: Settings, name: ProviderName, provider: SignInProvider) -> str:
    """Whether the provider can be reached from here; whether it knows our keys, only it can say."""
    parts = urlsplit(provider.authorize_url(Attempt(redirect_uri(settings, name), "", "", "")))
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    _, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    writer.close()
    return f"{parts.hostname} answers; the address to register is {redirect_uri(settings, name)}"


async def _key_ring(source: str) -> str:
    ring = KeyRing.load(source)
    return f"versions {', '.join(map(str, ring.versions))}"


async def _mail(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "folder":
        return _existing_folder(parts.path)
    port = parts.port or (465 if parts.scheme == "smtps" else 25)
    loop = asyncio.get_running_loop()
    await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    _, writer = await asyncio.open_connection(parts.hostname, port)
    writer.close()
    return f"{parts.hostname} answers"


def _existing_folder(path: str) -> str:
    if not Path(path).is_dir():
        raise NotADirectoryError
    return path
