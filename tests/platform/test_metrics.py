"""One private answer for the figures of every process."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from keystall.platform.engines.ports import LOOPBACK, free_port
from keystall.platform.metrics import empty_folder, serve_metrics

COUNT_ONE = (
    "from keystall.platform.metrics import REQUEST_SECONDS;"
    "REQUEST_SECONDS.labels('GET', '/p/{slug}', '200').observe(0.02)"
)


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=5) as answer:
        text: bytes = answer.read()
    return text.decode()


def test_one_port_adds_up_what_every_process_counted(tmp_path: Path) -> None:
    empty_folder(tmp_path)
    for _ in range(2):
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", COUNT_ONE], check=True, env=environment)
    port = free_port()
    served = serve_metrics(port, str(tmp_path))
    assert served is not None
    server, thread = served
    try:
        text = scrape(port)
        second = serve_metrics(port, str(tmp_path))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    labels = 'method="GET",route="/p/{slug}",status="200"'
    assert f"keystall_request_seconds_count{{{labels}}} 2.0" in text
    assert second is None


def test_a_new_run_counts_anew(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"")
    (tmp_path / "kept.txt").write_bytes(b"")

    empty_folder(tmp_path)

    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.txt"]
