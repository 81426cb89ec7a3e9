"""What of Stripe's objects we believe, and what it means in the words of the port. Pure.

Fields that we do not read may be anything; those that we do are checked, so that an answer in
another shape is noticed here and not in the ledger.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from keystall.platform import clock
from keystall.platform.payments.port import (
    DisputeFact,
    DisputeStatus,
    Facts,
    Movement,
    Notice,
    NoticeKind,
    ProviderUnavailable,
    RefundFact,
    RefundState,
)
from keystall.platform.payments.stripe.amounts import from_stripe, rounded

PAYMENT = "keystall_payment"
ACCOUNT = "keystall_account"
REFUND = "keystall_refund"
"""Names under which Stripe keeps our references, in the metadata of its objects."""

_Model = TypeVar("_Model", bound=BaseModel)

_DISPUTE_STATUS: dict[str, DisputeStatus] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "closed",
    "needs_response": "needs_response",
    "appeal_needs_response": "needs_response",
    "under_review": "under_review",
    "appeal_under_review": "under_review",
    "won": "won",
    "lost": "lost",
    "prevented": "closed",
}
_REFUND_STATE: dict[str, RefundState] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


class _Balance(BaseModel):
    id: str
    amount: int
    currency: str
    fee: int


class _Charge(BaseModel):
    id: str
    amount: int
    created: int
    balance_transaction: _Balance | str | None = None


class Intent(BaseModel):
    """A PaymentIntent: the taking, once it has succeeded."""

    id: str
    status: str
    amount_received: int
    currency: str
    metadata: dict[str, str] = Field(default_factory=dict)
    latest_charge: _Charge | str | None = None


class Session(BaseModel):
    """A Checkout Session."""

    id: str
    status: str | None
    payment_status: str
    url: str | None = None
    metadata: dict[str, str] | None = None
    payment_intent: Intent | str | None = None


class Refund(BaseModel):
    """A refund; `payment_intent` expanded where it was asked for so."""

    id: str
    amount: int
    currency: str
    status: str | None
    failure_reason: str | None = None
    metadata: dict[str, str] | None = None
    payment_intent: Intent | str | None = None

    @property
    def state(self) -> RefundState:
        return _REFUND_STATE.get(self.status or "", "pending")

    @property
    def reason(self) -> str:
        return (self.failure_reason or self.status or "") if self.state == "failed" else ""


class Refunds(BaseModel):
    """A page of refunds."""

    data: list[Refund]


class _Evidence(BaseModel):
    due_by: int | None = None


class Dispute(BaseModel):
    """A dispute, its payment expanded."""

    id: str
    amount: int
    currency: str
    reason: str
    status: str
    created: int
    evidence_details: _Evidence
    balance_transactions: list[_Balance]
    payment_intent: Intent | str | None = None


def read(kind: type[_Model], answer: Any) -> _Model:
    """An answer of the SDK as `kind`. Raises `ProviderUnavailable` for another shape."""
    try:
        return kind.model_validate(answer.to_dict())
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
        raise ProviderUnavailable(f"answered another {kind.__name__}: {fields}") from None


def of_session(session: Session, account: str) -> Facts | None:
    """Facts about the charge that a session is for."""
    told = session.metadata or {}
    reference = told.get(PAYMENT)
    if not reference or told.get(ACCOUNT) != account:
        return None
    intent = session.payment_intent if isinstance(session.payment_intent, Intent) else None
    if intent is not None and intent.status == "succeeded":
        return Facts(payment=taking(intent, account))
    if session.status == "expired":
        return Facts(spent=reference)
    failed = intent is not None and intent.status in {"requires_payment_method", "canceled"}
    if intent is not None and failed and session.status == "complete":
        return Facts(payment=_notice(intent, account, "payment.failed"), spent=reference)
    return Facts()


def taking(intent: Intent, account: str) -> Notice | None:
    """What a PaymentIntent of ours took; None where it took nothing or is not ours."""
    if intent.status != "succeeded" or not is_ours(intent, account):
        return None
    return _notice(intent, account, "payment.succeeded")


def is_ours(intent: Intent, account: str) -> bool:
    """Whether this payment account of ours has asked for the payment."""
    return PAYMENT in intent.metadata and intent.metadata.get(ACCOUNT) == account


def of_refunds(refunds: Sequence[Refund], account: str) -> Facts | None:
    """Facts about the refunds of one payment."""
    intent = refunds[0].payment_intent if refunds else None
    if not isinstance(intent, Intent) or not is_ours(intent, account):
        return None
    return Facts(
        payment=taking(intent, account),
        # Stripe lists the newest first; they happened the other way round.
        refunds=tuple(_refund(refund) for refund in reversed(refunds)),
    )


def of_dispute(dispute: Dispute, account: str) -> Facts | None:
    """Facts about a dispute and the payment it is over."""
    intent = dispute.payment_intent
    if not isinstance(intent, Intent) or not is_ours(intent, account):
        return None
    due = dispute.evidence_details.due_by
    fact = DisputeFact(
        provider_reference=dispute.id,
        # A status that Stripe invents tomorrow is one that somebody should look at.
        status=_DISPUTE_STATUS.get(dispute.status, "needs_response"),
        reason=dispute.reason,
        amount=from_stripe(dispute.amount, dispute.currency),
        currency=dispute.currency.upper(),
        opened_at=datetime.fromtimestamp(dispute.created, UTC),
        due_at=datetime.fromtimestamp(due, UTC) if due else None,
        movements=tuple(_movement(dispute, moved) for moved in dispute.balance_transactions),
    )
    return Facts(payment=taking(intent, account), dispute=fact)


def _refund(refund: Refund) -> RefundFact:
    return RefundFact(
        provider_reference=refund.id,
        refund_reference=(refund.metadata or {}).get(REFUND, ""),
        amount=from_stripe(refund.amount, refund.currency),
        currency=refund.currency.upper(),
        state=refund.state,
        reason=refund.reason,
    )


def _notice(intent: Intent, account: str, kind: NoticeKind) -> Notice:
    charge = intent.latest_charge if isinstance(intent.latest_charge, _Charge) else None
    balance = charge.balance_transaction if charge else None
    fee = 0
    if charge and isinstance(balance, _Balance):
        fee = from_stripe(
            _in_currency(balance.fee, balance, intent.currency, charge.amount), intent.currency
        )
    at = datetime.fromtimestamp(charge.created, UTC) if charge else clock.now()
    return Notice(
        event_key=f"{kind}:{intent.id}",
        kind=kind,
        reference=intent.metadata.get(PAYMENT, ""),
        provider_reference=intent.id,
        amount=from_stripe(intent.amount_received, intent.currency),
        currency=intent.currency.upper(),
        fee=fee,
        merchant_id=account,
        occurred_at=at,
    )


def _movement(dispute: Dispute, moved: _Balance) -> Movement:
    amount = _in_currency(moved.amount, moved, dispute.currency, dispute.amount)
    fee = _in_currency(moved.fee, moved, dispute.currency, dispute.amount)
    return Movement(
        provider_reference=moved.id,
        amount=-from_stripe(amount, dispute.currency),
        fee=from_stripe(fee, dispute.currency),
    )


def _in_currency(part: int, balance: _Balance, currency: str, whole: int) -> int:
    """Part of a movement in the currency of the charge, where the balance keeps another one: in
    the proportion in which `whole`, the amount there, became the movement's amount here."""
    if balance.currency == currency or not balance.amount:
        return part
    return rounded(Fraction(part * whole, abs(balance.amount)))
