"""Stripe retries events for three days, repeats them, and keeps no order: the end is the same.

A life of a payment is drawn (paid at once or later, refunds by us and at Stripe that succeed, wait
or fail, a dispute), and for each of its events when it is delivered: from at once to 72 hours
later, and perhaps again. The clock moves; nobody waits. The same life with every event delivered
at once and in order says how it must end.
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from keystall.tenants.installation import Installation
from tests.payments.emulator import Emulator
from tests.payments.test_refunds_and_disputes import give_back
from tests.payments.till import Till, a_till
from tests.payments.wire import JsonObject

LONGEST = 72 * 3600
Delays = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Refunded:
    """A refund of `amount`, by us or at Stripe, and how it goes."""

    amount: int
    by: Literal["us", "merchant"]
    goes: Literal["well", "slowly", "wrong"]


@dataclass(frozen=True)
class Life:
    """What happens to one payment of 9.90, in this order, an hour apart."""

    paid: Literal["at once", "later", "never"] = "at once"
    fee_later: bool = False
    refunds: tuple[Refunded, ...] = ()
    dispute: Literal["", "open", "answered", "won", "lost"] = ""


refunds = st.builds(
    Refunded,
    st.integers(1, 300),
    st.sampled_from(["us", "merchant"]),
    st.sampled_from(["well", "slowly", "wrong"]),
)
lives = st.builds(
    Life,
    st.sampled_from(["at once", "at once", "later", "never"]),
    st.booleans(),
    st.lists(refunds, max_size=3).map(tuple),
    st.sampled_from(["", "open", "answered", "won", "lost"]),
)
# For the first events their own deliveries, the others at once.
delays = st.lists(st.lists(st.integers(0, LONGEST), min_size=1, max_size=3), max_size=16)


@dataclass
class Living:
    """A life as it is lived: steps every hour, deliveries in between and long after."""

    till: Till
    life: Life
    delays: Delays
    session: JsonObject = field(default_factory=dict)
    order: UUID = field(default_factory=lambda: UUID(int=0))
    _due: list[tuple[float, int, JsonObject]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _told_of_payment: list[JsonObject] = field(default_factory=list)
    _plan: int = 0

    async def live(self) -> dict[str, object]:
        now = datetime.now(UTC)
        self.till.world.fee_later = self.life.fee_later
        self.order = await self.till.order()
        self.session = await self.till.session(self.order)
        for step in self._steps():
            with time_machine.travel(now, tick=True):
                await step()
                await self.till.work()
                self._plan_new(now)
            now += timedelta(minutes=1)
            await self._deliver(until=now)
        await self._deliver(until=now + timedelta(seconds=2 * LONGEST))
        return await self._end()

    def _steps(self) -> list[Any]:
        life = self.life
        steps: list[Any] = [self._pay]
        if life.paid != "at once":
            steps.append(self._arrive)
        if life.paid == "never":
            return steps
        if life.fee_later:
            steps.append(self._charge_fee)
        steps += [lambda r=refund: self._refund(r) for refund in life.refunds]
        steps += [self._settle_refunds]
        answers = ["open", "answered", "won" if life.dispute == "won" else "lost"]
        wanted = {"": 0, "open": 1, "answered": 2, "won": 3, "lost": 3}[life.dispute]
        return steps + [lambda a=answer: self._dispute(a) for answer in answers[:wanted]]

    async def _pay(self) -> None:
        self.till.world.complete(self.session, paid=self.life.paid == "at once")

    async def _arrive(self) -> None:
        self.till.world.finish(self.session, paid=self.life.paid == "later")

    async def _charge_fee(self) -> None:
        self.till.world.settle_fee(self.till.charge(self.session))

    async def _refund(self, refund: Refunded) -> None:
        world = self.till.world
        world.refund_status = "succeeded" if refund.goes == "well" else "pending"
        if refund.by == "us":
            # Nobody decides to give back what is not known to have come.
            if await self.till.status(self.order) != "delivered":
                await self.till.hear(self._told_of_payment)
            await give_back(self.till, self.order, refund.amount)
            await self.till.work()
        else:
            intent = self.session["payment_intent"]
            world.refund({"payment_intent": intent, "amount": refund.amount})
        world.refund_status = "succeeded"

    async def _settle_refunds(self) -> None:
        intent = self.session["payment_intent"]
        ends = [refund.goes for refund in self.life.refunds]
        found = self.till.world.of_kind("refund", payment_intent=intent)
        for goes, refund in zip(ends, reversed(found), strict=True):
            if goes != "well":
                self.till.world.refund_ends(refund, sent=goes == "slowly")

    async def _dispute(self, what: str) -> None:
        world, charge = self.till.world, self.till.charge(self.session)
        if what == "open":
            world.dispute(charge)
            return
        (dispute,) = world.of_kind("dispute", charge=charge["id"])
        if what == "answered":
            world.dispute_answered(dispute)
        else:
            world.dispute_ends(dispute, won=what == "won")

    def _plan_new(self, now: datetime) -> None:
        events, self.till.world.events = self.till.world.events, []
        self._told_of_payment += [e for e in events if e["type"].startswith("checkout.session.")]
        for event in events:
            planned = self.delays[self._plan] if self._plan < len(self.delays) else [0]
            self._plan += 1
            for delay in planned:
                heapq.heappush(self._due, (now.timestamp() + delay, next(self._numbers), event))

    async def _deliver(self, *, until: datetime) -> None:
        while self._due and self._due[0][0] <= until.timestamp():
            at, _, event = heapq.heappop(self._due)
            with time_machine.travel(at, tick=True):
                await self.till.hear([event])

    async def _end(self) -> dict[str, object]:
        """All that is known of the order but when and in which words it came to be."""
        found: dict[str, object] = {}
        for name, sql in _STATE.items():
            rows = await self.till.rows(sql, self.order)
            found[name] = [tuple(row.values()) for row in rows]
        return found


_STATE = {
    "order": "select status from orders where shop_id = $1 and id = $2",
    "payments": "select state from payments where shop_id = $1 and order_id = $2 order by id",
    "takings": "select amount, fee, refunded, state from takings"
    " where shop_id = $1 and order_id = $2",
    "refunds": "select reason, amount, state from refunds where shop_id = $1 and order_id = $2"
    " order by reason, amount, state",
    "disputes": "select status, amount, closed_at is null from disputes"
    " where shop_id = $1 and order_id = $2",
    "ledger": "select account, sum(amount)::bigint from ledger_entries"
    " join ledger_transactions on ledger_transactions.shop_id = $1 and id = transaction_id"
    " where ledger_entries.shop_id = $1 and order_id = $2 group by account order by account",
    "codes": "select codes.state from codes join order_lines on order_lines.shop_id = $1"
    " and order_lines.id = order_line_id where codes.shop_id = $1 and order_id = $2",
}


class Town:
    """Hypothesis writes out what a test is given, dataclasses to the last event: not this."""

    def __init__(self, installation: Installation, emulator: Emulator) -> None:
        self.installation = installation
        self.emulator = emulator


@pytest.fixture
def town(at_stripe: Installation, emulator: Emulator) -> Town:
    return Town(at_stripe, emulator)


@settings(
    max_examples=8,
    # A smaller failure is not worth minutes of a database's time.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(life=lives, delays=delays)
# A refund at Stripe that had failed when it was first asked about.
@example(
    life=Life("at once", True,
              (Refunded(45, "us", "well"), Refunded(139, "merchant", "wrong")), "won"),
    delays=[[25737], [21333, 24325, 71984], [131071, 11540, 100001], [4869, 739, 84152],
            [17744, 137869], [6372, 2332, 38998], [1869], [251, 1366], [828], [50706, 267]],
)  # fmt: skip
async def test_events_in_any_order_and_number_end_in_the_same_state(
    town: Town, life: Life, delays: Delays
) -> None:
    till = await a_till(town.installation, town.emulator, codes=2)
    in_order = await Living(till, life, []).live()
    shuffled = await Living(till, life, delays).live()
    assert shuffled == in_order
    assert in_order["order"] == [("pending" if life.paid == "never" else "delivered",)]
    assert len(in_order["refunds"]) == (  # type: ignore[arg-type]
        0 if life.paid == "never" else len(life.refunds)
    )
