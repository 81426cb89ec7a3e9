"""What a guesser learns at "Find my order": `python -m bench.recovery`, some minutes.

Orders are placed; then hits and misses are asked in turn, each from an address of its own, so that
no throttle answers. Told apart by time: the median of (hit minus miss) and its 95% interval. Told
apart by words: every answer there was, request ids aside.
"""

import argparse
import asyncio
import math
import re
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
import uvloop
from rich.console import Console

from bench.checkouts import STOREFRONT, OurBuyer, Shop
from bench.house import House, HouseError
from bench.wire import Connection
from keystall.tenants.orders.numbers import new_order_number

ASK = "mutation L($email:String!,$number:String!){orderLinkSend(email:$email,number:$number)"
ASK += "{done userErrors{code}}}"
NUMBER = "query N($token:String!){order(token:$token){number email}}"
TRIES_OF_EMAIL = 5
PLACERS, GUESSERS = 8, 16
console = Console(highlight=False, width=112)


class Known(NamedTuple):
    """What opens an order's mail."""

    email: str
    number: str


class Found(NamedTuple):
    """Milliseconds. `words`: every answer and how often it came."""

    hit: float
    miss: float
    difference: float
    interval: tuple[float, float]
    words: Counter[str]


async def measure(house: House, pairs: int, guesses: int) -> Found:
    shop = await Shop.open(house)
    wanted = math.ceil(pairs / TRIES_OF_EMAIL)
    console.print(f"Placing {wanted} orders")
    known = await _orders(shop, wanted)
    words: Counter[str] = Counter()
    hits, misses = [], []
    console.print(f"Asking {pairs} times for one of them and {pairs} times for none, in turn")
    for pair in range(pairs):
        order = known[pair % len(known)]
        hits.append(await _ask(house, order, words))
        misses.append(await _ask(house, _guess(), words))
    console.print(f"Guessing {guesses} times, {GUESSERS} at once")
    for _ in range(0, guesses, GUESSERS):
        await asyncio.gather(*(_ask(house, _guess(), words) for _ in range(GUESSERS)))
    differences = sorted(hit - miss for hit, miss in zip(hits, misses, strict=True))
    return Found(
        statistics.median(hits),
        statistics.median(misses),
        statistics.median(differences),
        interval_of_median(differences),
        words,
    )


def interval_of_median(ordered: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of the median of a sorted sample, by order statistics (binomial, normal
    approximation): it supposes nothing about how the sample is distributed."""
    half = 1.96 * math.sqrt(len(ordered)) / 2
    low = max(0, math.floor(len(ordered) / 2 - half))
    high = min(len(ordered) - 1, math.ceil(len(ordered) / 2 + half))
    return ordered[low], ordered[high]


async def _orders(shop: Shop, wanted: int) -> list[Known]:
    found: list[Known] = []

    async def place() -> None:
        buyer, web = OurBuyer(shop), shop.web()
        try:
            while len(found) < wanted:
                placed = await buyer.place()
                told = await web.graphql(STOREFRONT, NUMBER, token=placed.token)
                found.append(Known(told["order"]["email"], told["order"]["number"]))
        finally:
            buyer.close()
            web.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(PLACERS):
            group.create_task(place())
    return found


def _guess() -> Known:
    return Known(f"b{secrets.token_hex(8)}@example.com", new_order_number())


async def _ask(house: House, asked: Known, words: Counter[str]) -> float:
    """Milliseconds from the question to the answer; connecting is not counted."""
    source = "127." + ".".join(str(secrets.randbelow(253) + 1) for _ in range(3))
    connection = Connection(house.port, house.shop_host, source=source)
    body = orjson.dumps({"query": ASK, "variables": asked._asdict()})
    try:
        await connection.open()
        began = time.perf_counter()
        answer = await connection.send("POST", STOREFRONT, body, "application/json")
        took = (time.perf_counter() - began) * 1e3
    finally:
        connection.close()
    text = re.sub(rb'"requestId":"[^"]*"', b"", answer.body).decode()
    words[f"{answer.status} {text}"] += 1
    return took


def bench(folder: Path, asked: argparse.Namespace) -> bool:
    """Whether nothing could be told apart."""
    house = House(folder)
    try:
        console.print(f"Starting the product in {folder}, with a shop of 1,000 products")
        house.start()
        found = uvloop.run(measure(house, asked.pairs, asked.guesses))
    finally:
        house.stop()
    low, high = found.interval
    console.print(f"\nhit {found.hit:.3f} ms, miss {found.miss:.3f} ms (medians)")
    console.print(
        f"median difference {found.difference:+.3f} ms, its 95% interval {low:+.3f} … {high:+.3f}"
    )
    for words, times in found.words.items():
        console.print(f"{times} × {words}")
    return len(found.words) == 1 and max(abs(low), abs(high)) < 1.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5000, help="hits, and as many misses")
    parser.add_argument("--guesses", type=int, default=10_000)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="keystall-bench-"))
    try:
        alike = bench(folder, asked)
    except (HouseError, ValueError) as error:
        sys.exit(f"bench: {type(error).__name__}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if alike else 3)


if __name__ == "__main__":
    main()
