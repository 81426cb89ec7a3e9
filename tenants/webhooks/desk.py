"""Whom a worker speaks to at once, and when the others have their turn.

Receivers may be slow, and workers have payments to apply: so few are spoken to at once, and of one
shop fewer. What finds no place is put back and given an appointment, as far apart as tries of that
shop take: ten thousand deliveries to a receiver that never answers do not come again and again.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from uuid import UUID

import httpx2

from keystall.tenants.webhooks.port import Payloads

MAX_AT_ONCE = 8
MAX_OF_SHOP = 3
LONGEST_WAIT = timedelta(hours=1)
_SHORTEST_WAIT = 2.0
_GUESS = 1.0
"""Seconds that a try takes, as long as nothing is known of a shop's receivers."""


@dataclass(slots=True)
class HookDesk:
    """What renders and sends in one worker, and whom it speaks to just now.

    `takes` is how long a try lately took, in seconds, and `booked` the last appointment given
    (`monotonic`), by shop.
    """

    http: httpx2.AsyncClient
    payloads: Payloads
    speaking: Counter[UUID] = field(default_factory=Counter)
    takes: dict[UUID, float] = field(default_factory=dict)
    booked: dict[UUID, float] = field(default_factory=dict)

    @asynccontextmanager
    async def place(self, shop: UUID) -> AsyncIterator[bool]:
        """A place among those who are spoken to; False where there is none."""
        if self.speaking.total() >= MAX_AT_ONCE or self.speaking[shop] >= MAX_OF_SHOP:
            yield False
            return
        self.speaking[shop] += 1
        began = monotonic()
        try:
            yield True
        finally:
            self.speaking[shop] -= 1
            took = monotonic() - began
            self.takes[shop] = 0.7 * self.takes.get(shop, took) + 0.3 * took
            if self.speaking[shop] == 0 and self.booked.get(shop, 0.0) < monotonic():
                for held in (self.speaking, self.takes, self.booked):
                    held.pop(shop, None)

    def appointment(self, shop: UUID) -> timedelta:
        """After how long a delivery that found no place comes again: one after the other, as fast
        as the shop's places are likely to be free; LONGEST_WAIT at most."""
        now = monotonic()
        pace = self.takes.get(shop, _GUESS) / MAX_OF_SHOP
        at = max(now + _SHORTEST_WAIT, self.booked.get(shop, 0.0) + pace)
        wait = min(at - now, LONGEST_WAIT.total_seconds())
        self.booked[shop] = now + wait
        return timedelta(seconds=wait)
