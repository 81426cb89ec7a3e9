"""For judges and load generators on the same machine: the whole journal, and payment by API.

    GET  /journal.json   every payment, its takings with their callbacks, its refunds
    POST /v1/control     {"reference", "mode": "pay|fail|late|twice|wrong", "callbacks", "delay",
                          "shuffle", "merchant"}; or "page", the id in the page's address,
                          in place of "reference" and "merchant"; 0 callbacks: nobody is told

Unsigned, so: loopback addresses only, and never for a script of some page in a browser.
"""

import sqlite3
from collections import defaultdict
from ipaddress import ip_address
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keystall.platform import clock
from keystall.platform.sandbox import payments
from keystall.platform.sandbox.api import answering, body_of, parsed
from keystall.platform.sandbox.callbacks import CallbackSender
from keystall.platform.sandbox.journal import Journal
from keystall.platform.sandbox.payments import Mode, Refusal, Telling


class _Control(BaseModel):
    model_config = ConfigDict(extra="forbid")

    page: str | None = None
    reference: str | None = None
    merchant: str | None = None
    mode: Mode = "pay"
    callbacks: int = Field(default=1, ge=0, le=20)
    delay: float = Field(default=0, ge=0, le=86400)
    shuffle: bool = False

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.page is None) == (self.reference is None):
            raise ValueError("name a page or a reference")
        return self


def routes(journal: Journal, sender: CallbackSender) -> list[Route]:
    async def show(request: Request) -> Response:
        _only_here(request)
        now = clock.now().timestamp()
        return JSONResponse(await journal.run(lambda db: whole_journal(db, now)))

    async def control(request: Request) -> Response:
        _only_here(request)
        wanted = parsed(_Control, await body_of(request))
        now = clock.now().timestamp()
        answer = await journal.run(lambda db: _play(db, wanted, now))
        sender.wake()
        return JSONResponse(answer)

    return [
        Route("/journal.json", answering(show), methods=["GET"]),
        Route("/v1/control", answering(control), methods=["POST"]),
    ]


def whole_journal(db: sqlite3.Connection, now: float) -> list[dict[str, Any]]:
    """Every payment, oldest first. `scheduled` counts takings whose time has not come."""
    callbacks: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in db.execute("SELECT * FROM callbacks ORDER BY id"):
        callbacks[row["event"]].append(_callback(row))
    events: defaultdict[str, list[sqlite3.Row]] = defaultdict(list)
    for row in db.execute("SELECT * FROM events ORDER BY at, rowid"):
        events[row["payment"]].append(row)
    refunds: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in db.execute("SELECT * FROM refunds ORDER BY at, rowid"):
        refunds[row["payment"]].append(
            {
                "refund_reference": row["refund_reference"],
                "event_key": row["event"],
                "amount": row["amount"],
                "at": payments.iso(row["at"]),
            }
        )
    return [
        {
            "id": row["id"],
            "merchant": row["merchant"],
            "reference": row["reference"],
            "amount": row["amount"],
            "currency": row["currency"],
            "takings": [
                _event(event, callbacks[event["event_key"]])
                for event in payments.takings(events[row["id"]], now)
            ],
            "failures": [
                _event(event, callbacks[event["event_key"]])
                for event in events[row["id"]]
                if event["kind"] == "payment.failed"
            ],
            "scheduled": sum(event["at"] > now for event in events[row["id"]]),
            "refunds": refunds[row["id"]],
        }
        for row in db.execute("SELECT * FROM payments ORDER BY created_at, rowid")
    ]


def _event(event: sqlite3.Row, told: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "event_key": event["event_key"],
        "provider_reference": event["transaction_id"],
        "amount": event["amount"],
        "fee": event["fee"],
        "at": payments.iso(event["at"]),
        "callback": {
            "attempts": sum(callback["attempts"] for callback in told),
            # Of several copies the last: before it, the merchant has not been told everything.
            "answered_at": None
            if any(callback["answered_at"] is None for callback in told)
            else max((callback["answered_at"] for callback in told), default=None),
        },
        "callbacks": told,
    }


def _callback(row: sqlite3.Row) -> dict[str, Any]:
    answered = row["answered_at"]
    return {
        "attempts": row["attempts"],
        "answered_at": None if answered is None else payments.iso(answered),
        "given_up": answered is None and row["due_at"] is None,
        "last_answer": row["last_answer"],
    }


def _play(db: sqlite3.Connection, wanted: _Control, now: float) -> dict[str, Any]:
    row = _payment(db, wanted)
    telling = Telling(copies=wanted.callbacks, delay=wanted.delay, shuffle=wanted.shuffle)
    payments.pay(db, row, wanted.mode, telling, now)
    events = payments.events_of(db, row["id"])
    return {"id": row["id"], "events": [payments.notice(row, event) for event in events]}


def _payment(db: sqlite3.Connection, wanted: _Control) -> sqlite3.Row:
    if wanted.page is not None:
        return payments.by_id(db, wanted.page)
    if wanted.merchant is None:
        return payments.by_reference(db, wanted.reference or "")
    return payments.known(db, wanted.merchant, wanted.reference or "")


def _only_here(request: Request) -> None:
    address = request.client.host if request.client else ""
    # A browser names the page's origin on what its scripts send; our tools never do.
    site = request.headers.get("sec-fetch-site", "none")
    if "origin" in request.headers or site != "none":
        raise Refusal(403, "NOT_FOR_BROWSERS")
    if not _is_loopback(address):
        raise Refusal(403, "ONLY_ON_THIS_MACHINE")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
