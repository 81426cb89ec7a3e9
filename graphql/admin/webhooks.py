"""Webhooks and their log, read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from keystall.graphql.admin.webhook_events import WebhookEvent
from keystall.graphql.context import Info, Needs, RequestContext
from keystall.graphql.describing import (
    described,
    enum_type,
    list_resolver,
    object_type,
    resolver,
    takes,
    value,
)
from keystall.graphql.ids import encode
from keystall.graphql.nouns import Node
from keystall.graphql.relay import Connection, connection, decode_row, page_size
from keystall.tenants.webhooks import queries
from keystall.tenants.webhooks.events import subject_of
from keystall.tenants.webhooks.queries import DeliveryView, TryView, WebhookView


@enum_type
class WebhookDisabledReason(Enum):
    """Why a webhook is told nothing."""

    MERCHANT = value("merchant", "Somebody of the shop switched it off.")
    FAILING = value("failing", "Nothing had arrived for three days.")
    GONE = value("gone", "Its receiver answered 410: it wants nothing any more.")
    TOKEN = value("token", "The API token that saved it was revoked, or has expired.")


@enum_type
class WebhookDeliveryState(Enum):
    """How far a delivery is."""

    PENDING = value("pending", "It waits for its next try.")
    DELIVERED = value("delivered", "Its receiver took it: it answered 2xx.")
    FAILED = value("failed", "It is tried no more; it can be replayed.")


@object_type
class Webhook(Node):
    """A subscription: events of the shop, told to an address by a GraphQL document."""

    url: str = described("Where deliveries are posted.")
    host: str = described("The host of `url`, for people.")
    events: list[WebhookEvent] = described("What it is told of.")
    document: str = takes("document")(
        described(
            "The query that is the payload; its variable `$id` is the id that the event names."
        )
    )
    enabled: bool = described("Whether it is told anything.")
    disabled_at: datetime | None = described("When it was switched off; null where it is on.")
    disabled_reason: WebhookDisabledReason | None = described(
        "Why it was switched off; null where it is on."
    )
    failing_since: datetime | None = described(
        "Since when nothing has arrived; null where the last delivery did."
    )
    secret_ending: str = takes("hint")(
        described("How its newest secret ends, to tell it from another.")
    )
    old_secret_until: datetime | None = takes("overlap_until")(
        described("Until when the secret before signs, too; null where there is one secret alone.")
    )
    token_name: str | None = takes("token")(
        described(
            "The API token that saved it last, and with which it ends; null where a person did."
        )
    )
    created_at: datetime = described("When it was made.")
    updated_at: datetime = described("When it was last changed.")


@object_type
class WebhookTry:
    """One try at a delivery."""

    at: datetime = described("When it began.")
    milliseconds: int = described("How long it took.")
    status: int | None = described("The HTTP status of the answer; null where none came.")
    response: str = takes("response")(
        described("The beginning of the answer's body, 16 KiB at most.")
    )
    problem: str = described(
        "Why no answer came, for programs: timeout, unreachable, certificate, address_refused,"
        " broken_answer, secret_unreadable, payload_too_large, or payload_unrendered with the codes"
        " of the errors; empty where one came."
    )


@object_type
class WebhookDelivery(Node):
    """One event for one webhook, and what became of it."""

    view: strawberry.Private[DeliveryView]
    event: WebhookEvent = described("What happened.")
    subject_id: strawberry.ID = described("What it happened to: `$id` of the document.")
    happened_at: datetime = described("When it happened.")
    state: WebhookDeliveryState = described("How far it is.")
    attempts: int = described("Tries since it was made or replayed; ten at most.")
    next_at: datetime | None = described("When it is tried next; null where it was not tried yet.")
    finished_at: datetime | None = described("When it was over; null while it is pending.")
    problem: str = described(
        "Why its last try failed without an answer; `disabled` where the webhook was, and"
        " `given_up` where a fault of ours kept it from being sent; empty otherwise."
    )
    test: bool = described("Whether somebody sent it to try the webhook.")

    @resolver
    async def webhook(self, info: Info) -> Webhook | None:
        """The webhook that it is for."""
        return await webhook_of(info.context, self.view.webhook_id)

    @resolver
    async def body(self, info: Info) -> str | None:
        """What was sent, JSON; null where it was not rendered yet."""
        return await info.context.load(_bodies, self.view.id)

    @list_resolver(assumed=2)
    async def tries(self, info: Info) -> list[WebhookTry]:
        """Every try, oldest first, those before a replay included."""
        found = await info.context.load(_Tries(info.needs.without(WebhookTry)), self.view.id) or []
        return [
            WebhookTry(
                at=one.at,
                milliseconds=one.milliseconds,
                status=one.status,
                response=one.response,
                problem=one.problem,
            )
            for one in found
        ]


def webhook(view: WebhookView) -> Webhook:
    """A webhook."""
    reason = view.disabled_reason
    return Webhook(
        id=encode("Webhook", view.id),
        url=view.url,
        host=view.host,
        events=[WebhookEvent(event) for event in view.events],
        document=view.document,
        enabled=view.disabled_at is None,
        disabled_at=view.disabled_at,
        disabled_reason=WebhookDisabledReason(reason) if reason else None,
        failing_since=view.failing_since,
        secret_ending=view.hint,
        old_secret_until=view.overlap_until,
        token_name=view.token,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )


def delivery(view: DeliveryView) -> WebhookDelivery:
    """A delivery."""
    return WebhookDelivery(
        id=encode("WebhookDelivery", view.id),
        view=view,
        event=WebhookEvent(view.event),
        subject_id=encode(subject_of(view.event), view.subject_id),
        happened_at=view.happened_at,
        state=WebhookDeliveryState(view.state),
        attempts=view.attempts,
        next_at=view.next_at,
        finished_at=view.finished_at,
        problem=view.problem,
        test=view.test,
    )


async def webhooks(context: RequestContext, needs: Needs) -> list[Webhook]:
    """The shop's webhooks, newest first."""
    found = await queries.webhooks_of(
        context.once(needs), context.require_shop().id, without=needs.without(Webhook)
    )
    return [webhook(view) for view in found]


async def webhook_of(context: RequestContext, row: UUID) -> Webhook | None:
    """A webhook by its row; None where there is none."""
    found = await context.load(_webhooks, row)
    return webhook(found) if found else None


async def delivery_of(context: RequestContext, row: UUID) -> WebhookDelivery | None:
    """A delivery by its row; None where there is none."""
    found = await context.load(_deliveries, row)
    return delivery(found) if found else None


async def deliveries_connection(
    context: RequestContext,
    row: UUID,
    first: int | None,
    *,
    after: str | None,
    state: WebhookDeliveryState | None,
    needs: Needs,
) -> Connection[WebhookDelivery]:
    """The deliveries to a webhook, newest first."""
    size = page_size(first)
    rows = await queries.deliveries_page(
        context.once(needs),
        context.require_shop().id,
        row,
        state=state.value if state else None,
        after=decode_row(after),
        limit=size + 1,
    )
    return connection(rows, size, after=after, node=delivery, key=lambda view: (str(view.id),))


async def _webhooks(context: RequestContext, rows: Sequence[UUID]) -> Mapping[UUID, WebhookView]:
    shop, without = context.require_shop().id, context.without("Webhook")
    return await queries.webhooks_by_id(context.reader, shop, rows, without=without)


async def _deliveries(context: RequestContext, rows: Sequence[UUID]) -> Mapping[UUID, DeliveryView]:
    return await queries.deliveries_by_id(context.reader, context.require_shop().id, rows)


async def _bodies(context: RequestContext, rows: Sequence[UUID]) -> Mapping[UUID, str]:
    return await queries.bodies_of_deliveries(context.reader, context.require_shop().id, rows)


@dataclass(frozen=True, slots=True)
class _Tries:
    """The tries at deliveries, for `context.load`."""

    without: frozenset[str]

    async def __call__(
        self, context: RequestContext, rows: Sequence[UUID]
    ) -> Mapping[UUID, list[TryView]]:
        shop = context.require_shop().id
        return await queries.tries_of_deliveries(context.reader, shop, rows, without=self.without)
