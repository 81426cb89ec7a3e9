"""What processes cost, read from /proc; None where the system has no /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float | None:
    """CPU time of a process and its children, the ended ones included."""
    try:
        waited = sum(_stat(pid)[13:15])
    except OSError:
        return None
    spent = 0
    for one in _tree(pid):
        with suppress(OSError):  # a child that ends just now, as autovacuum's do
            spent += sum(_stat(one)[11:13])
    return (waited + spent) / _TICKS


def resident_megabytes(pid: int) -> float | None:
    """The memory a process has resident now, shared pages included (VmRSS)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_megabytes(pid: int) -> float | None:
    """The most memory a process ever had resident, shared pages included (VmHWM)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def proportional_megabytes(pid: int) -> float | None:
    """Memory now, shared pages counted in shares (PSS)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def stolen_seconds() -> float:
    """Processor time that a virtual machine wanted and its host gave to others; 0 elsewhere."""
    try:
        total = Path("/proc/stat").read_text().partition("\n")[0].split()
    except OSError:
        return 0.0
    return int(total[8]) / _TICKS


def machine() -> str:
    """Cores and processor, for the head of the table."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{cores} cores, {names[0] if names else os.uname().machine}"


def _stat(pid: int) -> list[int]:
    """The fields of /proc/PID/stat after the name; utime is [11], cutime [13]."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [0, *(int(field) for field in after_name[1:])]


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children = ""
        with suppress(OSError):
            children = task.read_text()
        for child in children.split():
            yield from _tree(int(child))
