"""One storm from the first product to the verdict."""

import asyncio
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from keystall.platform.asgi.front import LOOK_SECONDS
from keystall.platform.http import http_client
from tests.storm.asking import Asking, From, Hopeless
from tests.storm.buyers import CODES, Market, Outcome, buy
from tests.storm.demo import StormDemo
from tests.storm.judge import Entry, Violation, judged, taken
from tests.storm.merchant import put_on_sale
from tests.storm.monitor import Monitor
from tests.storm.plan import KINDS, Buyer, Plan, Scale, make_plan

AT_ONCE = 48
BUYING_SECONDS = 900.0
QUIET_SECONDS = 420.0
SAMPLE = 50
NEIGHBOURS = 40
"""So many buyers come from one address. All from one would be refused for asking too much."""
Say = Callable[[str], None]
Afterwards = Callable[[asyncpg.Connection, Sequence[Entry]], Awaitable[None]]


async def storm(
    scale: Scale,
    seed: int,
    say: Say,
    *,
    afterwards: Afterwards | None = None,
    filled: Path | None = None,
) -> list[Violation]:
    """Runs the storm of `seed`; tells `say` how it went; answers what was broken.

    `afterwards` is handed the database and the journal once all is judged; `filled` is a demo's
    home to copy.
    """
    say(f"seed {seed}: {scale}")
    folder = Path(tempfile.mkdtemp(prefix="keystall-storm-"))
    demo = StormDemo(folder / "home", filled)
    try:
        told = await demo.start()
        async with http_client() as http:
            whole = _Storm(scale, make_plan(scale, seed), say, demo, http)
            violations = await whole.run(told)
            if afterwards:
                await whole.hand_over(afterwards)
    finally:
        demo.stop()
    if violations:
        say(f"the demo's home, with its logs and the journal, stays in {folder}")
        say("VIOLATED\n" + "\n".join(map(str, violations)))
    else:
        shutil.rmtree(folder)
        say("nothing lost, nothing doubled")
    return violations


@asynccontextmanager
async def _from_everywhere(market: Market, places: int) -> AsyncIterator[Sequence[Market]]:
    """The same market, asked from each of so many addresses."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx2.AsyncClient(
                    transport=From(f"127.0.1.{place}"), timeout=market.ask.http.timeout
                )
            )
            for place in range(1, places + 1)
        ]
        yield [replace(market, ask=replace(market.ask, http=client)) for client in clients]


class _Storm:
    """What one storm's parts share."""

    def __init__(
        self, scale: Scale, plan: Plan, say: Say, demo: StormDemo, http: httpx2.AsyncClient
    ) -> None:
        self.scale, self.plan, self.say, self.demo, self.http = scale, plan, say, demo, http
        self.hopeless: list[str] = []
        self.kills_over = asyncio.Event()

    async def run(self, told: dict[str, Any]) -> list[Violation]:
        shop = told["shops"][0]
        slots = asyncio.Semaphore(AT_ONCE)
        admin = Asking(self.http, shop["admin_graphql"], slots,
                       {"authorization": f"Bearer {shop['admin_token']}"})  # fmt: skip
        self.ask = replace(admin, url=shop["storefront_graphql"], headers={})
        goods = await put_on_sale(admin, "Storm", self.plan.codes)
        methods = (await self.ask("{ shop { paymentMethods { id } } }"))["shop"]["paymentMethods"]
        self.variant = await self._prepare(shop["slug"])
        began = time.monotonic()
        async with Monitor(
            self.demo.superuser_url(), self.variant, waits=self.scale.waits
        ).running() as monitor:
            market = Market(self.ask, self.demo.gateway_url(), goods.variant_id,
                            methods[0]["id"], monitor.hopeful, self._hold_on)  # fmt: skip
            places = -(-len(self.plan.buyers) // NEIGHBOURS)
            async with asyncio.TaskGroup() as group, _from_everywhere(market, places) as markets:
                killing = group.create_task(self._kill(monitor))
                buying = [self._buy(markets[b.number % places], b) for b in self.plan.buyers]
                async with asyncio.timeout(BUYING_SECONDS):
                    outcomes = [outcome for outcome in await asyncio.gather(*buying) if outcome]
                self.say(f"buyers are done after {time.monotonic() - began:.0f} s")
                killing.cancel()
            await self._wait_until_quiet(monitor)
        self.say(f"quiet after {time.monotonic() - began:.0f} s;"
                 f" the onlooker was cut off by {dict(monitor.away)}")  # fmt: skip
        return await self._verdict(outcomes)

    async def _prepare(self, slug: str) -> UUID:
        """Room for many buyers at each address, short holds, and the variant's own id,
        which the API never tells."""
        database = await asyncpg.connect(self.demo.superuser_url())
        try:
            await database.execute(
                "update shops set unpaid_per_address = 100000, hold_share = 100 where slug = $1",
                slug,
            )
            if self.scale.waits:
                await database.execute("update shops set hold_minutes = 1 where slug = $1", slug)
            # Ids grow with time: what was put in stock last is the storm's.
            variant: UUID = await database.fetchval(
                "select variant_id from batches order by id desc limit 1"
            )
            # What was changed by hand is seen when versions are looked at next.
            await asyncio.sleep(2 * LOOK_SECONDS)
            return variant
        finally:
            await database.close()

    async def _buy(self, market: Market, buyer: Buyer) -> Outcome | None:
        try:
            return await buy(market, buyer)
        except Hopeless as problem:
            self.hopeless.append(f"{buyer.email}: {problem}")
            return None

    async def _hold_on(self, buyer: Buyer) -> None:
        """A short storm's first buyers pay last, so that every kill lies before a delivery."""
        if buyer.number in self.plan.patient:
            await self.kills_over.wait()

    async def _kill(self, monitor: Monitor) -> None:
        async with asyncio.TaskGroup() as group:
            for number, kill in enumerate(self.plan.kills):
                await monitor.delivered(kill.after)
                await asyncio.sleep(kill.pause)
                group.create_task(self.demo.kill(kill.kind, number))
        self.kills_over.set()

    async def _wait_until_quiet(self, monitor: Monitor) -> None:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                while _under_way(await self._journal()):  # noqa: ASYNC110  # it does not tell
                    await asyncio.sleep(1)
                await monitor.quiet()
        except TimeoutError:
            self.hopeless.append(f"not quiet after {QUIET_SECONDS:.0f} s")

    async def _journal(self) -> list[Entry]:
        answer = await self.http.get(f"{self.demo.gateway_url()}/journal.json", timeout=60)
        entries: list[Entry] = answer.json()
        return entries

    async def _verdict(self, outcomes: Sequence[Outcome]) -> list[Violation]:
        journal = await self._journal()
        database = await asyncpg.connect(self.demo.superuser_url())
        try:
            violations = await judged(database, journal, waits=self.scale.waits)
            violations += await self._judge_stock(database)
            violations += await self._judge_kills(database)
            violations += await self._judge_pages(database, outcomes)
            await self._report(database, journal, outcomes)
        finally:
            await database.close()
        if self.hopeless:
            violations.append(Violation("buyers let down", self.hopeless))
        return violations

    async def hand_over(self, afterwards: Afterwards) -> None:
        database = await asyncpg.connect(self.demo.superuser_url())
        try:
            await afterwards(database, await self._journal())
        finally:
            await database.close()

    async def _judge_stock(self, database: asyncpg.Connection) -> list[Violation]:
        row = await database.fetchrow(
            "select count(*) + (select coalesce(sum(codes), 0) from code_packs"
            " where variant_id = $1) as codes, count(*) filter (where state = 'sold') as sold,"
            " count(distinct order_line_id) filter (where state = 'sold') as lines,"
            " (select count(*) from orders where status = 'delivered') as delivered,"
            " (select coalesce(sum(quantity), 0) from order_lines join orders"
            "   on orders.shop_id = order_lines.shop_id and orders.id = order_id"
            "   where status = 'delivered') as quantity"
            " from codes where variant_id = $1",
            self.variant,
        )
        good = (
            row["codes"] == self.scale.codes
            and row["sold"] == row["quantity"]
            and row["lines"] == row["delivered"]
            and row["delivered"] >= self.scale.delivered
        )
        return [] if good else [Violation("stock and deliveries do not agree", [dict(row)])]

    async def _judge_kills(self, database: asyncpg.Connection) -> list[Violation]:
        first, last = await database.fetchrow(
            "select min(created_at), max(delivered_at) from orders"
            " where email like '%@storm.example'"
        )
        killed = self.demo.killed
        outside = [kill for kill in killed if not first <= kill.at <= last]
        violations = []
        if outside or len(killed) != self.scale.kills:
            violations.append(Violation(f"kills, {len(killed)} of {self.scale.kills}", outside))
        living = Counter(self.demo.children().values())
        if living != {"web": 2, "worker": 1, "valkey": 1, "postgres": 1}:
            violations.append(Violation("processes at the end", [living]))
        return violations

    async def _judge_pages(
        self, database: asyncpg.Connection, outcomes: Sequence[Outcome]
    ) -> list[Violation]:
        """What buyers see: their own codes, each once, each look at them recorded."""
        delivered = [o for o in outcomes if o.status == "DELIVERED" and o.token]
        sample = random.Random(0).sample(delivered, min(SAMPLE, len(delivered)))
        before = await database.fetchval("select count(*) from reveals")
        seen: list[str] = []
        wrong: list[object] = []
        for outcome in sample:
            order = (await self.ask(CODES, token=outcome.token))["order"]
            [line] = order["lines"]
            codes = [code["secret"] for code in line["codes"]]
            seen += codes
            if order["status"] != "DELIVERED" or len(codes) != outcome.buyer.quantity:
                wrong.append((outcome, len(codes)))
        shown = await database.fetchval("select count(*) from reveals") - before
        if wrong or len(set(seen)) != len(seen) or not set(seen) <= set(self.plan.codes):
            wrong.append("codes shown are not the codes sold")
        if shown != len(seen):
            wrong.append(f"{len(seen)} codes shown, {shown} reveals recorded")
        return [Violation("orders' pages", wrong)] if wrong else []

    async def _report(
        self, database: asyncpg.Connection, journal: Sequence[Entry], outcomes: Sequence[Outcome]
    ) -> None:
        kinds = Counter(kill.kind for kill in self.demo.killed)
        self.say("kills: " + ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS))
        if back := self.demo.back:
            self.say(f"back after a kill: median {statistics.median(back):.2f} s,"
                     f" at most {max(back):.2f} s")  # fmt: skip
        statuses = await database.fetch(
            "select status, count(*) from orders group by status order by status"
        )
        self.say("orders: " + ", ".join(f"{status} {count}" for status, count in statuses))
        gone = sum(outcome.token is None for outcome in outcomes)
        refusals = sum(outcome.refusals for outcome in outcomes)
        self.say(f"buyers: {len(outcomes)}, of whom {gone} found everything sold;"
                 f" {refusals} times somebody was told so and came back")  # fmt: skip
        manners: Counter[str] = Counter(f"{o.buyer.manner} -> {o.status}" for o in outcomes)
        for line, count in sorted(manners.items()):
            self.say(f"  {line}: {count}")
        takings = list(taken(journal))
        copies = sum(len(taking["callbacks"]) for _, taking in takings)
        tries = sum(taking["callback"]["attempts"] for _, taking in takings)
        refunds = sum(len(entry["refunds"]) for entry in journal)
        self.say(f"gateway: {len(journal)} payments, {len(takings)} takings,"
                 f" {copies} callbacks in {tries} tries, {refunds} refunds")  # fmt: skip
        self.say(f"asked again: {dict(self.ask.retries)}")
        times = await database.fetchrow(
            "select percentile_cont(array[0.5, 0.99, 1]) within group (order by extract(epoch"
            "   from delivered_at - received_at)) as waits, max(delivered_at) - min(created_at)"
            "   as span from orders join lateral (select min(received_at) as received_at"
            "   from inbox join payments on payments.shop_id = inbox.shop_id"
            "     and payments.id::text = notice ->> 'reference'"
            "     and notice ->> 'kind' = 'payment.succeeded'"
            "   where payments.shop_id = orders.shop_id and payments.order_id = orders.id) as told"
            "   on true where status = 'delivered'"
        )
        p50, p99, most = times["waits"] or (0, 0, 0)
        self.say(f"callback stored to delivered: p50 {p50 * 1000:.0f} ms, p99 {p99:.2f} s,"
                 f" at most {most:.2f} s")  # fmt: skip
        self.say(f"first order to last delivery: {times['span']}")


def _under_way(journal: Sequence[Entry]) -> bool:
    return any(
        entry["scheduled"]
        or any(
            copy["answered_at"] is None and not copy["given_up"]
            for event in entry["takings"] + entry["failures"]
            for copy in event["callbacks"]
        )
        for entry in journal
    )
