"""Load on one address: by wrk where it is installed, else by a small loader of ours."""

import asyncio
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httptools

CONNECTIONS = 16
_SCRIPT = """
wrk.method = %s
wrk.headers["Host"] = %s
wrk.headers["Content-Type"] = "application/json"
wrk.body = %s
done = function(summary, latency, requests)
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A request to repeat. With a `body` it is a POST of JSON."""

    name: str
    port: int
    host: str
    path: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of load found; times in milliseconds."""

    rate: float
    requests: int
    bad: int
    p50: float
    p99: float


def loader() -> str:
    """Which loader makes the load."""
    return "wrk" if shutil.which("wrk") else "bench.load (no wrk on PATH; it costs more itself)"


async def load(target: Target, seconds: float) -> Load:
    """`CONNECTIONS` connections that ask again as soon as they are answered."""
    return await (_by_wrk if shutil.which("wrk") else _by_ours)(target, seconds)


async def _by_wrk(target: Target, seconds: float) -> Load:
    method = json.dumps("POST" if target.body else "GET")
    body = json.dumps(target.body.decode()) if target.body else "nil"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(_SCRIPT % (method, json.dumps(target.host), body))
        url = f"http://127.0.0.1:{target.port}{target.path}"
        process = await asyncio.create_subprocess_exec(
            "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", script, url,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(seconds + 15):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    (line,) = [line for line in said.decode().splitlines() if line.startswith("RESULT")]
    requests, spent, status, broken, p50, p99 = map(int, line.split()[1:])
    return Load(requests / spent * 1e6, requests, status + broken, p50 / 1e3, p99 / 1e3)


class _Asking(asyncio.Protocol):
    """One connection. `stop` is when it asks no more; `times` takes seconds an answer took."""

    def __init__(self, request: bytes, stop: float, times: list[float]) -> None:
        self._request, self._stop, self._times = request, stop, times
        self._parser = httptools.HttpResponseParser(self)
        self.bad, self.over = 0, asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has other ancestors
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._times.append(now - self._asked)
        self.bad += self._parser.get_status_code() >= 400
        if now < self._stop:
            self._parser = httptools.HttpResponseParser(self)
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.bad += time.perf_counter() < self._stop
        if not self.over.done():
            self.over.set_result(None)

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)


async def _by_ours(target: Target, seconds: float) -> Load:
    lines = [f"{'POST' if target.body else 'GET'} {target.path} HTTP/1.1", f"Host: {target.host}"]
    if target.body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(target.body)}"]
    request = "\r\n".join([*lines, "", ""]).encode() + target.body
    times: list[float] = []
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    stop = began + seconds
    asking = []
    for _ in range(CONNECTIONS):
        _, one = await loop.create_connection(
            lambda: _Asking(request, stop, times), "127.0.0.1", target.port
        )
        asking.append(one)
    async with asyncio.timeout(seconds + 15):
        await asyncio.gather(*(one.over for one in asking))
    spent, bad = time.perf_counter() - began, sum(one.bad for one in asking)
    return Load(len(times) / spent, len(times), bad, *percentiles(times))


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """The 50th and the 99th, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return 0.0, 0.0
    last = len(ordered) - 1
    return tuple(ordered[min(last, int(len(ordered) * part))] * 1e3 for part in (0.5, 0.99))  # type: ignore[return-value]
