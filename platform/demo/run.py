"""Starts a demo, keeps it going, stops it in order."""

import asyncio
import hashlib
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from keystall.platform.demo.home import Home
from keystall.platform.demo.installation import (
    Commands,
    DemoInstallation,
    Options,
    choose_ports,
)
from keystall.platform.demo.summary import as_json, show, summary
from keystall.platform.engines.roles import DATABASE, RolePasswords, bootstrap_roles, drop_database
from keystall.platform.engines.supervisor import Death, Supervisor, spawn
from keystall.platform.metrics import empty_folder, forget_process, serve_metrics

READY_SECONDS = 60.0
PREPARE_SECONDS = 300.0
TICK = 0.05
FEW_FAILURES = 0.3
"""The pause after a second failure in a row: a third one while starting is a reason to give up."""
BINDS = ("127.0.0.1", "0.0.0.0", "::")  # noqa: S104  # the demo's parts also call each other at 127.0.0.1


class DemoError(Exception):
    """The demo cannot start; the message says why and what to do."""


class Stopped(Exception):
    """Somebody asked for an end before the start was over."""


class Demo:
    """One run of `keystall demo`."""

    def __init__(self, options: Options, commands: Commands, console: Console) -> None:
        self._options, self._commands, self._console = options, commands, console
        self._supervisor = Supervisor()
        self._home = Home(options.home)
        self._asked_to_stop = False

    def run(self) -> None:
        """Return after an orderly stop. Raises `DemoError`, `HomeError` or `EngineError`."""
        if os.environ.get("KEYSTALL_ENVIRONMENT") == "production":
            raise DemoError(
                "KEYSTALL_ENVIRONMENT says production, and a demo is none: it prints its logins "
                "and takes play money. Unset it, or run keystall web and keystall worker."
            )
        if self._options.bind not in BINDS:
            raise DemoError(f"--bind takes one of {', '.join(BINDS)}, not {self._options.bind}")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        for name in [name for name in os.environ if name.startswith("KEYSTALL_")]:
            del os.environ[name]  # the demo's own settings are the only ones
        # Before its port, which it holds: another one would not help.
        self._home.refuse_second()
        with _listen(self._options) as listener:
            self._home.open(fresh=self._options.fresh)
            try:
                self._start(listener)
                self._keep_going()
            except Stopped:
                pass
            finally:
                self._supervisor.stop()
        self._console.print("Stopped.")

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def _start(self, listener: socket.socket) -> None:
        folder = self._home.folder
        (folder / "demo.json").unlink(missing_ok=True)
        empty_folder(folder / "metrics")
        ports = choose_ports(self._options.port, self._options.bind)
        installation = DemoInstallation(self._options, self._home, ports)
        self._home.write_private("environment", _shell(installation.environment()))
        self._console.print(f"Starting Keystall in {installation.home}")
        installation.postgres.initialise()
        engines = self._supervisor.start_stage(
            installation.postgres.program(), installation.valkey.program()
        )
        self._supervisor.start_stage(installation.far_side())
        schema = _fingerprint(self._commands.schema)
        is_prepared = self._is_prepared(schema)
        if is_prepared:  # they load while the engines wake
            self._start_rooms(installation, listener)
        installation.postgres.wait_until_ready(engines[0])
        installation.valkey.wait_until_ready(engines[1])
        if not is_prepared:
            self._prepare(installation, schema)
            self._start_rooms(installation, listener)
        serve_metrics(ports.metrics, str(folder / "metrics"))
        self._wait_until_ready("localhost", ports.public, "/readyz")
        self._wait_until_ready("pay.localhost", ports.far_side, "/healthz")
        self._wait(installation.valkey.is_waited_on, READY_SECONDS, "the worker")
        seeded = json.loads((folder / "seeded.json").read_text())
        told = summary(installation, seeded)
        self._home.write_private("demo.json", as_json(told))
        show(told, installation, self._console)

    def _start_rooms(self, installation: DemoInstallation, listener: socket.socket) -> None:
        self._supervisor.start_stage(
            *installation.web(self._commands, listener.fileno()),
            installation.worker(self._commands),
        )

    def _is_prepared(self, schema: str) -> bool:
        seeded, stamp = (self._home.folder / name for name in ("seeded.json", "schema.stamp"))
        return seeded.exists() and stamp.exists() and stamp.read_text() == schema

    def _prepare(self, installation: DemoInstallation, schema: str) -> None:
        """Roles, schema and shops, made where they are missing."""
        seeded, kept = self._home.folder / "seeded.json", installation.secrets
        superuser = installation.postgres.url("postgres")
        if not seeded.exists():  # whatever is there was left half-made
            asyncio.run(drop_database(superuser, DATABASE))
        passwords = RolePasswords(owner=kept.owner, app=kept.app, system=kept.system)
        asyncio.run(bootstrap_roles(superuser, passwords))
        self._console.print("Preparing the database and the shops (only the first time)")
        self._run_prepare(installation, seeded)
        self._home.write_private("schema.stamp", schema)

    def _run_prepare(self, installation: DemoInstallation, seeded: Path) -> None:
        program = installation.prepare(self._commands, seeded)
        process = spawn(program)
        try:
            self._wait(lambda: process.poll() is not None, PREPARE_SECONDS, "preparing")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode != 0 or not seeded.exists():
            raise DemoError(f"the database could not be prepared:\n{_tail(program.log)}")

    def _wait_until_ready(self, host: str, port: int, path: str) -> None:
        self._wait(lambda: _answers(host, port, path), READY_SECONDS, f"{host}:{port}")

    def _wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            for death in self._tend():
                if death.pause > FEW_FAILURES:
                    raise DemoError(f"{death.name} does not start:\n{_tail(death.log)}")
            if self._asked_to_stop:
                raise Stopped
            if time.monotonic() > deadline:
                logs = self._home.folder / "logs"
                raise DemoError(f"{what} took longer than {seconds:.0f} s; see {logs}")
            time.sleep(TICK)

    def _keep_going(self) -> None:
        while not self._asked_to_stop:
            for death in self._tend():
                self._console.print(
                    f"{death.name} ended ({_manner(death.status)}), starting it again; "
                    f"see {death.log}",
                    style="yellow",
                )
            time.sleep(TICK)
        self._console.print("\nStopping")

    def _tend(self) -> list[Death]:
        deaths = self._supervisor.tend()
        for death in deaths:
            forget_process(death.pid, str(self._home.folder / "metrics"))
        return deaths


def _listen(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.bind else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.bind, options.port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise DemoError(
            f"cannot listen on {options.bind} port {options.port}: {reason}. Stop what holds it, "
            "or choose another with --port."
        ) from None
    return listener


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _fingerprint(paths: Iterable[Path]) -> str:
    files = [f for path in paths for f in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and file.suffix in {".py", ".sql"}:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _shell(environment: Any) -> str:
    lines = (f"{name}='{value}'\n" for name, value in environment.items())
    return "# For tools beside the running demo: set -a; . ./environment\n" + "".join(lines)


def _manner(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


def _tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return f"(nothing in {log})"
