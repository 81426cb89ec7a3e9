"""Web processes as an installation runs them, each at a port of its own."""

import http.client
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from keystall.platform.engines.ports import LOOPBACK, free_port
from keystall.platform.engines.supervisor import Program, spawn, stop_together
from keystall.platform.settings import Settings

SERVER = (sys.executable, "-m", "keystall.platform.web.server", "keystall.platform.asgi:app")


@contextmanager
def web_processes(
    settings: Settings, folder: Path, count: int = 2
) -> Iterator[list[tuple[int, "Popen[bytes]"]]]:
    """Processes over one database and one Redis, with their ports."""
    told = settings.model_dump(mode="json", exclude_none=True)
    environment = {
        f"KEYSTALL_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in told.items()
    }
    running, ports = [], [free_port() for _ in range(count)]
    try:
        for number, port in enumerate(ports):
            command = (*SERVER, "--port", str(port))
            program = Program(f"web-{number}", command, folder / f"{number}.log", environment)
            running.append((program, spawn(program)))
        for (program, process), port in zip(running, ports, strict=True):
            _wait_until_up(program, port, process)
        yield [(port, process) for port, (_, process) in zip(ports, running, strict=True)]
    finally:
        stop_together(running)


def _wait_until_up(program: Program, port: int, process: "Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if asked(port, "localhost", "/healthz")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(program.log.read_text())


def asked(port: int, host: str, path: str) -> tuple[int, str]:
    """Status and text of a page."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
