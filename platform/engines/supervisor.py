"""Child processes that start in stages, come back when they die, and stop in the reverse order.

Everything here runs on the main thread: the kernel binds "die with your parent" to the *thread*
that forked. On Linux no child outlives a SIGKILL of this process; elsewhere only an orderly stop is
promised.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keystall.platform.engines.errors import EngineError

LAUNCHER = Path(__file__).with_name("launch.py")
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
STEADY_AFTER = 10.0
"""Seconds of life after which an earlier failure is forgotten."""
LOG_LIMIT = 20_000_000
"""Bytes after which a log is set aside when its program starts."""


@dataclass(frozen=True, slots=True)
class User:
    """The user a program runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Program:
    """One child process: what to run and how it ends."""

    name: str
    command: tuple[str, ...]
    log: Path
    """Standard output and error are appended here."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when we die without stopping it."""
    grace: float = 4.0
    """Seconds from `stop_signal` to SIGKILL."""
    user: User | None = None
    pass_fds: tuple[int, ...] = ()
    prepare: Callable[[], None] | None = None
    """Called before every start, the restarts included."""


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start `program` in a session of its own, so that a terminal's Ctrl-C does not reach it."""
    if program.prepare:
        program.prepare()
    program.log.parent.mkdir(parents=True, exist_ok=True)
    if program.log.exists() and program.log.stat().st_size > LOG_LIMIT:
        program.log.replace(program.log.with_suffix(".old.log"))
    user = program.user or User(-1, -1)
    launcher = (sys.executable, "-I", "-S", str(LAUNCHER))
    terms = (os.getpid(), int(program.death_signal), user.uid, user.gid)
    with program.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # a fixed command of ours
            [*launcher, *map(str, terms), *program.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/" if program.user else None,
            env={**os.environ, **program.environment},
            pass_fds=program.pass_fds,
            start_new_session=True,
        )


def stop_together(running: Iterable[tuple[Program, subprocess.Popen[bytes]]]) -> None:
    """Ask all of them to stop at once; kill each that is still there after its grace."""
    asked = list(running)
    for program, process in asked:
        if process.poll() is None:
            process.send_signal(program.stop_signal)
    began = time.monotonic()
    for program, process in asked:
        try:
            process.wait(max(0.0, began + program.grace - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    stage: int
    started: float
    failures: int = 0
    due: float | None = None
    """When to start it again; None while it lives."""


@dataclass(frozen=True, slots=True)
class Death:
    """A supervised program ended by itself; it starts again after `pause` seconds."""

    name: str
    pid: int
    status: int
    """Exit status; negative: the signal that killed it."""
    pause: float
    log: Path


class Supervisor:
    """Keeps programs alive until told to stop. Call `tend` often."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._stages = 0

    def start_stage(self, *programs: Program) -> list[subprocess.Popen[bytes]]:
        """Start programs that may stop together, before every earlier stage."""
        self._stages += 1
        started = []
        for program in programs:
            child = _Child(program, spawn(program), self._stages, time.monotonic())
            self._children.append(child)
            started.append(child.process)
        return started

    def pids(self) -> dict[str, int]:
        """Process id by program name, of those now alive."""
        return {c.program.name: c.process.pid for c in self._children if c.due is None}

    def tend(self) -> list[Death]:
        """Note which programs died since the last call; start those again whose pause is over."""
        deaths = []
        for child in self._children:
            if child.due is None and (status := child.process.poll()) is not None:
                deaths.append(_note_death(child, status))
            elif child.due is not None and child.due <= time.monotonic():
                try:
                    child.process = spawn(child.program)
                except (EngineError, OSError):
                    deaths.append(_note_death(child, child.process.returncode))
                else:
                    child.started, child.due = time.monotonic(), None
        return deaths

    def stop(self) -> None:
        """Stop everything, the last stage first."""
        for stage in range(self._stages, 0, -1):
            stop_together((c.program, c.process) for c in self._children if c.stage == stage)
        self._children.clear()


def _note_death(child: _Child, status: int) -> Death:
    now = time.monotonic()
    child.failures = 1 if now - child.started > STEADY_AFTER else child.failures + 1
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (child.failures - 1))
    child.due = now + pause
    return Death(child.program.name, child.process.pid, status, pause, child.program.log)
