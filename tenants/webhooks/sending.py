"""Sending what the outbox asks for: one job, one try.

Nothing is held in the database while the receiver is spoken to. The try is recorded, and the next
one posted, in the transaction that claims the work: a worker that dies in between tries again, and
the receiver, who knows the id, may hear twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx2

from keystall.platform import clock, database
from keystall.platform.crypto import Unreadable
from keystall.platform.http import NotOutside, post_outside
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import claim, postpone, take_up
from keystall.tenants.webhooks.desk import HookDesk
from keystall.tenants.webhooks.port import Asked, PayloadUnrendered
from keystall.tenants.webhooks.schedule import LASTING, Again, Arrived, GivenUp, Verdict, verdict
from keystall.tenants.webhooks.secrets import signing_secrets
from keystall.tenants.webhooks.service import SEND, disable
from keystall.tenants.webhooks.signing import signed_headers
from keystall.tenants.webhooks.topics import announce_delivery
from keystall.tenants.writing import Writing, writing

SENDING = timedelta(seconds=45)
"""As long as a try may take before another worker makes it beside this one."""
MAX_BODY = 256 * 1024
MAX_RESPONSE = 16 * 1024
_USER_AGENT = "Keystall-Webhooks/1.0"
_MAIL = "mail.merchant_webhook_disabled"


@dataclass(frozen=True, slots=True)
class _Delivery:
    id: UUID
    webhook: UUID
    url: str
    asked: Asked
    attempts: int
    body: str
    disabled: bool
    token_ended: bool
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Tried:
    """How a try went; `status` None: without an answer, for the reason `problem`."""

    milliseconds: int
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    response: str = ""
    problem: str = ""


async def send_delivery(installation: Installation, desk: HookDesk, shop: UUID, item: UUID) -> None:
    """Makes one try at the delivery that the outbox row `item` is about; nothing where that was
    done before, or the webhook is gone."""
    async with desk.place(shop) as free:
        if not free:
            async with database.transaction(shop) as tx:
                await postpone(tx, shop, item, desk.appointment(shop))
            return
        async with database.transaction(shop) as tx:
            subject = await take_up(tx, shop, item, SENDING)
            found = subject and await _delivery(tx, installation, shop, subject)
        if subject is not None:
            await _try(installation, desk, shop, item, found or None)


async def _try(
    installation: Installation, desk: HookDesk, shop: UUID, item: UUID, found: _Delivery | None
) -> None:
    if found is None:
        async with writing(installation, shop) as tx:
            await claim(tx, shop, item)
        return
    if found.token_ended or (found.disabled and not found.asked.test):
        async with writing(installation, shop) as tx:
            if await claim(tx, shop, item) is not None:
                await _drop(tx, shop, found)
        return
    tried = await _spoken(installation, desk, found)
    async with writing(installation, shop) as tx:
        if await claim(tx, shop, item) is not None:
            await _record(tx, shop, found, tried)


async def _spoken(installation: Installation, desk: HookDesk, found: _Delivery) -> _Tried:
    """How it went. What was sent is kept first."""
    began = perf_counter()

    def tried(problem: str = "", **answer: Any) -> _Tried:
        return _Tried(round((perf_counter() - began) * 1000), problem=problem, **answer)

    if not found.secrets:
        return tried("secret_unreadable")
    try:
        rendered = found.body or await desk.payloads.render(installation, found.asked)
    except PayloadUnrendered as error:
        return tried(f"payload_unrendered {error.args[0]}")
    if len(rendered.encode()) > MAX_BODY:
        return tried("payload_too_large")
    body = found.body or await _kept(found, rendered)
    sent = body.encode()
    began = perf_counter()
    headers = signed_headers(str(found.id), clock.now(), sent, found.secrets)
    headers = {**headers, "content-type": "application/json", "user-agent": _USER_AGENT}
    try:
        answer = await post_outside(
            desk.http, found.url, headers=headers, body=sent, most=MAX_RESPONSE
        )
    except NotOutside:
        return tried("address_refused")
    except (TimeoutError, httpx2.TimeoutException):
        return tried("timeout")
    except httpx2.ConnectError as error:
        certificate = "CERTIFICATE" in str(error).upper()
        return tried("certificate" if certificate else "unreachable")
    except httpx2.HTTPError:
        return tried("broken_answer")
    # A text of the database holds no NUL.
    response = answer.body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return tried(status=answer.status, headers=answer.headers, response=response)


async def _kept(found: _Delivery, rendered: str) -> str:
    """The body that is sent now and ever after: kept before it is, so that a worker that dies while
    sending leaves it to the next; where another has kept one meanwhile, that."""
    async with database.transaction(found.asked.shop) as tx:
        body: str | None = await tx.value(
            "update webhook_deliveries set body = case body when '' then $3 else body end"
            " where shop_id = $1 and id = $2 returning body",
            found.asked.shop, found.id, rendered,
        )  # fmt: skip
    return body or rendered


async def _delivery(
    tx: database.Transaction, installation: Installation, shop: UUID, delivery: UUID
) -> _Delivery | None:
    row = await tx.row(
        """
        select webhook_deliveries.id, webhook_id, url, event, subject_id, happened_at, test, body,
               attempts, document, permissions, disabled_at is not null as disabled,
               token_id is not null and not exists (
                 select from api_tokens where api_tokens.shop_id = $1 and api_tokens.id = token_id
                   and revoked_at is null and (expires_at is null or expires_at > $3))
                 as token_ended
        from webhook_deliveries join webhooks on webhooks.shop_id = $1 and webhooks.id = webhook_id
        where webhook_deliveries.shop_id = $1 and webhook_deliveries.id = $2 and state = 'pending'
        """,
        shop, delivery, clock.now(),
    )  # fmt: skip
    if row is None:
        return None
    try:
        secrets = await signing_secrets(tx, installation.keys, shop, row["webhook_id"])
    except Unreadable:
        secrets = []
    return _Delivery(
        id=row["id"],
        webhook=row["webhook_id"],
        url=row["url"],
        asked=Asked(
            shop=shop,
            event=row["event"],
            subject=row["subject_id"],
            happened_at=row["happened_at"],
            document=row["document"],
            permissions=frozenset(row["permissions"]),
            test=row["test"],
        ),
        attempts=row["attempts"],
        body=row["body"],
        disabled=row["disabled"],
        token_ended=row["token_ended"],
        secrets=secrets,
    )


async def _drop(tx: Writing, shop: UUID, found: _Delivery) -> None:
    """Ends a delivery untried: its webhook was disabled, or its token has just been found ended."""
    if found.token_ended and await disable(tx, shop, found.webhook, "token"):
        await tx.post(_MAIL, found.webhook)
    await _end(tx, shop, found, "failed", problem="disabled")
    announce_delivery(tx, found.webhook, found.id)


async def _record(tx: Writing, shop: UUID, found: _Delivery, tried: _Tried) -> None:
    """Writes down the try, and what follows from it."""
    now, attempts = clock.now(), found.attempts + 1
    await tx.execute(
        "insert into webhook_tries (shop_id, id, delivery_id, at, milliseconds, status, response,"
        " problem) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        shop, new_id(), found.id, now - timedelta(milliseconds=tried.milliseconds),
        tried.milliseconds, tried.status, tried.response, tried.problem,
    )  # fmt: skip
    await tx.execute(
        "update webhook_deliveries set attempts = $3 where shop_id = $1 and id = $2",
        shop, found.id, attempts,
    )  # fmt: skip
    follows: Verdict = verdict(tried.status, tried.headers, attempts=attempts, now=now)
    if found.asked.test and isinstance(follows, Again):
        follows = GivenUp()
    match follows:
        case Arrived():
            await _end(tx, shop, found, "delivered")
        case Again(after):
            await tx.execute(
                "update webhook_deliveries set next_at = $3 where shop_id = $1 and id = $2",
                shop, found.id, now + after,
            )  # fmt: skip
            await tx.post(SEND, found.id, due_at=now + after)
        case GivenUp():
            await _end(tx, shop, found, "failed", problem=tried.problem)
    if not found.asked.test:
        await _judge(tx, shop, found.webhook, follows, now)
    announce_delivery(tx, found.webhook, found.id)


async def _judge(tx: Writing, shop: UUID, webhook: UUID, follows: Verdict, now: datetime) -> None:
    """Disables a webhook whose receiver is gone, or has taken nothing for LASTING."""
    if isinstance(follows, Arrived):
        await tx.execute(
            "update webhooks set failing_since = null"
            " where shop_id = $1 and id = $2 and failing_since is not null",
            shop, webhook,
        )  # fmt: skip
        return
    since: datetime = await tx.value(
        "update webhooks set failing_since = coalesce(failing_since, $3)"
        " where shop_id = $1 and id = $2 returning failing_since",
        shop, webhook, now,
    )  # fmt: skip
    if not isinstance(follows, GivenUp):
        return
    if follows.gone or now - since >= LASTING:
        reason = "gone" if follows.gone else "failing"
        if await disable(tx, shop, webhook, reason):
            await tx.post(_MAIL, webhook)


async def _end(tx: Writing, shop: UUID, found: _Delivery, state: str, *, problem: str = "") -> None:
    await tx.execute(
        "update webhook_deliveries set state = $3, problem = $4, finished_at = $5, next_at = null"
        " where shop_id = $1 and id = $2",
        shop, found.id, state, problem, clock.now(),
    )  # fmt: skip
