"""The judge: the gateway's journal says what was taken, the database what became of it.

Every check answers the rows that offend; a storm without any has lost nothing and doubled nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

Entry = dict[str, Any]

# Each must answer no row. $1: whether every hold's end was waited for.
_NEVER = {
    "orders still open": "select id, status, email from orders where status not in"
    " ('delivered', 'expired', 'canceled', 'refunded')",
    "work undone": "select id, kind, subject_id, attempts, problem, due_at from outbox"
    # What is for days to come may wait: asking on, forgetting what was kept. When it is due it is
    # looked for once a second.
    " where done_at is null and (failed_at is not null or due_at <= now() - interval '10 seconds'"
    " or kind not in ('payment.check', 'codes.forget_rejects')"
    " and (kind <> 'order.expire' or $1))",
    "payments that nobody asks about any more": "select payments.id, payments.state from payments"
    " where state <> 'succeeded' and not exists (select from outbox"
    "   where outbox.shop_id = payments.shop_id and kind = 'payment.check'"
    "   and subject_id = payments.id and done_at is null)",
    "callbacks not applied": "select id, event_key from inbox where applied_at is null",
    # Of an order that expired unpaid the payment stays as it was started: only a taking settles it.
    "payments that their takings contradict": "select id, order_id, state from payments"
    " where (state = 'succeeded') <> exists (select from takings"
    "   where takings.shop_id = payments.shop_id and payment_id = payments.id)",
    "imports not ended": "select id, state from jobs"
    " where state not in ('done', 'failed', 'canceled')",
    "codes held by nobody": "select codes.id, orders.status from codes"
    " left join order_lines on order_lines.shop_id = codes.shop_id"
    "   and order_lines.id = order_line_id"
    " left join orders on orders.shop_id = codes.shop_id and orders.id = order_id"
    " where state = 'reserved' or (state = 'sold' and orders.status is distinct from 'delivered')",
    "lines without their codes": "select orders.id, order_lines.quantity, n from orders"
    " join order_lines on order_lines.shop_id = orders.shop_id and order_id = orders.id"
    " cross join lateral (select count(*) as n from codes where codes.shop_id = orders.shop_id"
    "   and order_line_id = order_lines.id and state = 'sold') as sold"
    " where n <> case when orders.status = 'delivered' then quantity else 0 end",
    "orders delivered unpaid, or paid undelivered": "select orders.id, status from orders"
    " where (status = 'delivered') <> exists (select from takings"
    "   where takings.shop_id = orders.shop_id and order_id = orders.id"
    "   and state = 'delivered')",
    "two orders of one purchase": "select email, count(*) from orders"
    " where email like '%@storm.example' group by email having count(*) > 1",
    "refunds not sent": "select id, order_id, state, problem from refunds"
    " where state <> 'succeeded'",
    "takings returned without their refund": "select takings.id from takings"
    " where state = 'returned' and (select coalesce(sum(amount), 0) from refunds"
    "   where refunds.shop_id = takings.shop_id and taking_id = takings.id) <> amount",
    "ledger transactions off zero": "select transaction_id, sum(amount) from ledger_entries"
    " group by shop_id, transaction_id having sum(amount) <> 0",
    "ledgers off zero": "select shop_id, currency, sum(amount) from ledger_entries"
    " group by shop_id, currency having sum(amount) <> 0",
    "takings booked other than once": "select takings.id from takings where (select count(*)"
    "   from ledger_transactions as booked where booked.shop_id = takings.shop_id"
    "   and subject_id = takings.id"
    "   and kind = case state when 'delivered' then 'sale' else 'unearned' end) <> 1",
    "refunds booked other than once": "select refunds.id from refunds where (select count(*)"
    "   from ledger_transactions as booked where booked.shop_id = refunds.shop_id"
    "   and subject_id = refunds.id and kind = 'refund') <> 1",
    "ledger transactions about nothing": "select id, kind from ledger_transactions as booked"
    " where not exists (select from takings where takings.shop_id = booked.shop_id"
    "   and takings.id = subject_id) and not exists (select from refunds"
    "   where refunds.shop_id = booked.shop_id and refunds.id = subject_id)",
}
_TAKINGS = """
select provider_reference, takings.amount, takings.currency, fee, takings.state, orders.status
from takings join orders on orders.shop_id = takings.shop_id and orders.id = order_id
"""
_REFUNDS = "select id::text, amount from refunds"
_BALANCES = "select account, sum(amount)::bigint as amount from ledger_entries group by account"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise and rows that show it."""

    what: str
    rows: Sequence[object]

    def __str__(self) -> str:
        shown = "\n".join(f"    {row}" for row in self.rows[:10])
        return f"  {self.what}: {len(self.rows)}\n{shown}"


async def judged(
    database: asyncpg.Connection, journal: Sequence[Entry], *, waits: bool
) -> list[Violation]:
    """What was broken, empty where nothing was."""
    found = await findings(database, journal, waits=waits)
    return [Violation(what, rows) for what, rows in found.items() if rows]


async def findings(
    database: asyncpg.Connection, journal: Sequence[Entry], *, waits: bool
) -> dict[str, Sequence[object]]:
    """The rows that offend against each promise, by its name."""
    found: dict[str, Sequence[object]] = {}
    for what, sql in _NEVER.items():
        found[what] = [dict(row) for row in await database.fetch(sql, *([waits] * ("$1" in sql)))]
    takings = {row["provider_reference"]: row for row in await database.fetch(_TAKINGS)}
    refunds = {row["id"]: row["amount"] for row in await database.fetch(_REFUNDS)}
    balances = Counter({row["account"]: row["amount"] for row in await database.fetch(_BALANCES)})
    found["takings neither delivered nor refunded"] = list(_forgotten(journal, takings))
    found["takings that the gateway never made"] = sorted(
        set(takings) - {taking["provider_reference"] for _, taking in taken(journal)}
    )
    given = {back["refund_reference"]: back["amount"] for e in journal for back in e["refunds"]}
    found["refunds that the journal tells otherwise"] = sorted(refunds.items() ^ given.items())
    expected = expected_balances(journal, takings)
    found["balances that the journal tells otherwise"] = [
        f"{account}: booked {balances[account]}, expected {expected[account]}"
        for account in sorted({*balances, *expected})
        if balances[account] != expected[account]
    ]
    found["callbacks that were never taken in"] = [
        taking["event_key"]
        for _, taking in taken(journal)
        if any(copy["answered_at"] is None for copy in taking["callbacks"])
    ]
    heard = {row["event_key"] for row in await database.fetch("select event_key from inbox")}
    found["takings without a callback that nobody asked about"] = [
        taking["event_key"]
        for _, taking in taken(journal)
        if not taking["callbacks"] and taking["event_key"] not in heard
    ]
    return found


def taken(journal: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Every taking with its payment."""
    for entry in journal:
        for taking in entry["takings"]:
            yield entry, taking


def _forgotten(journal: Sequence[Entry], takings: dict[str, Any]) -> Iterator[object]:
    for entry, taking in taken(journal):
        back: defaultdict[str, int] = defaultdict(int)
        for refund in entry["refunds"]:
            back[refund["event_key"]] += refund["amount"]
        returned = back[taking["event_key"]]
        row = takings.get(taking["provider_reference"])
        if row is None:
            yield "unknown to us", entry["reference"], taking
            continue
        same = (row["amount"], row["currency"], row["fee"]) == (
            taking["amount"], entry["currency"], taking["fee"],
        )  # fmt: skip
        delivered = row["state"] == "delivered" and row["status"] == "delivered"
        kept = 0 if not delivered else taking["amount"]
        if not same or returned + kept != taking["amount"]:
            yield dict(row), returned, taking


def expected_balances(journal: Sequence[Entry], takings: dict[str, Any]) -> Counter[str]:
    """What the ledger must say, by account, from what the gateway took, kept and gave back."""
    balances: Counter[str] = Counter()
    for _, taking in taken(journal):
        row = takings.get(taking["provider_reference"])
        earned = row is not None and row["state"] == "delivered"
        balances["provider:sandbox"] += taking["amount"] - taking["fee"]
        balances["fees"] += taking["fee"]
        balances["sales" if earned else "buyers"] -= taking["amount"]
    for entry in journal:
        returned = sum(refund["amount"] for refund in entry["refunds"])
        balances["provider:sandbox"] -= returned
        balances["buyers"] += returned
    return balances
