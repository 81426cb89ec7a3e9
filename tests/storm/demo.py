"""A demo under fire: started as anybody would, its processes found in /proc and killed."""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from keystall.platform.engines.ports import free_port
from keystall.platform.engines.supervisor import Program, spawn, stop_together
from tests.demos import copy_home
from tests.storm.plan import Kind

_MARKS: dict[str, Kind] = {
    "keystall.platform.web.server": "web",
    "keystall worker": "worker",
    "valkey-server": "valkey",
    "redis-server": "valkey",
    "/postgres -D": "postgres",
}
_START_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Killed:
    """One SIGKILL."""

    kind: Kind
    pid: int
    at: datetime


@dataclass
class StormDemo:
    """One `keystall demo --web 2` in `home`.

    `filled`: a home to copy instead of filling one (`tests.demos`).
    `back`: seconds from each kill until the supervisor had another process in its place.
    """

    home: Path
    filled: Path | None = None
    killed: list[Killed] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    _dead: set[int] = field(default_factory=set)

    async def start(self) -> dict[str, Any]:
        """Starts it and answers demo.json once it is there."""
        if self.filled is not None:
            copy_home(self.filled, self.home)
        self.port = free_port()
        command = (sys.executable, "-m", "keystall", "demo", "--home", str(self.home),
                   "--port", str(self.port), "--web", "2")  # fmt: skip
        self._program = Program(
            name="demo",
            command=command,
            log=self.home.with_suffix(".log"),
            death_signal=signal.SIGTERM,
            grace=20,
        )
        self._process = spawn(self._program)
        told = self.home / "demo.json"
        deadline = time.monotonic() + _START_SECONDS
        while not told.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the demo did not start:\n{self._program.log.read_text()}")
            await asyncio.sleep(0.1)
        parsed: dict[str, Any] = json.loads(told.read_text())
        return parsed

    def stop(self) -> None:
        """Stops it in order."""
        stop_together([(self._program, self._process)])

    def superuser_url(self) -> str:
        """The database as one whom no policy binds: for judging."""
        address = urlsplit(self._environment()["KEYSTALL_DATABASE_URL"])
        password = json.loads((self.home / "secrets.json").read_text())["superuser"]
        host = f"{address.hostname}:{address.port}"
        return f"postgresql://postgres:{quote(password, safe='')}@{host}{address.path}"

    def gateway_url(self) -> str:
        return self._environment()["KEYSTALL_SANDBOX_URL"]

    def _environment(self) -> dict[str, str]:
        lines = (self.home / "environment").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if not line.startswith("#"))
        return {name: value.strip("'") for name, _, value in pairs}

    def children(self) -> dict[int, Kind]:
        """What may be killed: the demo's own children, by process id. The gateway is none."""
        found: dict[int, Kind] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(fields[1]) != self._process.pid or fields[0] == "Z" or "launch.py" in command:
                continue
            kinds = [kind for mark, kind in _MARKS.items() if mark in command]
            found.update((int(folder.name), kind) for kind in kinds)
        return found

    async def kill(self, kind: Kind, choice: int) -> None:
        """Kills a process of `kind` as soon as there is one, and waits for its successor."""
        while not (living := self._of(kind)):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.05)
        pid = sorted(living)[choice % len(living)]
        self._dead.add(pid)
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        self.killed.append(Killed(kind, pid, datetime.now(UTC)))
        while not self._of(kind) - living:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self.back.append(time.monotonic() - began)

    def _of(self, kind: Kind) -> set[int]:
        return {pid for pid, found in self.children().items() if found == kind} - self._dead
