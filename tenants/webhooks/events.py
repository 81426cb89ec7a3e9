"""What a shop's webhooks can be told of: a closed list.

Each event names one thing by its id, of the kind said here. They are written by triggers of the
database (`migrations/0023_webhooks.sql`), in the transaction of what happened, and by
`tell_webhooks` where no row says it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args
from uuid import UUID

from keystall.tenants.writing import Writing

WebhookEvent = Literal[
    "order.placed", "order.paid", "order.delivered", "order.expired", "order.canceled",
    "order.refunded", "refund.requested", "refund.succeeded", "refund.due", "dispute.opened",
    "dispute.changed", "dispute.closed", "code_report.opened", "code_report.answered",
    "product.created", "product.changed", "product.archived", "stock.low", "stock.sold_out",
    "stock.restocked",
]  # fmt: skip
EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)

Subject = Literal["Order", "Refund", "CodeReport", "Product", "Variant"]
"""Kinds of things that events are about, as the API calls them."""

_SUBJECTS: Mapping[str, Subject] = {
    "order": "Order",
    "refund": "Refund",
    "dispute": "Order",
    "code_report": "CodeReport",
    "product": "Product",
    "stock": "Variant",
}

NEWEST: Mapping[Subject, str] = {
    "Order": "orders",
    "Refund": "refunds",
    "CodeReport": "code_reports",
    "Product": "products",
    "Variant": "variants",
}
"""The table of each kind; ids grow with time, so the newest has the greatest."""


def subject_of(event: str) -> Subject:
    """The kind of thing whose id an event names."""
    return _SUBJECTS[event.partition(".")[0]]


def subjects_of(events: Sequence[str]) -> set[Subject]:
    """The kinds of things that several events name."""
    return {subject_of(event) for event in events}


async def tell_webhooks(tx: Writing, shop: UUID, event: WebhookEvent, subject: UUID) -> None:
    """Leaves the event to be told, where a webhook of the shop asks for it."""
    await tx.execute("select webhook_event($1, $2, $3)", shop, event, subject)
