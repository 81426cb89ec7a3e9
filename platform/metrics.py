"""Prometheus metrics, one answer for all processes of a machine.

Processes that share a folder (PROMETHEUS_MULTIPROC_DIR, prometheus-client's own variable, read when
this module is imported) count into it; whoever serves the port adds their figures up. Labels are
few and closed: a route is its pattern, never an address, and a shop is never a label.
"""

import os
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUEST_SECONDS = Histogram(
    "keystall_request_seconds",
    "Time from a request's arrival to the start of its answer",
    ("method", "route", "status"),
    buckets=_SECONDS,
)
JOB_SECONDS = Histogram(
    "keystall_job_seconds", "Time a job ran", ("kind", "outcome"), buckets=_SECONDS
)
FAILED_WORK = Gauge(
    "keystall_failed_work",
    "Work given up and left to the operator, as a worker last counted it",
    multiprocess_mode="mostrecent",
)
FAILING_WORK = Gauge(
    "keystall_failing_work",
    "Work that failed five times or more and is still tried, as a worker last counted it",
    multiprocess_mode="mostrecent",
)
KEPT_HITS = Counter("keystall_kept_hits", "Requests answered from memory")
KEPT_MISSES = Counter("keystall_kept_misses", "Answers that could be kept and had to be made")
KEPT_EVICTIONS = Counter("keystall_kept_evictions", "Answers that made room for others")
KEPT_BYTES = Gauge(
    "keystall_kept_bytes", "Memory taken by kept answers", multiprocess_mode="livesum"
)
OPEN_STREAMS = Gauge(
    "keystall_open_streams",
    "Subscriptions and WebSockets of the APIs that are open",
    multiprocess_mode="livesum",
)
_log = structlog.get_logger()


def serve_metrics(port: int, folder: str = "") -> tuple[WSGIServer, Thread] | None:
    """Answer on the loopback address for this process, or for all that count into `folder`.

    None where another process of ours holds the port already and answers for this one too.
    """
    registry = REGISTRY
    if folder := folder or os.environ.get(FOLDER_VARIABLE, ""):
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    try:
        return start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError:
        _log.info("metrics port is taken", port=port)
        return None


def forget_process(pid: int, folder: str) -> None:
    """Drop the gauges of a process that died; its counts stay."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]


def empty_folder(folder: Path) -> None:
    """Start counting anew, before the first process counts."""
    folder.mkdir(parents=True, exist_ok=True)
    for counted in folder.glob("*.db"):
        counted.unlink()
