"""The folder a demo lives in: one demo at a time, its secrets made once and kept closed.

home/
  lock  secrets.json  key-ring  environment  demo.json  seeded.json  schema.stamp
  postgres/  valkey/  files/  mail/  sandbox/  metrics/  logs/  bytecode/
"""

import fcntl
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

from keystall.platform.crypto import KeyRing

FOLDERS = ("files", "mail", "sandbox", "metrics", "logs")


class HomeError(Exception):
    """The folder cannot serve as a demo's home; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the demo's parts trust each other by; random, never shown."""

    superuser: str
    owner: str
    app: str
    system: str
    valkey: str
    cookies: str
    sandbox: str


class Home:
    """A locked demo folder. Hold it as long as the demo runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self._lock: IO[str] | None = None

    def open(self, *, fresh: bool) -> None:
        """Make or reuse the folder and lock it; `fresh` empties it first. Raises `HomeError`."""
        lock = self.folder / "lock"
        if self.folder.exists() and not lock.exists() and any(self.folder.iterdir()):
            raise HomeError(
                f"{self.folder} holds something that is no Keystall demo: choose another --home"
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = lock.open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise self._taken() from None
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()
        if fresh:
            self._empty()
        for name in FOLDERS:
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    def refuse_second(self) -> None:
        """Raises `HomeError` where a demo runs in the folder."""
        if self.is_open_elsewhere():
            raise self._taken()

    def _taken(self) -> HomeError:
        process = (self.folder / "lock").read_text().strip()
        try:
            address = json.loads((self.folder / "demo.json").read_text())["platform_url"]
        except (OSError, ValueError):  # it has not come so far
            address = ""
        return HomeError(
            f"a demo runs in {self.folder} already (process {process}): "
            f"{f'open {address}, or ' if address else ''}stop it, or choose another --home and"
            " --port"
        )

    def is_open_elsewhere(self) -> bool:
        """Whether a demo runs in the folder."""
        try:
            with (self.folder / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _empty(self) -> None:
        for entry in self.folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    def secrets(self) -> Secrets:
        """The home's secrets, made the first time."""
        path = self.folder / "secrets.json"
        if path.exists():
            kept = json.loads(path.read_text())
            if "key_ring" in kept:  # a home from before the ring was a file of its own
                ring = kept.pop("key_ring")
                if not self.key_ring.exists():
                    self.write_private(self.key_ring.name, ring + "\n")
                self.write_private("secrets.json", json.dumps(kept, indent=2))
            return Secrets(**{field.name: kept[field.name] for field in fields(Secrets)})
        made = Secrets(**{field.name: secrets.token_urlsafe(32) for field in fields(Secrets)})
        if not self.key_ring.exists():
            self.write_private(self.key_ring.name, KeyRing.generate().to_text())
        self.write_private("secrets.json", json.dumps(asdict(made), indent=2))
        return made

    @property
    def key_ring(self) -> Path:
        """The file of the ring, which `keystall keys rotate` changes while the demo runs."""
        return self.folder / "key-ring"

    def write_private(self, name: str, text: str) -> None:
        """Put a file there whole, for the owner's eyes only."""
        partial = self.folder / f".{name}.partial"
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(text)
        partial.replace(self.folder / name)
