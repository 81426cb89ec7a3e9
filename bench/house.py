"""The product as an installation runs it: engines, far side, one web process, one worker.

Beside it, in the same PostgreSQL, the floors. PostgreSQL keeps its promises (fsync on). All of it
lives in one folder and ends with this process, however that ends.
"""

import asyncio
import http.client
import json
import socket
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg

from keystall.platform.demo.home import Home
from keystall.platform.demo.installation import Commands, DemoInstallation, Options, choose_ports
from keystall.platform.engines.ports import free_port
from keystall.platform.engines.roles import DATABASE, RolePasswords, bootstrap_roles
from keystall.platform.engines.supervisor import Program, Supervisor, spawn, stop_together

READY_SECONDS = 30.0
SEED_SECONDS = 300.0
PEER_SECONDS = 60.0
STARTS = 3
HERE = Path(__file__).parent
PYTHON = (sys.executable, "-m")
COMMANDS = Commands(
    web=(*PYTHON, "keystall.platform.web.server", "keystall.platform.asgi:app"),
    worker=(*PYTHON, "keystall", "worker"),
    prepare=(*PYTHON, "bench.seed"),
    schema=(),
)
_ROOM = {"KEYSTALL_API_BUCKET": "1000000000", "KEYSTALL_API_RESTORE": "1000000000"}


class HouseError(Exception):
    """Something did not start; the message says what, and where its log is."""


class House:
    """Start it with `start()`; `stop()` always."""

    def __init__(self, folder: Path) -> None:
        self._home = Home(folder)
        self._home.open(fresh=False)
        self._supervisor = Supervisor()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self._cold_listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        port: int = self._listener.getsockname()[1]
        options = Options(home=folder, port=port)
        self._product = DemoInstallation(options, self._home, choose_ports(port, "127.0.0.1"))
        self.port, self.floors_port, self.peer_port = port, free_port(), free_port()
        self.cold_port: int = self._cold_listener.getsockname()[1]
        self.sandbox_port = self._product.ports.far_side
        self.pids: dict[str, int] = {}
        self.seeded: dict[str, Any] = {}
        self.start_seconds = 0.0

    @property
    def shop_host(self) -> str:
        return f"{self.seeded['slug']}.localhost:{self.port}"

    @property
    def sandbox_host(self) -> str:
        return f"pay.localhost:{self.sandbox_port}"

    @property
    def floors_url(self) -> str:
        """The database of the floors."""
        return self._product.postgres.url("floors")

    @property
    def database_url(self) -> str:
        """The product's database, as its superuser."""
        return self._product.postgres.url(DATABASE)

    @property
    def folder(self) -> Path:
        """Where all of it lives."""
        return self._product.home

    def url_of(self, database: str) -> str:
        """A database beside the product's, as the superuser."""
        return self._product.postgres.url(database)

    def make_database(self, name: str) -> None:
        """An empty one."""
        asyncio.run(_make_database(self.url_of("postgres"), name))

    def start_peer(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """A peer's server, on `peer_port`; `command` with its script's whole path."""
        log = self.folder / "logs" / "peer.log"
        self._supervisor.start_stage(Program("peer", command, log, dict(environment)))
        wait_for("peer", self.peer_port, "localhost", "/health", seconds=PEER_SECONDS)
        self._note_pids()

    def start(self) -> None:
        """Everything but the floors, whose answers from memory are taken from the product."""
        self._engines()
        self._seed()
        self._supervisor.start_stage(self._product.far_side())
        wait_for("sandbox", self.sandbox_port, self.sandbox_host, "/healthz")
        # Before the web: a kept shop has work that is overdue, and no web is ready beside that.
        self._supervisor.start_stage(self._product.worker(COMMANDS))
        self._time_starts()
        (web,) = self._web()
        self._supervisor.start_stage(web)
        wait_for("web", self.port, f"localhost:{self.port}", "/readyz")
        self._supervisor.start_stage(self._cold_web())
        wait_for("web-cold", self.cold_port, f"localhost:{self.port}", "/readyz")
        self._note_pids()

    def start_floors(self, answers: Path) -> None:
        """The floors, with the files in `answers` in their memory."""
        superuser = self._product.postgres.url("postgres")
        address = self.floors_url
        asyncio.run(_make_floors(superuser, address))
        command = (*PYTHON, "uvicorn", "bench.floors.app:app", "--host", "127.0.0.1",
                   "--port", str(self.floors_port), "--loop", "uvloop", "--http", "httptools",
                   "--no-access-log", "--log-level", "warning")  # fmt: skip
        environment = {
            "FLOORS_DATABASE": address,
            "FLOORS_ANSWERS": str(answers),
            "PYTHONPATH": str(HERE.parent),
        }
        log = self._product.home / "logs" / "floors.log"
        self._supervisor.start_stage(Program("floors", command, log, environment))
        wait_for("floors", self.floors_port, "localhost", "/rest/products")
        self._note_pids()

    def died(self) -> list[str]:
        """Programs that ended by themselves since the last call; they are not started again."""
        return [f"{death.name} ended ({death.status}): {death.log}"
                for death in self._supervisor.tend()]  # fmt: skip

    def stop(self) -> None:
        self._supervisor.stop()
        self._listener.close()
        self._cold_listener.close()

    def _engines(self) -> None:
        product = self._product
        product.postgres.initialise()
        postgres, valkey = self._supervisor.start_stage(
            product.postgres.program(), product.valkey.program()
        )
        product.postgres.wait_until_ready(postgres)
        product.valkey.wait_until_ready(valkey)
        kept = product.secrets
        passwords = RolePasswords(owner=kept.owner, app=kept.app, system=kept.system)
        asyncio.run(bootstrap_roles(product.postgres.url("postgres"), passwords))

    def _seed(self) -> None:
        told = self._product.home / "seeded.json"
        if not told.exists():
            program = self._product.prepare(COMMANDS, told)
            process = spawn(program)
            try:
                if process.wait(SEED_SECONDS) != 0:
                    raise HouseError(f"the shop could not be filled; see {program.log}")
            finally:
                stop_together([(program, process)])
        self.seeded = json.loads(told.read_text())
        # As autovacuum would have within a minute of such an import.
        asyncio.run(_execute(self.database_url, "vacuum analyze"))

    def _web(self) -> list[Program]:
        programs = self._product.web(COMMANDS, self._listener.fileno())
        # All of the load comes from one address, which has one bucket.
        return [replace(one, environment={**one.environment, **_ROOM}) for one in programs]

    def _cold_web(self) -> Program:
        """A process that keeps no page, so that each is drawn from the database."""
        (web,) = self._product.web(COMMANDS, self._cold_listener.fileno())
        environment = {**web.environment, **_ROOM, "KEYSTALL_KEPT_MEGABYTES": "0"}
        log = web.log.with_name("web-cold.log")
        return replace(web, name="web-cold", log=log, environment=environment)

    def _time_starts(self) -> None:
        """Seconds from starting a web process to its being ready, the median of a few."""
        took = []
        for number in range(STARTS + 1):
            (program,) = self._web()
            began = time.monotonic()
            process = spawn(program)
            try:
                wait_for("web", self.port, f"localhost:{self.port}", "/readyz")
                if number:  # the first one may wait for the worker, too
                    took.append(time.monotonic() - began)
            finally:
                stop_together([(program, process)])
        self.start_seconds = statistics.median(took)

    def _note_pids(self) -> None:
        self.pids = self._supervisor.pids()


async def _make_floors(superuser: str, address: str) -> None:
    await _make_database(superuser, "floors")
    await _execute(address, (HERE / "floors" / "schema.sql").read_text())


async def _make_database(superuser: str, name: str) -> None:
    await _execute(superuser, f"drop database if exists {name} with (force)")
    await _execute(superuser, f"create database {name}")


async def _execute(address: str, sql: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def fetch(port: int, host: str, path: str) -> tuple[int, bytes]:
    """One GET on this machine: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_for(name: str, port: int, host: str, path: str, *, seconds: float = READY_SECONDS) -> None:
    """Return when it answers 200. Raises `HouseError`."""
    deadline = time.monotonic() + seconds
    said = "nothing"
    while time.monotonic() < deadline:
        try:
            status, _ = fetch(port, host, path)
            if status == 200:
                return
            said = f"status {status}"
        except (OSError, http.client.HTTPException) as error:
            said = type(error).__name__
        time.sleep(0.01)
    raise HouseError(f"{name} did not get ready in {seconds:.0f} s ({path}: {said})")
