"""`make bench`: starts the product and the floors on this machine, measures, prints one table."""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from rich.console import Console

from bench import peer
from bench.checkouts import Buyer, FloorBuyer, OurBuyer, Shop, checkouts
from bench.delivery import PACE, Deliveries, deliveries
from bench.house import House, HouseError
from bench.load import CONNECTIONS, Load, loader
from bench.meter import Meter
from bench.processes import machine, peak_megabytes, proportional_megabytes
from bench.reads import PRODUCT, keep_answers, measure_reads, medians, targets
from bench.report import Row, as_json, show, show_cpu
from keystall.platform.demo.home import HomeError
from keystall.platform.engines.errors import EngineError

TOTAL_SECONDS = 900.0
console = Console(highlight=False, width=112)


class Found(NamedTuple):
    """Everything that was measured."""

    reads: dict[str, Load]
    checkouts: dict[str, Load]
    deliveries: Deliveries
    cpu: dict[str, dict[str, float]]
    memory: dict[str, float | None]


async def measure(house: House, asked: argparse.Namespace) -> Found:
    meter = Meter(house)
    shop = await Shop.open(house)
    # First, while the machine has nothing else to do.
    console.print(f"Paid to delivered, {asked.orders} orders")
    delivered = await deliveries(shop, asked.orders, asked.pace)
    console.print(f"Reads, {asked.rounds} rounds of {asked.seconds:g} s each")
    wanted = targets(house) + (peer.targets(house, PRODUCT) if asked.peer else [])
    reads = await measure_reads(wanted, meter, rounds=asked.rounds, seconds=asked.seconds)
    console.print("Checkouts")
    buyers: dict[str, Callable[[], Buyer]] = {
        "checkout": lambda: OurBuyer(shop),
        "checkout, floor": lambda: FloorBuyer(house),
    }
    if asked.peer:
        buyers["checkout, vendure"] = lambda: peer.VendureBuyer(house)
    runs: dict[str, list[Load]] = {name: [] for name in buyers}
    for number in range(asked.rounds + 1):
        for name, buyer in buyers.items():
            with meter.of(name) as done:
                found = await checkouts(buyer, asked.seconds if number else 1.0)
                done(found.requests)
            if number:  # the first round warms
                runs[name].append(found)
    memory = {
        f"{name} {kind}": read(house.pids[program])
        for name, program in (("web", "web-1"), ("worker", "worker"))
        for kind, read in (("peak RSS", peak_megabytes), ("PSS", proportional_megabytes))
    }
    return Found(reads, medians(runs), delivered, meter.medians(), memory)


def rows(house: House, found: Found) -> list[Row]:
    def read(work: str, ours: str, floor: str, target: str, floor_name: str) -> Row:
        mine, beneath = found.reads[ours], found.reads[floor]
        bad = mine.bad + beneath.bad
        return Row(work, mine.rate, "/s", target, beneath.rate, floor_name, bad)

    compiled, memory = "compiled query, asyncpg, Jinja", "our own bytes from memory"
    sold, floor = found.checkouts["checkout"], found.checkouts["checkout, floor"]
    timed = found.deliveries
    return [
        read("shop home page, cold", "home, cold", "home, compiled", "≥ 0.6", compiled),
        read("shop home page, warm", "home, warm", "home, memory", "≥ 0.5", memory),
        read("product page, cold", "product page, cold", "product page, compiled", "≥ 0.6",
             compiled),
        read("product page, warm", "product page, warm", "product page, memory", "≥ 0.5", memory),
        read("GraphQL list, 20 × 8 fields", "list", "list, REST", "≥ 0.35", "REST over asyncpg"),
        read("GraphQL product", "product", "product, compiled", "≥ 0.35", "compiled, asyncpg"),
        Row("whole checkouts, 8 buyers", sold.rate, "/s", "≥ 0.35", floor.rate,
            "GraphQL, 2 durable commits", sold.bad + floor.bad),
        Row(f"paid → delivered, {timed.orders} orders, p50", timed.p50, "ms", "≤ 20 ms",
            bad=timed.lost),
        Row("paid → delivered, p99", timed.p99, "ms", "≤ 150 ms", bad=timed.lost),
        Row("pressed pay → delivered, p50", timed.pressed_p50, "ms", ""),
        Row("memory, web (peak RSS)", found.memory["web peak RSS"], "MB", "≤ 110 MB"),
        Row("memory, worker (peak RSS)", found.memory["worker peak RSS"], "MB", "≤ 90 MB"),
        Row("web: start to ready", house.start_seconds * 1e3, "ms", "≤ 1,500 ms"),
    ]  # fmt: skip


def peer_rows(found: Found) -> list[Row]:
    """Ours beside the peer's."""

    def beside(work: str, ours: Load, theirs: Load, target: str, name: str) -> Row:
        return Row(work, ours.rate, "/s", target, theirs.rate, name, ours.bad + theirs.bad)

    reads, sold = found.reads, found.checkouts
    index = "vendure, list by its search index"
    return [
        beside("GraphQL list", reads["list"], reads["vendure, list"], "≥ 100", "Vendure's list"),
        beside("GraphQL list", reads["list"], reads[index], "≥ 10", "Vendure's search index"),
        beside("GraphQL product", reads["product"], reads["vendure, product"], "≥ 20", "Vendure"),
        beside("whole checkouts, 8 buyers", sold["checkout"], sold["checkout, vendure"], "≥ 20",
               "Vendure, no worker or mail awaited"),
    ]  # fmt: skip


def details(found: Found) -> dict[str, Any]:
    loads = found.reads | found.checkouts
    return {
        "machine": machine(),
        "loader": loader(),
        "loads": {name: asdict(load) for name, load in loads.items()},
        "deliveries": asdict(found.deliveries),
        "cpu_microseconds": found.cpu,
        "memory_megabytes": found.memory,
    }


def bench(folder: Path, asked: argparse.Namespace) -> bool:
    """Whether every answer was right."""
    house = House(folder)
    try:
        console.print(f"Starting the product in {folder}, with a shop of 1,000 products")
        house.start()
        keep_answers(house, folder / "answers")
        house.start_floors(folder / "answers")
        if asked.peer:
            console.print("Starting Vendure; filling it takes minutes, the first time")
            peer.start(house)
        found = uvloop.run(_in_time(house, asked))
        ended = house.died()
    finally:
        house.stop()
    table = rows(house, found) + (peer_rows(found) if asked.peer else [])
    console.print(f"\n{machine()}; {CONNECTIONS} connections by {loader()}; medians\n")
    show(table, console)
    console.print()
    show_cpu(found.cpu, console)
    console.print("\nOnly the ratios count: the floors ran in turn with ours on this machine.")
    if asked.json:
        asked.json.write_text(json.dumps(as_json(table, details(found)), indent=2) + "\n")
    for line in ended:
        console.print(line, style="red")
    return not ended and not any(row.bad for row in table)


async def _in_time(house: House, asked: argparse.Namespace) -> Found:
    async with asyncio.timeout(TOTAL_SECONDS):
        return await measure(house, asked)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute, rough figures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of load a round and target")
    parser.add_argument("--pace", type=float, default=PACE, help="orders paid a second")
    parser.add_argument("--orders", type=int, default=500, help="timed from payment to delivery")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="without Vendure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything found there")
    parser.add_argument("--home", type=Path, help="keep the filled shop there for the next run")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds, asked.orders = 1, 2.0, 60
    if asked.peer and (lacking := peer.missing()):
        console.print(f"Without Vendure beside us: there is no {lacking} here", style="yellow")
        asked.peer = False
    return asked


def main() -> None:
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    folder = asked.home or Path(tempfile.mkdtemp(prefix="keystall-bench-"))
    try:
        right = bench(folder, asked)
    except (HouseError, HomeError, EngineError, TimeoutError, ValueError) as error:
        sys.exit(f"bench: {type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: stopped")
    finally:
        if not asked.home:
            shutil.rmtree(folder, ignore_errors=True)
    if not right:
        sys.exit(3)


if __name__ == "__main__":
    main()
