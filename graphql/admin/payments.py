"""Payments and disputes from their merchant's side."""

from datetime import datetime
from enum import Enum

import strawberry

from keystall.graphql.describing import described, enum_type, object_type, value
from keystall.graphql.ids import encode
from keystall.graphql.order_words import dispute_reason, payment_name
from keystall.graphql.scalars import Money, money
from keystall.tenants.orders.queries import PaymentView
from keystall.tenants.payments.disputes import DisputeView


@enum_type
class PaymentStatus(Enum):
    """How far a payment is."""

    PENDING = value("started", "Waiting for the buyer.")
    SUCCEEDED = value("succeeded", "The money arrived.")
    FAILED = value("failed", "The buyer's attempt failed.")


@object_type
class Payment:
    """An attempt to pay an order."""

    id: strawberry.ID = described("Opaque id.")
    status: PaymentStatus = described("How far it is.")
    amount: Money = described("How much was asked for.")
    taken: Money = described("How much the provider took for it, repeated payments included.")
    fee: Money | None = described("What the provider kept; null while it took nothing.")
    method_name: str = described("The name of the way to pay.")
    provider_reference: str | None = described(
        "The provider's own reference; null before it gave one."
    )
    created_at: datetime = described("When it began.")
    paid_at: datetime | None = described("When the money arrived.")


@enum_type
class DisputeStatus(Enum):
    """How far a dispute is."""

    INQUIRY = value("inquiry", "The bank asks; no money was taken.")
    NEEDS_RESPONSE = value("needs_response", "The merchant should answer at the provider.")
    UNDER_REVIEW = value("under_review", "The bank examines the answer.")
    WON = value("won", "Decided for the merchant: the money stays, or came back.")
    LOST = value("lost", "Decided for the buyer: the money is gone.")
    CLOSED = value("closed", "Over without a decision.")


@object_type
class Dispute:
    """A buyer's complaint about a payment, at their bank."""

    id: strawberry.ID = described("Opaque id.")
    status: DisputeStatus = described("How far it is.")
    reason: str = described("Why, in the provider's word, such as fraudulent.")
    message: str = described("Why, for people, in the language of the request.")
    amount: Money = described("How much is disputed.")
    opened_at: datetime = described("When it began.")
    due_at: datetime | None = described(
        "Until when the merchant may answer; null where nothing is to be answered."
    )
    closed_at: datetime | None = described("When it ended; null while it goes on.")


def payment(view: PaymentView, locale: str) -> Payment:
    """A payment."""
    return Payment(
        id=encode("Payment", view.id),
        status=PaymentStatus(view.state),
        amount=money(view.amount, view.currency, locale),
        taken=money(view.taken, view.currency, locale),
        fee=money(view.fee, view.currency, locale) if view.taken else None,
        method_name=payment_name(view.provider, locale),
        provider_reference=view.provider_reference,
        created_at=view.created_at,
        paid_at=view.paid_at,
    )


def dispute(view: DisputeView, locale: str) -> Dispute:
    """A dispute."""
    return Dispute(
        id=encode("Dispute", view.id),
        status=DisputeStatus(view.status),
        reason=view.reason,
        message=dispute_reason(view.reason, locale),
        amount=money(view.amount, view.currency, locale),
        opened_at=view.opened_at,
        due_at=view.due_at if view.awaits_answer else None,
        closed_at=view.closed_at,
    )
