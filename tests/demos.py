"""A demo's home that was filled once a run: whoever needs a demo starts it over a copy.

Filling a home (cluster, schema, three shops with pictures) takes longer than all the rest of a
demo's start, and several files need a demo of their own.
"""

import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keystall.platform.engines.ports import free_port
from keystall.platform.engines.supervisor import Program, spawn, stop_together

_START_SECONDS = 180.0


def filled_home(shared: Path) -> Path:
    """The home in `shared`, the folder of all workers of a run; the first to ask fills it."""
    home = shared / "demo"
    with _alone(shared / "demo.lock"):
        if not home.exists():
            making = shared / "demo-in-the-making"
            _fill(making)
            making.rename(home)
    return home


def copy_home(filled: Path, home: Path) -> None:
    """A home of one's own; owners and modes stay, which PostgreSQL insists on."""
    subprocess.run(["cp", "-a", str(filled), str(home)], check=True)


def _fill(home: Path) -> None:
    log = home.with_suffix(".log")
    command = (sys.executable, "-m", "keystall", "demo", "--home", str(home),
               "--port", str(free_port()))  # fmt: skip
    program = Program(name="demo", command=command, log=log, death_signal=signal.SIGTERM, grace=20)
    process = spawn(program)
    told = home / "demo.json"
    end = time.monotonic() + _START_SECONDS
    try:
        while not told.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the demo did not start:\n{log.read_text('utf-8')}")
            time.sleep(0.1)
    finally:
        stop_together([(program, process)])
    told.unlink(missing_ok=True)  # it tells of ports that nobody listens at any more


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
