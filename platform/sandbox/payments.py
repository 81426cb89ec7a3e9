"""What the gateway does with a payment: pure of HTTP, over one journal connection.

Amounts are minor units, times Unix seconds. A taking whose `at` lies ahead is only scheduled: it
neither counts nor can be refunded until its time has come.
"""

import random
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["pay", "fail", "late", "twice", "wrong"]
LATE_SECONDS = 2.0
"""How long after a charge's expiry a late payment is taken."""
_SHUFFLE_SECONDS = 1.0


class Refusal(Exception):
    """The gateway says no: an HTTP status and a code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Order:
    """A charge as a merchant announces it."""

    reference: str
    amount: int
    currency: str
    description: str
    locale: str
    notify_url: str
    return_url: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Telling:
    """How callbacks of a payment go out: `copies` of each, `delay` seconds late, out of order."""

    copies: int = 1
    delay: float = 0.0
    shuffle: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """A refund as a merchant asks for it; `provider_reference` names the taking it is from."""

    refund_reference: str
    provider_reference: str
    amount: int
    currency: str


def fee_of(amount: int) -> int:
    """0.6 %, rounded half up."""
    return (amount * 6 + 500) // 1000


def create(db: sqlite3.Connection, merchant: str, order: Order, now: float) -> sqlite3.Row:
    """The payment for `order`. Raises `Refusal` 409 where its reference stands for another one."""
    row = find(db, merchant, order.reference)
    if row is None:
        db.execute(
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                "pay_" + secrets.token_hex(16),
                merchant,
                order.reference,
                order.amount,
                order.currency,
                order.description,
                order.locale,
                order.notify_url,
                order.return_url,
                order.expires_at,
                now,
            ),
        )
        return known(db, merchant, order.reference)
    if (row["amount"], row["currency"]) != (order.amount, order.currency):
        raise Refusal(409, "REFERENCE_MISMATCH")
    return row


def find(db: sqlite3.Connection, merchant: str, reference: str) -> sqlite3.Row | None:
    return _one(
        db, "SELECT * FROM payments WHERE merchant = ? AND reference = ?", merchant, reference
    )


def known(db: sqlite3.Connection, merchant: str, reference: str) -> sqlite3.Row:
    """As `find`, raising `Refusal` 404 where there is none."""
    row = find(db, merchant, reference)
    if row is None:
        raise Refusal(404, "UNKNOWN_PAYMENT")
    return row


def by_id(db: sqlite3.Connection, payment_id: str) -> sqlite3.Row:
    row = _one(db, "SELECT * FROM payments WHERE id = ?", payment_id)
    if row is None:
        raise Refusal(404, "UNKNOWN_PAYMENT")
    return row


def by_reference(db: sqlite3.Connection, reference: str) -> sqlite3.Row:
    """The one payment of any merchant with `reference`; 404 for none, 409 for several."""
    rows = db.execute("SELECT * FROM payments WHERE reference = ?", (reference,)).fetchall()
    if len(rows) > 1:
        raise Refusal(409, "REFERENCE_OF_SEVERAL_MERCHANTS")
    if not rows:
        raise Refusal(404, "UNKNOWN_PAYMENT")
    row: sqlite3.Row = rows[0]
    return row


def pay(
    db: sqlite3.Connection, payment: sqlite3.Row, mode: Mode, telling: Telling, now: float
) -> None:
    """Plays `mode`. A payment that was taken, or will be, stays as it is: asking again is safe."""
    if _one(
        db,
        "SELECT 1 FROM events WHERE payment = ? AND kind = 'payment.succeeded'",
        payment["id"],
    ):
        return
    at = late_at(payment, now) if mode == "late" else now
    kind = "payment.failed" if mode == "fail" else "payment.succeeded"
    amount = payment["amount"]
    if mode == "wrong":
        amount = amount // 2 or amount + 1
    for _ in range(2 if mode == "twice" else 1):
        event_key = "evt_" + secrets.token_hex(16)
        fee = 0 if mode == "fail" else fee_of(amount)
        # As at real gateways: who pays twice has made two transactions of one payment.
        transaction_id = "trn_" + secrets.token_hex(16)
        db.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            (event_key, payment["id"], transaction_id, kind, amount, fee, at),
        )
        for _ in range(telling.copies):
            # How shuffled is nobody's secret: an ordinary random number will do.
            jitter = random.uniform(0, _SHUFFLE_SECONDS) if telling.shuffle else 0  # noqa: S311
            due = at + telling.delay + jitter
            db.execute(
                "INSERT INTO callbacks (event, first_due_at, due_at) VALUES (?, ?, ?)",
                (event_key, due, due),
            )


def late_at(payment: sqlite3.Row, now: float) -> float:
    """When a payment is taken that is made late: never before its charge has expired."""
    return max(now, float(payment["expires_at"]) + LATE_SECONDS)


def events_of(db: sqlite3.Connection, payment_id: str) -> list[sqlite3.Row]:
    """Everything that happened or is scheduled, oldest first."""
    return db.execute(
        "SELECT * FROM events WHERE payment = ? ORDER BY at, rowid", (payment_id,)
    ).fetchall()


def takings(events: Iterable[sqlite3.Row], now: float) -> list[sqlite3.Row]:
    """Of `events`, the ones that took money by `now`."""
    return [
        event for event in events if event["kind"] == "payment.succeeded" and event["at"] <= now
    ]


def refund(
    db: sqlite3.Connection, payment: sqlite3.Row, wanted: Return, now: float
) -> dict[str, str]:
    """Gives back from one taking, once per refund reference and never above what it took.

    Raises `Refusal` 409 where the reference stands for another amount or taking.
    """
    taking = next(
        (
            event
            for event in takings(events_of(db, payment["id"]), now)
            if event["transaction_id"] == wanted.provider_reference
        ),
        None,
    )
    if taking is None:
        return {"id": "", "state": "failed", "reason": "NOTHING_TAKEN"}
    done = _one(
        db,
        "SELECT * FROM refunds WHERE payment = ? AND refund_reference = ?",
        payment["id"],
        wanted.refund_reference,
    )
    asked = (taking["event_key"], wanted.amount)
    if wanted.currency != payment["currency"] or (
        done and (done["event"], done["amount"]) != asked
    ):
        raise Refusal(409, "REFUND_MISMATCH")
    if done:
        return {"id": done["id"], "state": "succeeded", "reason": ""}
    returned = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM refunds WHERE event = ?", (taking["event_key"],)
    ).fetchone()[0]
    if returned + wanted.amount > taking["amount"]:
        return {"id": "", "state": "failed", "reason": "ABOVE_WHAT_WAS_TAKEN"}
    refund_id = "ref_" + secrets.token_hex(16)
    db.execute(
        "INSERT INTO refunds VALUES (?, ?, ?, ?, ?, ?)",
        (
            refund_id,
            payment["id"],
            taking["event_key"],
            wanted.refund_reference,
            wanted.amount,
            now,
        ),
    )
    return {"id": refund_id, "state": "succeeded", "reason": ""}


def notice(payment: sqlite3.Row, event: sqlite3.Row) -> dict[str, str | int]:
    """What a callback, and an answer to a query, say about `event`."""
    return {
        "event_key": event["event_key"],
        "kind": event["kind"],
        "reference": payment["reference"],
        "provider_reference": event["transaction_id"],
        "amount": event["amount"],
        "currency": payment["currency"],
        "fee": event["fee"],
        "merchant_id": payment["merchant"],
        "occurred_at": iso(event["at"]),
    }


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _one(db: sqlite3.Connection, sql: str, *values: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(sql, values).fetchone()
    return row
