"""Real engines for the tests: one PostgreSQL and one Valkey a run, a database a worker.

Nothing starts until a test asks for it. Under xdist the controller owns the engines, so that they
end with it; each worker clones its database from one that was migrated once.
"""

import asyncio
import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import structlog
import uvloop
from argon2 import PasswordHasher

from keystall.platform import database as pools
from keystall.platform import passwords
from keystall.platform.collection import keep_what_start_up_made
from keystall.platform.crypto import KeyRing
from keystall.platform.engines.ports import free_port
from keystall.platform.engines.postgres import Postgres
from keystall.platform.engines.roles import (
    APP,
    DATABASE,
    OWNER,
    SYSTEM,
    RolePasswords,
    bootstrap_roles,
    close_to_strangers,
    with_database,
)
from keystall.platform.engines.supervisor import Supervisor
from keystall.platform.engines.valkey import Valkey, find_valkey
from keystall.platform.settings import Settings
from keystall.tenants.installation import Installation, installed
from keystall.tenants.migrating import migrate
from keystall.tenants.schema import connect
from keystall.themes.mail.texts import ThemedMails
from tests.demos import filled_home

# A slow machine is no failure: tests never time.
hypothesis.settings.register_profile("keystall", deadline=None)
hypothesis.settings.load_profile("keystall")

_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
             "google-chrome-stable")  # fmt: skip
PASSWORDS = RolePasswords(owner="owner", app="app", system="system")


@dataclass(frozen=True)
class Engines:
    """Addresses of the run's engines; `*_url` name the migrated template database."""

    superuser_url: str
    owner_url: str
    app_url: str
    system_url: str
    redis_url: str
    folder: str


class RunningEngines:
    """Starts the engines when first asked for them; `stop` leaves nothing behind."""

    def __init__(self) -> None:
        self._supervisor = Supervisor()
        self._folder: Path | None = None
        self._engines: Engines | None = None

    def addresses(self) -> Engines:
        if self._engines is None:
            self._engines = self._start()
        return self._engines

    def _start(self) -> Engines:
        self._folder = Path(tempfile.mkdtemp(prefix="keystall-tests-"))
        postgres = Postgres(
            self._folder / "postgres", port=free_port(), password="postgres", durable=False
        )
        postgres.initialise()
        valkey = Valkey(self._folder / "valkey", free_port(), "valkey", find_valkey())
        server, store = self._supervisor.start_stage(postgres.program(), valkey.program())
        postgres.wait_until_ready(server)
        valkey.wait_until_ready(store)
        asyncio.run(bootstrap_roles(postgres.url("postgres"), PASSWORDS))
        engines = Engines(
            superuser_url=postgres.url(DATABASE),
            owner_url=postgres.url(DATABASE, OWNER, PASSWORDS.owner),
            app_url=postgres.url(DATABASE, APP, PASSWORDS.app),
            system_url=postgres.url(DATABASE, SYSTEM, PASSWORDS.system),
            redis_url=valkey.url,
            folder=str(self._folder),
        )
        asyncio.run(migrate(engines.owner_url))
        return engines

    def stop(self) -> None:
        self._supervisor.stop()
        if self._folder:
            shutil.rmtree(self._folder)


RUNNING = pytest.StashKey[RunningEngines]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUNNING] = RunningEngines()
    for name in [name for name in os.environ if name.startswith("KEYSTALL_")]:
        del os.environ[name]  # an installation's settings are none of the tests' business
    # The loop that web and worker processes run on; asyncio's own takes longer, besides.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # A traceback with every local variable in colours takes a second each.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    processors = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    structlog.configure(processors=[*processors, plain])


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[RUNNING].stop()


LONGEST = (
    "tests/e2e/test_sweep",
    # These need no demo, which one worker fills meanwhile for all.
    "tests/isolation/test_schemas",
    "tests/isolation/test_pages",
    "tests/storm/",
    "tests/e2e/test_console",
    "tests/e2e/",
    "tests/canary/",
    "tests/turning/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long start first, so that no worker is left alone with one at the end."""
    order = {prefix: place for place, prefix in enumerate(LONGEST)}

    def place(item: pytest.Item) -> int:
        places = (place for prefix, place in order.items() if item.nodeid.startswith(prefix))
        return min(places, default=len(order))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What was imported stays, and what tests leave need not be looked for at once: collections of
    garbage were a fifth of a run."""
    keep_what_start_up_made()
    gc.set_threshold(20_000, 20, 100)


class _Xdist:
    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: pytest.Item) -> None:
        addresses = node.config.stash[RUNNING].addresses()
        node.workerinput["engines"] = asdict(addresses)  # type: ignore[attr-defined]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    if pluginmanager.hasplugin("xdist"):
        pluginmanager.register(_Xdist())


@pytest.fixture(scope="session", autouse=True)
def passwords_that_guard_nothing() -> Iterator[None]:
    """Argon2id as ever, but cheap: dear hashes would be a fifth of a run's work. Processes that are
    started, and `tests/platform/test_passwords.py`, have the real ones."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    dear, nobody = passwords._HASHER, passwords._NOBODY
    passwords._HASHER, passwords._NOBODY = cheap, nobody.replace("m=19456,t=2", "m=8,t=1")
    yield
    passwords._HASHER, passwords._NOBODY = dear, nobody


@pytest.fixture(scope="session")
def engines(pytestconfig: pytest.Config) -> Engines:
    """The run's engines, with the template database migrated."""
    given = getattr(pytestconfig, "workerinput", None)
    if given is not None:
        return Engines(**given["engines"])
    return pytestconfig.stash[RUNNING].addresses()


@pytest.fixture(scope="session")
def demo_home(engines: Engines) -> Path:
    """A filled home of a demo, to copy (`tests.demos`)."""
    return filled_home(Path(engines.folder))


async def _clone(superuser_url: str, name: str) -> None:
    connection = await asyncpg.connect(with_database(superuser_url, "postgres"))
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{DATABASE}" OWNER "{OWNER}"')
        await close_to_strangers(connection, name)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def database_name(engines: Engines) -> str:
    """This worker's own migrated database."""
    name = f"{DATABASE}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    asyncio.run(_clone(engines.superuser_url, name))
    return name


@pytest.fixture(scope="session")
def superuser_url(engines: Engines, database_name: str) -> str:
    """This worker's database as a superuser, whom no policy binds: for judging, not for acting."""
    return with_database(engines.superuser_url, database_name)


@pytest.fixture(scope="session")
def owner_url(engines: Engines, database_name: str) -> str:
    """This worker's database as the owner of its tables."""
    return with_database(engines.owner_url, database_name)


@pytest.fixture(scope="session")
def redis_url(engines: Engines) -> str:
    """A numbered database of the run's Valkey that no other worker uses."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
    return engines.redis_url.removesuffix("/0") + f"/{number}"


@pytest.fixture(scope="session")
def settings(
    engines: Engines, database_name: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings of an installation for this worker: files and mails in a folder of its own."""
    folder = tmp_path_factory.mktemp("installation")
    (folder / "files").mkdir()
    (folder / "mails").mkdir()
    return Settings(
        environment="test",
        public_url="http://localhost:8000",
        shops_suffix="localhost",
        shops_scheme="http",
        shops_port=8000,
        database_url=with_database(engines.app_url, database_name),
        system_database_url=with_database(engines.system_url, database_name),
        owner_database_url=with_database(engines.owner_url, database_name),
        redis_url=redis_url,
        key_ring=KeyRing.generate().to_text(),
        secret_key=secrets.token_urlsafe(32),
        files_url=f"file://{folder / 'files'}",
        mail_url=f"folder://{folder / 'mails'}",
        mail_from="Keystall <no-reply@localhost>",
        sandbox_url="http://pay.localhost:8100",
        webhook_inside="hooks.localhost",
        sandbox_secret=secrets.token_urlsafe(32),
        log_format="console",
    )


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[None]:
    """The pools of both runtime roles, open for this worker's whole run."""
    await connect(settings)
    yield
    await pools.disconnect()


@pytest.fixture(scope="session")
async def installation(database: None, settings: Settings) -> AsyncIterator[Installation]:
    """What services are handed; its database, queue and file store are real."""
    async with installed(settings, ThemedMails()) as everything:
        yield everything


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser that browser tests drive; they are skipped without one, but never under CI.

    The headless shell is the same engine without a window's trappings, for two thirds of the work.
    """
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    reason = "NO BROWSER: install Chromium (and fonts-noto-cjk) to run the browser tests"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
