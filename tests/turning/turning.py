"""Buyers buy in two shops while every key rotates; then one shop is destroyed; then all is put
back from a backup that was made before."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from keystall.platform.http import http_client
from tests.storm.asking import Asking, Hopeless
from tests.storm.buyers import CODES, Market, buy
from tests.storm.demo import StormDemo
from tests.storm.merchant import put_on_sale
from tests.storm.plan import Buyer

PASSPHRASE = "plum tree, old pond"
AT_ONCE = 12
_FAILURES = ("status", "INTERNAL")
Say = Callable[[str], None]


@dataclass
class Stall:
    """One shop under load: its codes, and the orders' tokens as they are delivered."""

    slug: str
    ask: Asking
    market: Market
    codes: set[str]
    tokens: list[str]


async def turn(orders: int, rounds: int, say: Say, *, filled: Path | None = None) -> list[str]:
    """Does all of it; tells `say` how it went; answers what was wrong. `filled` is a demo's home to
    copy."""
    folder = Path(tempfile.mkdtemp(prefix="keystall-turning-"))
    demo = StormDemo(folder / "home", filled)
    found: list[str] = []
    try:
        told = await demo.start()
        async with http_client() as http:
            stalls = [await _stall(http, demo, shop, orders // 2) for shop in told["shops"][:2]]
            await _make_room(demo)
            await _buy_while_keys_turn(demo, stalls, rounds, say, found)
            await _all_readable(stalls, say, found)
            await _keystall(demo.home, say, "backup", str(folder / "backup"))
            await _destroy(demo, stalls, say, found)
    finally:
        demo.stop()
    await _restored(folder, stalls, say, found)
    shutil.rmtree(folder, ignore_errors=True)
    say("nothing failed" if not found else "FOUND\n" + "\n".join(found))
    return found


async def _make_room(demo: StormDemo) -> None:
    """For buyers who all come from this machine and want the last codes, too."""
    connection = await asyncpg.connect(demo.superuser_url())
    try:
        for shop in await connection.fetch("select id from shops"):
            await connection.execute(
                "update shops set unpaid_per_address = 100000, hold_share = 100 where id = $1",
                shop["id"],
            )
    finally:
        await connection.close()


async def _stall(
    http: httpx2.AsyncClient, demo: StormDemo, shop: dict[str, Any], count: int
) -> Stall:
    admin = Asking(http, shop["admin_graphql"], asyncio.Semaphore(AT_ONCE),
                   {"authorization": f"Bearer {shop['admin_token']}"})  # fmt: skip
    codes = [f"TURN-{shop['slug']}-{number:06d}" for number in range(count)]
    goods = await put_on_sale(admin, "Turning", codes)
    ask = replace(admin, url=shop["storefront_graphql"], headers={})
    methods = (await ask("{ shop { paymentMethods { id } } }"))["shop"]["paymentMethods"]

    async def never(_: int) -> bool:
        return False

    async def at_once(_: Buyer) -> None:
        pass

    market = Market(ask, demo.gateway_url(), goods.variant_id, methods[0]["id"], never, at_once)
    return Stall(shop["slug"], ask, market, set(codes), [])


async def _buy_while_keys_turn(
    demo: StormDemo, stalls: Sequence[Stall], rounds: int, say: Say, found: list[str]
) -> None:
    began, done = time.monotonic(), asyncio.Event()
    rings = {(demo.home / "key-ring").read_text().splitlines()[0]}
    turned = 0

    async def turning() -> None:
        nonlocal turned
        while turned < rounds or not done.is_set():
            await _keystall(demo.home, say, "keys", "rotate", "--installation")
            await _keystall(demo.home, say, "keys", "rotate", "--all-shops")
            turned += 1
            rings.add(_wrapping(demo.home))

    async with asyncio.TaskGroup() as group:
        group.create_task(turning())
        await asyncio.gather(*(_crowd(stall, found) for stall in stalls))
        say(f"buyers are done after {time.monotonic() - began:.0f} s")
        done.set()
    now = (demo.home / "key-ring").read_text()
    old = [line for line in rings if line.partition(":")[2] in now]
    if len(rings) != turned + 1 or old != [_wrapping(demo.home)]:
        found.append("an old key stands in the ring still")
    for stall in stalls:
        # A machine that is busy otherwise may be slow to connect; it must never answer wrongly.
        wrong = {why: n for why, n in stall.ask.retries.items() if why.startswith(_FAILURES)}
        if wrong:
            found.append(f"{stall.slug}: asked again for {wrong}")
    say(f"everything was rotated {turned} times; {len(rings) - 1} ring keys destroyed")


def _wrapping(home: Path) -> str:
    """The line of the ring's newest whole key."""
    lines = (home / "key-ring").read_text().splitlines()
    return [line for line in lines if "/" not in line.partition(":")[0]][-1]


async def _crowd(stall: Stall, found: list[str]) -> None:
    """As many buyers as there are codes, a few at a time."""
    waiting = iter(range(len(stall.codes)))

    async def one_after_the_other() -> None:
        for number in waiting:
            buyer = Buyer(number, "pays", 1, 0, 1, 0, False, False, number)
            try:
                outcome = await buy(stall.market, buyer)
            except Hopeless as problem:
                found.append(f"{stall.slug}: {buyer.email}: {problem}")
                continue
            if outcome.status != "DELIVERED" or outcome.token is None:
                found.append(f"{stall.slug}: {buyer.email} ended {outcome.status}")
            else:
                stall.tokens.append(outcome.token)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def _secrets(stall: Stall, token: str) -> list[str | None]:
    order = (await stall.ask(CODES, token=token))["order"]
    return [code["secret"] for line in order["lines"] for code in line["codes"]]


async def _all_readable(stalls: Sequence[Stall], say: Say, found: list[str]) -> None:
    for stall in stalls:
        secrets = [secret for token in stall.tokens for secret in await _secrets(stall, token)]
        if len(secrets) != len(stall.codes) or set(secrets) != stall.codes:
            found.append(f"{stall.slug}: {len(secrets)} codes read, not {len(stall.codes)}")
        say(f"{stall.slug}: {len(set(secrets))} of {len(stall.codes)} codes sold and readable")


async def _destroy(demo: StormDemo, stalls: Sequence[Stall], say: Say, found: list[str]) -> None:
    gone, stays = stalls
    await _keystall(demo.home, say, "keys", "destroy", "--shop", gone.slug, "--confirm", gone.slug)
    for token in gone.tokens[:5]:
        if await _secrets(gone, token) != [None]:
            found.append(f"{gone.slug}: a code opens still")
    page = await _page(gone, gone.tokens[0])
    if page.status_code != 200 or "destroyed" not in page.text:
        found.append(f"{gone.slug}: the order's page answers {page.status_code}")
    for token in stays.tokens[:5]:
        if not set(await _secrets(stays, token)) <= stays.codes:
            found.append(f"{stays.slug}: a code does not open")
    say(f"{gone.slug}: destroyed, its pages say so; {stays.slug} reads on")


async def _page(stall: Stall, token: str) -> httpx2.Response:
    origin = stall.ask.url.removesuffix("/graphql/storefront")
    return await stall.ask.http.get(f"{origin}/en/order/{token}/codes")


async def _restored(folder: Path, stalls: Sequence[Stall], say: Say, found: list[str]) -> None:
    """The backup in a home of its own: the orders of both shops open there."""
    await _keystall(None, say, "backup", "verify", str(folder / "backup"))
    await _keystall(folder / "again", say, "restore", str(folder / "backup"))
    demo = StormDemo(folder / "again")
    try:
        told = await demo.start()
        async with http_client() as http:
            for stall, shop in zip(stalls, told["shops"], strict=False):
                stall.ask = replace(stall.ask, http=http, url=shop["storefront_graphql"])
                secrets = [await _secrets(stall, token) for token in stall.tokens[:20]]
                if not all(len(codes) == 1 and set(codes) <= stall.codes for codes in secrets):
                    found.append(f"{stall.slug}: an order does not open after the restore")
                say(f"{stall.slug}: {len(secrets)} orders from before the restore open")
    finally:
        demo.stop()


async def _keystall(home: Path | None, say: Say, *arguments: str) -> None:
    at = () if home is None else ("--home", str(home))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "keystall", *arguments, *at,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"KEYSTALL_BACKUP_PASSPHRASE": PASSPHRASE},
    )  # fmt: skip
    said, _ = await process.communicate()
    lines = said.decode().strip().splitlines()
    say(f"keystall {' '.join(arguments)}: {lines[-1] if lines else ''}")
    if process.returncode != 0:
        raise RuntimeError(f"keystall {' '.join(arguments)} failed:\n{said.decode()}")
