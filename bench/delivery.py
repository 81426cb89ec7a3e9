"""Paid to delivered, timed from outside, at a steady pace.

Each buyer's stream is open before the money moves. The clock starts when the gateway's callback was
answered (the gateway's own journal says when) and stops when the stream says "changed" and the
order turns out to be delivered.
"""

import asyncio
import itertools
import json
import random
import time
from dataclasses import dataclass
from datetime import datetime

from bench.checkouts import DELIVERED_SECONDS, OurBuyer, Placed, Shop
from bench.load import percentiles

PACE = 20.0
"""Orders paid a second: what the floors of the other ways to wake a worker were measured at. It
keeps two cores half busy; `--pace 5` is an idle machine."""
PLACING_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Milliseconds; `lost` were not delivered in time, or their callback never answered."""

    orders: int
    lost: int
    p50: float
    p99: float
    pressed_p50: float
    """From the buyer's pressing "pay" to the delivery: what a person waits."""
    pressed_p99: float


@dataclass(frozen=True, slots=True)
class _Delivery:
    pressed: float
    told: float


async def deliveries(shop: Shop, orders: int, pace: float = PACE) -> Deliveries:
    """Places `orders` orders, then pays them one by one, about `pace` a second."""
    placed = await _place(shop, orders)
    paying = []
    async with asyncio.timeout(orders / pace * 3 + 3 * DELIVERED_SECONDS):
        for one in placed:
            paying.append(asyncio.create_task(_pay(shop, one)))
            await asyncio.sleep(random.expovariate(pace))
        ended = await asyncio.gather(*paying, return_exceptions=True)
    answered = await _answered(shop)
    waits, pressed = [], []
    for order, delivery in zip(placed, ended, strict=True):
        if isinstance(delivery, _Delivery) and order.payment in answered:
            waits.append(delivery.told - answered[order.payment])
            pressed.append(delivery.told - delivery.pressed)
        elif isinstance(delivery, BaseException):
            print(f"  not delivered: {type(delivery).__name__} {delivery}")
    lost = orders - len(waits)
    return Deliveries(orders, lost, *percentiles(waits), *percentiles(pressed))


async def _place(shop: Shop, orders: int) -> list[Placed]:
    placed: list[Placed] = []
    numbers = itertools.count()

    async def one() -> None:
        buyer = OurBuyer(shop)
        try:
            while next(numbers) < orders:
                placed.append(await buyer.place())
        finally:
            buyer.close()

    await asyncio.gather(*(one() for _ in range(PLACING_AT_ONCE)))
    return placed


async def _pay(shop: Shop, placed: Placed) -> _Delivery:
    buyer, stream = OurBuyer(shop), shop.web()
    pressed = 0.0
    try:
        async with asyncio.timeout(DELIVERED_SECONDS):
            async for event in stream.events(f"/order/{placed.token}/events"):
                now = time.time()
                if b"changed" not in event:
                    continue
                if not pressed:  # the stream's first word comes at its start
                    pressed = time.time()
                    await buyer.pay(placed)
                elif await buyer.delivered(placed):
                    return _Delivery(pressed, now)
        raise ValueError("the stream ended before the order was delivered")
    finally:
        stream.close()
        buyer.close()


async def _answered(shop: Shop) -> dict[str, float]:
    """When each payment's callback was answered, by the gateway's id of the payment."""
    gateway = shop.gateway()
    try:
        journal = json.loads((await gateway.send("GET", "/journal.json")).body)
    finally:
        gateway.close()
    return {
        payment["id"]: datetime.fromisoformat(taking["callback"]["answered_at"]).timestamp()
        for payment in journal
        for taking in payment["takings"]
        if taking["callback"]["answered_at"]
    }
