"""A flash sale over HTTP: `python -m bench.flash`, 10,000 buyers on 1,000 codes, 256 connections.

Every connection comes from an address of its own and serves buyers one after another: a cart with
the buyer's email, an order. Timed is until every buyer has an answer; then the winners pay, and
every code they hold must be another one. The floor answers the same buyers in as many requests, by
one SQL function each. CPU and transactions a buyer stand beside the times: a busy machine changes
them less. Exit status 3: too few or too many were sold, a code twice, or an answer was neither
"ordered" nor "sold out".
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import orjson
import uvloop
from rich.console import Console

from bench.checkouts import COMPLETE, CREATE, STOREFRONT, FloorBuyer, OurBuyer, Placed, Shop
from bench.house import House, HouseError
from bench.meter import Meter
from bench.report import show_cpu
from bench.seed import CODES_OF_FLASH_SALE
from bench.wire import Connection

BUYERS, CONNECTIONS, PAYERS = 10_000, 256, 8
TOLD_SECONDS = 5.0
"""Between two lines of progress."""
LONGEST_SECONDS = 900.0
SOLD_OUT = frozenset({"SOLD_OUT", "NOT_ENOUGH_STOCK"})
FILL = """
insert into code (tenant_id, product_id, secret, lookup)
select 1, 1, decode(repeat('ab', 64), 'hex'), sha256(g::text::bytea)
from generate_series(200001, 200000 + $1 - (
  select count(*)::int from code where product_id = 1 and order_id is null)) g
"""
console = Console(highlight=False, width=112)


class Sale(NamedTuple):
    """Seconds until all were answered, how often each answer came, and the orders placed."""

    seconds: float
    answers: Counter[str]
    placed: list[Placed]


Ask = Callable[[Connection, int], Awaitable[tuple[str, Placed | None]]]


async def rush(name: str, port: int, host: str, *, buyers: int, ask: Ask) -> Sale:
    """All buyers, as fast as they are answered."""
    waiting, answers, placed = iter(range(buyers)), Counter[str](), list[Placed]()
    began = time.monotonic()

    async def serve(number: int) -> None:
        source = f"127.{1 + number // 250}.{1 + number % 250}.1"
        async with _connected(port, host, source) as connection:
            for buyer in waiting:
                answer, order = await ask(connection, buyer)
                answers[answer] += 1
                if order is not None:
                    placed.append(order)

    telling = asyncio.create_task(_tell(name, buyers, answers))
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(serve(number))
    finally:
        telling.cancel()
    return Sale(time.monotonic() - began, answers, placed)


async def _tell(name: str, buyers: int, answers: Counter[str]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(TOLD_SECONDS)
        spent, told = time.monotonic() - began, answers.total()
        console.print(f"  {name}: {told:,} of {buyers:,} after {spent:.0f} s, {dict(answers)}")


@asynccontextmanager
async def _connected(port: int, host: str, source: str) -> AsyncIterator[Connection]:
    connection = Connection(port, host, source=source)
    try:
        yield connection
    finally:
        connection.close()


def our_buyer(shop: Shop) -> Ask:
    flash = shop.house.seeded["flash"]

    async def ask(connection: Connection, number: int) -> tuple[str, Placed | None]:
        line, email = {"variantId": flash, "quantity": 1}, f"flash{number}@example.com"
        status, told = await _told(connection, CREATE, lines=[line], email=email)
        if status != "200":
            return status, None
        cart = told["cartCreate"]["cart"]["id"]
        key = f"flash-sale-{number}"
        status, told = await _told(connection, COMPLETE, cart=cart, method=shop.method, key=key)
        if status != "200":
            return status, None
        done = told["cartComplete"]
        codes = {error["code"] for error in done["userErrors"]}
        if codes:
            return ("sold out" if codes <= SOLD_OUT else " ".join(sorted(codes))), None
        return "ordered", Placed(done["order"]["token"], done["redirectUrl"])

    return ask


async def _told(connection: Connection, query: str, **variables: Any) -> tuple[str, Any]:
    body = orjson.dumps({"query": query, "variables": variables})
    answer = await connection.send("POST", STOREFRONT, body, "application/json")
    told = orjson.loads(answer.body) if answer.status == 200 else {}
    if "errors" in told:
        return told["errors"][0]["extensions"]["code"], None
    return str(answer.status), told.get("data")


async def floor_buyer(connection: Connection, number: int) -> tuple[str, Placed | None]:
    email = f"flash{number}@example.com"
    started = await connection.graphql("/checkout", FloorBuyer.START, p=1, e=email)
    paid = await connection.graphql("/checkout", FloorBuyer.PAY, i=started["checkoutStart"])
    return ("sold out" if paid["checkoutPay"] == "None" else "ordered"), None


async def collect(shop: Shop, placed: list[Placed]) -> list[str]:
    """Pays every order and answers the codes that came."""
    waiting, codes = iter(placed), list[str]()

    async def pay() -> None:
        buyer = OurBuyer(shop)
        try:
            for order in waiting:
                await buyer.pay(order)
                await buyer.await_codes(order)
                codes.extend(await buyer.codes(order))
        finally:
            buyer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(PAYERS):
            group.create_task(pay())
    return codes


async def measure(house: House, buyers: int) -> bool:
    async with asyncio.timeout(LONGEST_SECONDS):
        shop, meter = await Shop.open(house), Meter(house)
        await _fill_floor(house)
        sales = {}
        for name, port, host, database, ask in (
            ("floor", house.floors_port, "localhost", house.floors_url, floor_buyer),
            ("ours", house.port, house.shop_host, house.database_url, our_buyer(shop)),
        ):
            before = await _transactions(database)
            with meter.of(name) as done:
                sale = sales[name] = await rush(name, port, host, buyers=buyers, ask=ask)
                done(buyers)
            made = (await _transactions(database) - before) / buyers
            console.print(
                f"{name}: all answered in {sale.seconds:.1f} s, {dict(sale.answers)},"
                f" {made:.1f} transactions a buyer"
            )
        ours, floor = sales["ours"], sales["floor"]
        console.print(f"ours took {ours.seconds / floor.seconds:.1f} × the floor (target ≤ 2)")
        show_cpu(meter.medians(), console)
        codes = await collect(shop, ours.placed)
    console.print(f"paid and delivered: {len(codes)} codes, {len(set(codes))} of them distinct")
    sold_all = len(codes) == len(set(codes)) == min(buyers, CODES_OF_FLASH_SALE)
    return sold_all and set(ours.answers) <= {"ordered", "sold out"}


async def _fill_floor(house: House) -> None:
    connection = await asyncpg.connect(house.floors_url)
    try:
        await connection.execute(FILL.replace("$1", str(CODES_OF_FLASH_SALE)))
    finally:
        await connection.close()


async def _transactions(address: str) -> int:
    """How many the database of `address` has seen the end of; servers count a second late."""
    await asyncio.sleep(1.5)
    connection = await asyncpg.connect(address)
    try:
        count: int = await connection.fetchval(
            "select xact_commit + xact_rollback from pg_stat_database"
            " where datname = current_database()"
        )
        return count
    finally:
        await connection.close()


def bench(folder: Path, buyers: int) -> bool:
    """Whether all was sold, once, and every answer was one of the two."""
    house = House(folder)
    try:
        console.print(f"Starting the product in {folder}")
        house.start()
        (folder / "answers").mkdir()
        house.start_floors(folder / "answers")
        right = uvloop.run(measure(house, buyers))
        for line in (died := house.died()):
            console.print(line, style="red")
        return right and not died
    finally:
        house.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.flash", description=__doc__)
    parser.add_argument("--buyers", type=int, default=BUYERS)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="keystall-bench-"))
    try:
        right = bench(folder, asked.buyers)
    except (HouseError, ValueError, TimeoutError) as error:
        sys.exit(f"bench: {type(error).__name__}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if right else 3)


if __name__ == "__main__":
    main()
