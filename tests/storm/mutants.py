"""Ways in which a storm could have gone wrong: the judge must catch each of them.

Applied to a storm that went well, in a transaction that is rolled back.
"""

import copy
from collections.abc import Callable, Mapping, Sequence

import asyncpg

from tests.storm.judge import Entry, findings

_ONE_SALE = "(select id from ledger_transactions where kind = 'sale' limit 1)"

IN_DATABASE: Mapping[str, str] = {
    "orders still open": "update orders set status = 'pending'"
    " where id = (select id from orders where status = 'canceled' limit 1)",
    "work undone": "update outbox set done_at = null"
    " where id = (select id from outbox where kind = 'payment.apply' limit 1)",
    "payments that nobody asks about any more": "update outbox set done_at = now()"
    " where kind = 'payment.check'",
    "callbacks not applied": "update inbox set applied_at = null"
    " where id = (select id from inbox limit 1)",
    "payments that their takings contradict": "update payments set state = 'started'"
    " where id = (select id from payments where state = 'succeeded' limit 1)",
    "imports not ended": "update jobs set state = 'running', finished_at = null"
    " where id = (select id from jobs limit 1)",
    "codes held by nobody": "update codes set state = 'reserved', sold_at = null"
    " where id = (select id from codes where state = 'sold' limit 1)",
    "lines without their codes": "delete from codes"
    " where id = (select id from codes where state = 'sold' limit 1)",
    "orders delivered unpaid, or paid undelivered": "delete from takings"
    " where id = (select id from takings where state = 'delivered' limit 1)",
    "two orders of one purchase": "update orders set email = 'buyer-0@storm.example'",
    "refunds not sent": "update refunds set state = 'due'"
    " where id = (select id from refunds limit 1)",
    "takings returned without their refund": "delete from refunds"
    " where id = (select id from refunds limit 1)",
    "ledger transactions off zero": "update ledger_entries set amount = amount + 1"
    f" where transaction_id = {_ONE_SALE} and line = 1",
    "ledgers off zero": "delete from ledger_entries"
    f" where transaction_id = {_ONE_SALE} and line = 1",
    "takings booked other than once": f"delete from ledger_transactions where id = {_ONE_SALE}",
    "refunds booked other than once": "delete from ledger_transactions"
    " where id = (select id from ledger_transactions where kind = 'refund' limit 1)",
    "ledger transactions about nothing": "update ledger_transactions"
    f" set subject_id = gen_random_uuid() where id = {_ONE_SALE}",
}


def _keep_the_money(journal: list[Entry]) -> None:
    next(entry for entry in journal if entry["refunds"])["refunds"].clear()


def _take_nothing(journal: list[Entry]) -> None:
    next(entry for entry in journal if entry["takings"])["takings"].clear()


def _give_more(journal: list[Entry]) -> None:
    next(entry for entry in journal if entry["refunds"])["refunds"][0]["amount"] += 1


def _charge_more(journal: list[Entry]) -> None:
    next(entry for entry in journal if entry["takings"])["takings"][0]["fee"] += 1


def _go_unheard(journal: list[Entry]) -> None:
    takings = (taking for entry in journal for taking in entry["takings"])
    told = next(taking for taking in takings if taking["callbacks"])
    told["callbacks"][0]["answered_at"] = None


def _tell_nobody(journal: list[Entry]) -> None:
    taking = next(entry for entry in journal if entry["takings"])["takings"][0]
    taking["callbacks"].clear()
    taking["event_key"] = "evt_unheard"


IN_JOURNAL: Mapping[str, Callable[[list[Entry]], None]] = {
    "takings neither delivered nor refunded": _keep_the_money,
    "takings that the gateway never made": _take_nothing,
    "refunds that the journal tells otherwise": _give_more,
    "balances that the journal tells otherwise": _charge_more,
    "callbacks that were never taken in": _go_unheard,
    "takings without a callback that nobody asked about": _tell_nobody,
}


async def overlooked(database: asyncpg.Connection, journal: Sequence[Entry]) -> list[str]:
    """Promises whose breach the judge does not notice, or that no mutant breaks."""
    missed = sorted(
        set(await findings(database, journal, waits=False)) ^ {*IN_DATABASE, *IN_JOURNAL}
    )
    for what, sql in IN_DATABASE.items():
        transaction = database.transaction()
        await transaction.start()
        # Neither triggers nor references may save us: the judge has to see it.
        await database.execute("set local session_replication_role = replica")
        await database.execute(sql)
        found = await findings(database, journal, waits=False)
        await transaction.rollback()
        if not found.get(what):
            missed.append(what)
    for what, tell in IN_JOURNAL.items():
        told = copy.deepcopy(list(journal))
        tell(told)
        if not (await findings(database, told, waits=False)).get(what):
            missed.append(what)
    return missed
