"""The gateway's own memory: one SQLite file, written by one thread, durable before it answers.

Work is a function of the connection. The thread takes all work that waits, runs each piece in a
savepoint of one transaction, commits once (WAL, synchronous=FULL), and only then tells the callers:
a slow disk costs one flush for many payments, and nothing that was answered is lost to SIGKILL.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

_Result = TypeVar("_Result")


class _Piece(NamedTuple):
    """Work in the queue: `job` does it and returns how to tell; `fail` tells that it was undone."""

    job: Callable[[], Callable[[], None]]
    fail: Callable[[BaseException], None]


_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    id text PRIMARY KEY,
    merchant text NOT NULL,
    reference text NOT NULL,
    amount integer NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    description text NOT NULL,
    locale text NOT NULL,
    notify_url text NOT NULL,
    return_url text NOT NULL,
    expires_at real NOT NULL,
    created_at real NOT NULL,
    UNIQUE (merchant, reference)
) STRICT;
CREATE INDEX IF NOT EXISTS payments_by_reference ON payments (reference);
CREATE TABLE IF NOT EXISTS events (
    event_key text PRIMARY KEY,
    payment text NOT NULL REFERENCES payments,
    transaction_id text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('payment.succeeded', 'payment.failed')),
    amount integer NOT NULL CHECK (amount > 0),
    fee integer NOT NULL CHECK (fee >= 0),
    at real NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_payment ON events (payment, at);
CREATE TABLE IF NOT EXISTS callbacks (
    id integer PRIMARY KEY,
    event text NOT NULL REFERENCES events,
    first_due_at real NOT NULL,
    due_at real,
    attempts integer NOT NULL DEFAULT 0,
    answered_at real,
    last_answer text NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS callbacks_by_event ON callbacks (event);
CREATE TABLE IF NOT EXISTS refunds (
    id text PRIMARY KEY,
    payment text NOT NULL REFERENCES payments,
    event text NOT NULL REFERENCES events,
    refund_reference text NOT NULL,
    amount integer NOT NULL CHECK (amount > 0),
    at real NOT NULL,
    UNIQUE (payment, refund_reference)
) STRICT;
"""


class JournalClosed(RuntimeError):
    """The gateway is stopping; nothing was written."""


class Journal:
    """The journal in `path`, made if missing. `close()` finishes what was handed in before it."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)
        self._waiting: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="sandbox-journal", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Runs `work` whole or not at all; its result is durable when this returns."""
        if self._closed:
            raise JournalClosed
        answer: Future[_Result] = Future()

        def job() -> Callable[[], None]:
            try:
                result = self._in_savepoint(work)
            except Exception as error:
                return partial(answer.set_exception, error)
            return partial(answer.set_result, result)

        self._waiting.put(_Piece(job, answer.set_exception))
        # Shielded: a caller that goes away does not undo what is being written.
        return await asyncio.shield(asyncio.wrap_future(answer))

    def close(self) -> None:
        """Writes out what waits, then closes the file. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._thread.join()
            self._connection.close()

    def _work(self) -> None:
        while (piece := self._waiting.get()) is not None:
            batch = [piece]
            last = False
            while not (last or self._waiting.empty()):
                following = self._waiting.get()
                last = following is None
                if following is not None:
                    batch.append(following)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[_Piece]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            tellings = [piece.job() for piece in batch]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for piece in batch:
                piece.fail(error)
            return
        for tell in tellings:
            tell()

    def _in_savepoint(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        self._connection.execute("SAVEPOINT piece")
        try:
            result = work(self._connection)
        except BaseException:
            self._connection.execute("ROLLBACK TO piece")
            raise
        finally:
            self._connection.execute("RELEASE piece")
        return result
