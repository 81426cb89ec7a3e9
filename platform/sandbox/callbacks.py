"""Tells merchants what happened: at least once, from the journal, until they answer `success`.

Each callback row is tried on its own, with growing pauses, for three days. What is due is read from
the journal, so a restart goes on where the last process was killed; what was sent but not yet noted
down is sent again, which every merchant has to stand anyway.
"""

import asyncio
import json
import sqlite3
from dataclasses import dataclass

import httpx2

from keystall.platform import clock
from keystall.platform.payments.signing import CALLBACK, merchant_secret, signed_headers
from keystall.platform.sandbox.journal import Journal
from keystall.platform.sandbox.payments import notice

PAUSES = (0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900)
"""Seconds until the next try after the first, second, … one; the last goes on."""
GIVE_UP_SECONDS = 3 * 24 * 3600
_AT_ONCE = 64
_TIMEOUT = httpx2.Timeout(5.0, connect=2.0)
_IDLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Due:
    id: int
    url: str
    merchant: str
    body: bytes
    attempts: int
    first_due_at: float


def next_due(attempts: int, first_due_at: float, now: float) -> float | None:
    """When to try again after `attempts` failed tries; None: given up."""
    due = now + PAUSES[min(attempts, len(PAUSES)) - 1]
    return due if due - first_due_at <= GIVE_UP_SECONDS else None


class CallbackSender:
    """Sends what is due; `wake()` after new callbacks were written. Run `run()` as one task."""

    def __init__(self, journal: Journal, secret: str, http: httpx2.AsyncClient) -> None:
        self._journal = journal
        self._secret = secret
        self._http = http
        self._news = asyncio.Event()
        self._sending: dict[int, asyncio.Task[None]] = {}

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        """Until cancelled; then sends in flight are dropped, to be tried again by the next run."""
        try:
            while True:
                self._news.clear()
                pause = await self._send_due()
                try:
                    await asyncio.wait_for(self._news.wait(), pause)
                except TimeoutError:
                    continue
        finally:
            flying = list(self._sending.values())
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    async def _send_due(self) -> float:
        """Starts what is due and fits; returns the seconds until something else may be."""
        now = clock.now().timestamp()
        busy = set(self._sending)
        due, following = await self._journal.run(lambda db: _read_due(db, now, busy))
        for callback in due:
            task = asyncio.create_task(self._send(callback))
            self._sending[callback.id] = task
        if following is None:
            return _IDLE_SECONDS
        return max(0.0, min(following - now, _IDLE_SECONDS))

    async def _send(self, callback: _Due) -> None:
        try:
            answer = await self._post(callback)
            now = clock.now().timestamp()
            done = answer == "success"
            due = None if done else next_due(callback.attempts + 1, callback.first_due_at, now)
            values = (now if done else None, due, answer, callback.id)
            await self._journal.run(lambda db: _note(db, values))
        finally:
            del self._sending[callback.id]
            self.wake()

    async def _post(self, callback: _Due) -> str:
        """What the merchant answered in a word: "success" for a 2xx that says so."""
        headers = signed_headers(
            merchant_secret(self._secret, callback.merchant),
            callback.merchant,
            purpose=CALLBACK,
            body=callback.body,
            at=clock.now().timestamp(),
        )
        headers["content-type"] = "application/json"
        try:
            answer = await self._http.post(
                callback.url, content=callback.body, headers=headers, timeout=_TIMEOUT
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return type(error).__name__
        if answer.is_success and answer.content.strip() == b"success":
            return "success"
        return f"status {answer.status_code}"


def _read_due(
    db: sqlite3.Connection, now: float, busy: set[int]
) -> tuple[list[_Due], float | None]:
    """What to send now, and when the first of the others is due (None: none, or no room)."""
    room = _AT_ONCE - len(busy)
    rows = db.execute(
        """
        SELECT c.id AS callback, c.attempts, c.first_due_at, c.due_at, e.event_key, e.kind,
               e.transaction_id, e.amount, e.fee, e.at, p.merchant, p.reference, p.currency,
               p.notify_url
        FROM callbacks c JOIN events e ON e.event_key = c.event JOIN payments p ON p.id = e.payment
        WHERE c.due_at IS NOT NULL ORDER BY c.due_at LIMIT ?
        """,
        (2 * _AT_ONCE + 1,),
    ).fetchall()
    waiting = [row for row in rows if row["callback"] not in busy]
    due = [row for row in waiting if row["due_at"] <= now][: max(room, 0)]
    later = [row["due_at"] for row in waiting if row["due_at"] > now]
    return [_due(row) for row in due], later[0] if later else None


def _due(row: sqlite3.Row) -> _Due:
    return _Due(
        id=row["callback"],
        url=row["notify_url"],
        merchant=row["merchant"],
        body=json.dumps(notice(row, row)).encode(),
        attempts=row["attempts"],
        first_due_at=row["first_due_at"],
    )


def _note(db: sqlite3.Connection, values: tuple[float | None, float | None, str, int]) -> None:
    db.execute(
        """
        UPDATE callbacks SET attempts = attempts + 1, answered_at = ?, due_at = ?, last_answer = ?
        WHERE id = ?
        """,
        values,
    )
