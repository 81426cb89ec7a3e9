"""Where CPU time goes while something is measured: per process, per request."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.house import House
from bench.processes import cpu_seconds

PROCESSES = ("web-1", "web-cold", "worker", "sandbox", "postgres", "valkey", "floors", "peer")


class Meter:
    """Collects microseconds of CPU per request, by name of the work and process."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._found: defaultdict[str, list[dict[str, float]]] = defaultdict(list)

    @contextmanager
    def of(self, work: str) -> Iterator[Callable[[int], None]]:
        """Inside, call what it gives with the number of requests that were answered."""
        counts: list[int] = []
        before = self._read()
        yield counts.append
        after = self._read()
        if counts and counts[0]:
            spent = {name: (after[name] - before[name]) / counts[0] * 1e6 for name in before}
            self._found[work].append(spent)

    def medians(self) -> dict[str, dict[str, float]]:
        """Microseconds a request by work and process; processes that did nothing are left out."""
        answer = {}
        for work, runs in self._found.items():
            middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
            answer[work] = {name: round(spent, 1) for name, spent in middle.items() if spent >= 1}
        return answer

    def _read(self) -> dict[str, float]:
        pids = {name: pid for name, pid in self._house.pids.items() if name in PROCESSES}
        read = {name: cpu_seconds(pid) for name, pid in pids.items()}
        return {name: spent for name, spent in read.items() if spent is not None}
