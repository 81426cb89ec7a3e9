"""What the demo runs: engines, the far side, web and worker, and the settings they share."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keystall.platform.demo.home import Home, Secrets
from keystall.platform.engines.ports import free_port, is_free
from keystall.platform.engines.postgres import Postgres
from keystall.platform.engines.roles import APP, DATABASE, OWNER, SYSTEM
from keystall.platform.engines.supervisor import Program
from keystall.platform.engines.valkey import Valkey, find_valkey

SUFFIX = "localhost"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    home: Path
    port: int = 8000
    bind: str = "127.0.0.1"
    fresh: bool = False
    web: int = 1
    postgres_bin: str = ""
    valkey_server: str = ""
    stripe_url: str = ""
    """Stands in for Stripe; empty: Stripe itself."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Programs of the upper rooms; each is run with the demo's KEYSTALL_* environment."""

    web: tuple[str, ...]
    """Told its listening socket as `--fd N`."""
    worker: tuple[str, ...]
    prepare: tuple[str, ...]
    """Migrates, fills an empty database, writes what it made to the file it is told."""
    schema: tuple[Path, ...]
    """Files and folders that, unchanged, make a migration of a prepared home unnecessary."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where things answer during this run."""

    public: int
    far_side: int
    metrics: int


def choose_ports(public: int, bind: str) -> Ports:
    """The far side answers beside the public port where that is free."""
    beside = [port for port in range(public + 1, public + 20) if is_free(port, bind)]
    return Ports(public, beside[0] if beside else free_port(), free_port())


class DemoInstallation:
    """The programs of one home, with the ports of one run."""

    def __init__(self, options: Options, home: Home, ports: Ports) -> None:
        self.home, self.ports, self.options = home.folder, ports, options
        self.secrets = home.secrets()
        self.postgres = Postgres(
            self.home / "postgres",
            port=free_port(),
            password=self.secrets.superuser,
            programs=options.postgres_bin,
        )
        self.valkey = Valkey(
            self.home / "valkey",
            free_port(),
            self.secrets.valkey,
            find_valkey(options.valkey_server),
        )

    @property
    def platform_url(self) -> str:
        return f"http://localhost:{self.ports.public}"

    @property
    def mail_url(self) -> str:
        return f"http://mail.{SUFFIX}:{self.ports.far_side}/mail"

    def environment(self) -> Mapping[str, str]:
        """KEYSTALL_* for every program of this demo."""
        kept: Secrets = self.secrets
        elsewhere = self.options.stripe_url
        return ({"KEYSTALL_STRIPE_URL": elsewhere} if elsewhere else {}) | {
            "KEYSTALL_ENVIRONMENT": "demo",
            "KEYSTALL_PUBLIC_URL": self.platform_url,
            "KEYSTALL_SHOPS_SUFFIX": SUFFIX,
            "KEYSTALL_SHOPS_SCHEME": "http",
            "KEYSTALL_SHOPS_PORT": str(self.ports.public),
            "KEYSTALL_DATABASE_URL": self.postgres.url(DATABASE, APP, kept.app),
            "KEYSTALL_SYSTEM_DATABASE_URL": self.postgres.url(DATABASE, SYSTEM, kept.system),
            "KEYSTALL_OWNER_DATABASE_URL": self.postgres.url(DATABASE, OWNER, kept.owner),
            "KEYSTALL_REDIS_URL": self.valkey.url,
            "KEYSTALL_KEY_RING": str(self.home / "key-ring"),
            "KEYSTALL_SECRET_KEY": kept.cookies,
            "KEYSTALL_FILES_URL": (self.home / "files").as_uri(),
            "KEYSTALL_MAIL_URL": "folder://"
            + (self.home / "mail").as_uri().removeprefix("file://"),
            "KEYSTALL_MAIL_FROM": "Keystall <no-reply@keystall.localhost>",
            "KEYSTALL_SANDBOX_URL": f"http://pay.{SUFFIX}:{self.ports.far_side}",
            "KEYSTALL_SANDBOX_SECRET": kept.sandbox,
            "KEYSTALL_SANDBOX_CONNECT": f"127.0.0.1:{self.ports.far_side}",
            # Merchants of a demo may have their own programs told, on this machine.
            "KEYSTALL_WEBHOOK_INSIDE": f"hooks.{SUFFIX}",
            "KEYSTALL_LOG_FORMAT": "json",
            "PROMETHEUS_MULTIPROC_DIR": str(self.home / "metrics"),
        }

    def far_side(self) -> Program:
        """The sandbox payment gateway and the mail viewer."""
        command = (sys.executable, "-m", "keystall.platform.sandbox",
                   "--home", str(self.home / "sandbox"), "--mail", str(self.home / "mail"),
                   "--port", str(self.ports.far_side), "--bind", self.options.bind)  # fmt: skip
        return self._program("sandbox", command, grace=1.5)

    def web(self, commands: Commands, fd: int) -> list[Program]:
        """As many web processes as were asked for, on one listening socket."""
        command = (*commands.web, "--fd", str(fd))
        names = [f"web-{number}" for number in range(1, self.options.web + 1)]
        return [self._program(name, command, pass_fds=(fd,)) for name in names]

    def worker(self, commands: Commands) -> Program:
        return self._program("worker", commands.worker)

    def prepare(self, commands: Commands, seeded: Path) -> Program:
        return self._program("prepare", (*commands.prepare, str(seeded)))

    def _bytecode(self) -> dict[str, str]:
        """Keep compiled modules, which halve a start; in our folder where others are unwanted."""
        if not os.environ.get("PYTHONDONTWRITEBYTECODE"):
            return {}
        prefix = str(self.home / "bytecode")
        return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": prefix}

    def _program(self, name: str, command: tuple[str, ...], *, grace: float = 4.0,
                 pass_fds: tuple[int, ...] = ()) -> Program:  # fmt: skip
        return Program(
            name=name,
            command=command,
            log=self.home / "logs" / f"{name}.log",
            environment={**self.environment(), **self._bytecode()},
            grace=grace,
            pass_fds=pass_fds,
        )
