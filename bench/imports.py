"""A file of codes put in stock: `python -m bench.imports [--lines N] [--rounds N]`, a million lines
and three rounds by default.

The merchant signs in on the console, uploads the file and has it imported, as a browser would, each
round for another variant; the worker does the rest. Beside it the floor (COPY of as many sealed
rows into an indexed table, before and after each), the memory that web and worker took, and the
99th percentile of the shop's home at a steady pace, with nothing else to do and while the file goes
in. The table has medians, memory the most. A host that keeps processors to itself is told of: such
rounds say little of the 99th percentile. Exit status 3: a code is missing, or an answer was
wrong.
"""

import argparse
import asyncio
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import asyncpg
import uvloop
from rich.console import Console

from bench.floors.copying import copied
from bench.house import House, HouseError
from bench.load import percentiles
from bench.meter import Meter
from bench.processes import resident_megabytes, stolen_seconds
from bench.report import Row, show, show_cpu
from bench.wire import Answer, Connection

LINES, ROUNDS = 1_000_000, 3
PACE, IDLE_SECONDS, TOLD_SECONDS = 100.0, 15.0, 5.0
"""Of ten seconds at this pace the slowest hundredth is ten answers, not two."""
LONGEST_SECONDS = 1800.0
RESTED_SECONDS = 2.0
"""How long a connection may have been idle: the server closes it after five."""
_FORM = "application/x-www-form-urlencoded"
_BOUNDARY = secrets.token_hex(16)
_UPLOAD = re.compile(rb'name="uploadId" value="([^"]+)"')
console = Console(highlight=False, width=112)


class Merchant:
    """The shop's merchant in a browser."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._host = f"localhost:{house.port}"
        self._cookie = ""

    async def sign_in(self) -> None:
        answer = await self._send("/sign-in", {"form": "SessionCreate", **self._login})
        self._cookie = answer.headers["set-cookie"].partition(";")[0]

    async def import_file(self, file: Path, variant: str) -> float:
        """Uploads the file and asks for its import; answers the seconds both took."""
        page = f"/console/{self._house.seeded['slug']}/stock/{variant}"
        began = time.monotonic()
        form, media_type = _multipart(file)
        answer = await self._post(page, form, media_type, 200)
        found = _UPLOAD.search(answer.body)
        if found is None:
            raise ValueError("the console did not take the file")
        fields = {"form": "CodesImport", "uploadId": found[1].decode(), "plain": "false",
                  "idempotencyKey": secrets.token_hex(12)}  # fmt: skip
        await self._send(page, fields)
        return time.monotonic() - began

    @property
    def _login(self) -> dict[str, str]:
        login: dict[str, str] = self._house.seeded["merchant"]
        return login

    async def _send(self, path: str, fields: dict[str, str]) -> Answer:
        return await self._post(path, urlencode(fields).encode(), _FORM, 303)

    async def _post(self, path: str, body: bytes, media_type: str, status: int) -> Answer:
        headers = {"Origin": f"http://{self._host}", "Cookie": self._cookie}
        connection = Connection(self._house.port, self._host, headers=headers)
        try:
            answer = await connection.send("POST", path, body, media_type)
        finally:
            connection.close()
        if answer.status != status:
            raise ValueError(f"{path} answered {answer.status}")
        return answer


def _multipart(file: Path) -> tuple[bytes, str]:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="form"\r\n\r\nCodesPreview\r\n'
    head += f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="uploadId"; filename="c.txt"'
    head += "\r\nContent-Type: text/plain\r\n\r\n"
    body = head.encode() + file.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return body, f"multipart/form-data; boundary={_BOUNDARY}"


@dataclass
class Watch:
    """What was seen while something went on: seconds of each answer of the home, the most memory a
    process had, and the share of one processor that the machine's host kept to itself."""

    times: list[float] = field(default_factory=list)
    bad: int = 0
    memory: dict[str, float] = field(default_factory=dict)
    stolen: float = 0.0

    @property
    def p99(self) -> float:
        return percentiles(self.times)[1]


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[Watch]:
    """Asks for the shop's home at `PACE`, each request when it is due, however late the last is."""
    seen, asking = Watch(), set[asyncio.Task[None]]()
    free: list[tuple[float, Connection]] = []

    async def ask() -> None:
        connection = Connection(house.port, house.shop_host)
        while free:
            rested, kept = free.pop()
            if time.monotonic() < rested + RESTED_SECONDS:
                connection = kept
                break
            kept.close()
        began = time.perf_counter()
        try:
            answer = await connection.send("GET", "/en/")
            seen.bad += answer.status != 200
        except (OSError, EOFError):
            seen.bad += 1
        seen.times.append(time.perf_counter() - began)
        free.append((time.monotonic(), connection))

    async def pace() -> None:
        due = time.monotonic()
        while True:
            task = asyncio.create_task(ask())
            asking.add(task)
            task.add_done_callback(asking.discard)
            for name, megabytes in _memory(house):
                seen.memory[name] = max(seen.memory.get(name, 0.0), megabytes)
            due += 1 / PACE
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    began, stolen = time.monotonic(), stolen_seconds()
    pacing = asyncio.create_task(pace())
    try:
        yield seen
    finally:
        pacing.cancel()
        seen.stolen = (stolen_seconds() - stolen) / (time.monotonic() - began)
        await asyncio.gather(*asking)
        for _, connection in free:
            connection.close()


def _memory(house: House) -> Iterator[tuple[str, float]]:
    for name, program in (("web", "web-1"), ("worker", "worker")):
        found = resident_megabytes(house.pids[program])
        if found is not None:
            yield name, found


async def until_done(house: House, lines: int) -> tuple[float, int]:
    """The seconds from the job's making to its end by the database's clock, and how many codes
    were added. Raises ValueError for one that failed."""
    database = await asyncpg.connect(house.database_url)
    try:
        return await _until_done(database, lines)
    finally:
        await database.close()


async def _until_done(database: asyncpg.Connection, lines: int) -> tuple[float, int]:
    told = began = time.monotonic()
    while True:
        job = await database.fetchrow("select * from jobs order by id desc limit 1")
        if job["state"] not in ("queued", "running"):
            break
        if time.monotonic() > told + TOLD_SECONDS:
            told = time.monotonic()
            console.print(f"  {job['done']:,} of {lines:,} lines after {told - began:.0f} s")
        await asyncio.sleep(0.1)
    if job["state"] != "done":
        raise ValueError(f"the import {job['state']}: {job['result']}")
    spent = await database.fetchval(
        "select extract(epoch from finished_at - created_at)::float from jobs where id = $1",
        job["id"],
    )
    added = await database.fetchval(
        "select (select count(*) from codes where batch_id = $1)"
        " + (select coalesce(sum(codes), 0) from code_packs where batch_id = $1)",
        job["id"],
    )
    return spent, added


@dataclass
class Found:
    """What one round found: seconds, codes, megabytes, and what was seen meanwhile."""

    floor: float
    uploaded: float
    spent: float
    added: int
    extra: dict[str, float]
    idle: Watch
    uploading: Watch
    busy: Watch

    @property
    def bad(self) -> int:
        return self.idle.bad + self.uploading.bad + self.busy.bad

    def told(self, lines: int) -> str:
        return (
            f"{self.added:,} of {lines:,} codes added in {self.spent:.1f} s, the floor in"
            f" {self.floor:.1f} s; upload and preview in {self.uploaded:.1f} s; p99 of the home"
            f" {self.busy.p99:.1f} ms, idle {self.idle.p99:.1f}; the machine's host kept"
            f" {self.busy.stolen:.0%} of a processor, idle {self.idle.stolen:.0%}"
        )


def summary(rounds: Sequence[Found], lines: int) -> list[Row]:
    """Medians of the rounds."""
    floor, rate = lines / median(r.floor for r in rounds), lines / median(r.spent for r in rounds)
    home = median(r.idle.p99 for r in rounds)
    uploading, busy = (median(getattr(r, w).p99 for r in rounds) for w in ("uploading", "busy"))
    memory = {name: max(r.extra[name] for r in rounds) for name in ("web", "worker")}
    return [
        Row(f"import of {lines:,} codes", rate, "/s", "≥ 0.5", floor, "COPY, indexed"),
        Row("memory beside, web", memory["web"], "MB", "< 64 MB"),
        Row("memory beside, worker", memory["worker"], "MB", "< 64 MB"),
        Row("p99 of the home, idle", home, "ms", "", bad=sum(r.bad for r in rounds)),
        Row("… during the upload", uploading, "ms", "", home, "idle"),
        Row("… during the import", busy, "ms", "≤ 2", home, "idle"),
    ]


async def measure(house: House, file: Path, lines: int, rounds: int) -> bool:
    """Whether all went in, and every answer was right."""
    meter, merchant, found = Meter(house), Merchant(house), list[Found]()
    await merchant.sign_in()
    async with watched(house):
        await asyncio.sleep(3)  # the first answers warm
    before = dict(_memory(house))
    floor = await copied(house.floors_url, lines)
    for variant in house.seeded["variants"][:rounds]:
        async with watched(house) as idle:
            await asyncio.sleep(IDLE_SECONDS)
        async with watched(house) as uploading:
            uploaded = await merchant.import_file(file, variant)
        async with watched(house) as busy:
            with meter.of("a line, home pages beside it") as done:
                spent, added = await until_done(house, lines)
                done(lines)
        next_floor = await copied(house.floors_url, lines)
        most = {name: max(uploading.memory[name], busy.memory[name]) for name in before}
        extra = {name: most[name] - before[name] for name in before}
        floors = (floor + next_floor) / 2
        one = Found(floors, uploaded, spent, added, extra, idle, uploading, busy)
        console.print(one.told(lines), soft_wrap=True)
        found.append(one)
        floor = next_floor
    console.print()
    show(summary(found, lines), console)
    show_cpu(meter.medians(), console)
    return all(one.added == lines and not one.bad for one in found)


def bench(folder: Path, lines: int, rounds: int) -> bool:
    """Starts everything, measures, and stops it."""
    house, file = House(folder), folder / "codes.txt"
    try:
        console.print(f"Starting the product in {folder}, with a shop of 1,000 products")
        house.start()
        (folder / "answers").mkdir()
        house.start_floors(folder / "answers")
        file.write_text("".join(f"{secrets.token_hex(10).upper()}\n" for _ in range(lines)))
        right = uvloop.run(_in_time(house, file, lines, rounds))
        for line in (died := house.died()):
            console.print(line, style="red")
        return right and not died
    finally:
        house.stop()


async def _in_time(house: House, file: Path, lines: int, rounds: int) -> bool:
    async with asyncio.timeout(LONGEST_SECONDS):
        return await measure(house, file, lines, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="keystall-bench-"))
    try:
        right = bench(folder, asked.lines, asked.rounds)
    except (HouseError, ValueError, TimeoutError) as error:
        sys.exit(f"bench: {type(error).__name__}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if right else 3)


if __name__ == "__main__":
    main()
