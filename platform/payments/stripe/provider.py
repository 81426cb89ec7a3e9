"""Adapter of Stripe: a charge is a Checkout Session, a taking its PaymentIntent.

Events are hints: whatever Stripe says happened, it is asked how things stand, so that no order
of telling can mislead us, and a forged event could do no more than make us ask.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import stripe
from stripe import StripeClient, Webhook

from keystall.platform import clock
from keystall.platform.payments.port import (
    Charge,
    Facts,
    ForgedNotice,
    Hint,
    MalformedNotice,
    Notice,
    ProviderRefused,
    ProviderUnavailable,
    RefundOutcome,
    Started,
    Topic,
)
from keystall.platform.payments.stripe.amounts import NotChargeable, to_stripe
from keystall.platform.payments.stripe.keys import check_secret_key, check_webhook_secret
from keystall.platform.payments.stripe.reading import (
    ACCOUNT,
    PAYMENT,
    REFUND,
    Dispute,
    Intent,
    Refund,
    Refunds,
    Session,
    of_dispute,
    of_refunds,
    of_session,
    read,
    taking,
)
from keystall.platform.payments.stripe.transport import asked, client

if TYPE_CHECKING:  # they describe every request there is: a tenth of a second at each start
    from stripe.params.checkout import SessionCreateParams

TOLERANCE_SECONDS = 300
METHODS = ("card", "alipay", "wechat_pay")
"""What a buyer may pay with, as far as the merchant's account, the currency and the amount go."""

EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.updated",
    "charge.refunded",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
"""The events that an endpoint of ours is sent."""

# Stripe takes 30 minutes to 24 hours from the moment of asking. A session outlives our hold, so
# that it is long enough whenever it is begun; a payment in that time is a late one.
_OUTLIVES_HOLD = timedelta(minutes=31)
_LONGEST_HOLD = timedelta(hours=23)
_PAYMENT_DEPTH = "payment_intent.latest_charge.balance_transaction"
_MOST_REFUNDS = 100


class StripeProvider:
    """`PaymentProvider` of one Stripe account; shares `http`, which it never closes.

    Raises `UnusableKey` at once where a secret is empty or a placeholder.
    """

    name = "stripe"
    can_refund = True
    acknowledgement = (200, b"received\n")

    def __init__(
        self, account: str, secrets: Mapping[str, str], *, url: str, http: httpx2.AsyncClient
    ) -> None:
        key = secrets.get("secret_key", "")
        self._webhook_secret = secrets.get("webhook_secret", "")
        self._live = check_secret_key(key) == "live"
        check_webhook_secret(self._webhook_secret)
        self._account = account
        self._client: StripeClient = client(key, url=url, http=http)

    async def start(self, charge: Charge) -> Started:
        params = session_params(charge, self._account)
        create = self._client.v1.checkout.sessions.create_async
        try:
            made = await asked(create(params, {"idempotency_key": charge.reference}))
        except ProviderRefused as refusal:
            if refusal.code not in _OTHER_INPUT:
                raise
            # The shop was renamed, say, since a first try whose answer was lost.
            key = f"{charge.reference}-{_fingerprint(params)}"
            made = await asked(create(params, {"idempotency_key": key}))
        session = read(Session, made)
        if not session.url:
            raise ProviderUnavailable("a session without a page")
        return Started(provider_reference=session.id, redirect_url=session.url)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Hint | None:
        told = {name.lower(): value for name, value in headers.items()}
        try:
            event = Webhook.construct_event(
                body, told.get("stripe-signature"), self._webhook_secret, TOLERANCE_SECONDS
            ).to_dict()
        except stripe.SignatureVerificationError:
            raise ForgedNotice("signature") from None
        except (ValueError, TypeError, AttributeError):
            raise MalformedNotice("body") from None
        try:
            if event["livemode"] != self._live:
                raise ForgedNotice("of the other mode")
            return _hint(event, self._account)
        except (KeyError, TypeError, ValueError):
            raise MalformedNotice("event") from None

    async def look(self, hint: Hint) -> Facts | None:
        v1 = self._client.v1
        match hint.topic:
            case "payment" if hint.subject.startswith("pi_"):
                found = await asked(
                    v1.payment_intents.retrieve_async(
                        hint.subject, {"expand": ["latest_charge.balance_transaction"]}
                    )
                )
                paid = taking(read(Intent, found), self._account)
                return Facts(payment=paid) if paid else None
            case "payment":
                return of_session(await self._session(hint.subject), self._account)
            case "refund":
                return of_refunds(await self._refunds(hint.subject), self._account)
            case "dispute":
                dispute = await asked(
                    v1.disputes.retrieve_async(hint.subject, {"expand": [_PAYMENT_DEPTH]})
                )
                return of_dispute(read(Dispute, dispute), self._account)

    async def query(self, reference: str, provider_reference: str | None = None) -> Notice | None:
        if provider_reference is None:
            # Nobody was ever sent to a page, for nobody knows its address.
            return None
        facts = of_session(await self._session(provider_reference), self._account)
        paid = facts.payment if facts else None
        return paid if paid and paid.kind == "payment.succeeded" else None

    async def refund(
        self,
        *,
        reference: str,
        provider_reference: str,
        refund_reference: str,
        amount: int,
        currency: str,
    ) -> RefundOutcome:
        # Stripe forgets keys of idempotency after a day or so, and a refund may wait for longer.
        tries = [
            known
            for known in await self._refunds(provider_reference)
            if (known.metadata or {}).get(REFUND) == refund_reference
        ]
        for known in tries:
            if known.state != "failed":
                return RefundOutcome(known.id, known.state, known.reason)
        try:
            cents = to_stripe(amount, currency)
        except NotChargeable:
            raise ProviderRefused("amount_not_refundable") from None
        made = await asked(
            self._client.v1.refunds.create_async(
                {
                    "payment_intent": provider_reference,
                    "amount": cents,
                    "metadata": {REFUND: refund_reference, PAYMENT: reference},
                },
                # What failed may be tried anew: under the same key Stripe would say so again.
                {"idempotency_key": "-".join([refund_reference, *(known.id for known in tries)])},
            )
        )
        refund = read(Refund, made)
        return RefundOutcome(refund.id, refund.state, refund.reason)

    async def _session(self, session: str) -> Session:
        found = await asked(
            self._client.v1.checkout.sessions.retrieve_async(session, {"expand": [_PAYMENT_DEPTH]})
        )
        return read(Session, found)

    async def _refunds(self, intent: str) -> list[Refund]:
        """The refunds of a payment, newest first."""
        found = await asked(
            self._client.v1.refunds.list_async(
                {
                    "payment_intent": intent,
                    "limit": _MOST_REFUNDS,
                    "expand": [f"data.{_PAYMENT_DEPTH}"],
                }
            )
        )
        return read(Refunds, found).data


_OTHER_INPUT = frozenset({"idempotency", "idempotency_error"})


def session_params(charge: Charge, account: str) -> "SessionCreateParams":
    """The request for a Checkout Session: the same for the same charge, whenever it is asked.

    Raises `ProviderRefused` for an amount that Stripe cannot take.
    """
    try:
        amount = to_stripe(charge.amount, charge.currency)
    except NotChargeable:
        raise ProviderRefused("amount_not_chargeable") from None
    metadata = {PAYMENT: charge.reference, ACCOUNT: account}
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": charge.currency.lower(),
                    "unit_amount": amount,
                    "product_data": {"name": charge.description},
                },
            }
        ],
        "allowed_payment_method_types": list(METHODS),
        "payment_method_options": {"wechat_pay": {"client": "web"}},
        # Converted by Stripe, a payment would come in another currency than the order's.
        "adaptive_pricing": {"enabled": False},
        # With the fee known as soon as the money is.
        "payment_intent_data": {"capture_method": "automatic", "metadata": metadata},
        "client_reference_id": charge.reference,
        "metadata": metadata,
        "locale": "zh" if charge.locale.startswith("zh") else "en",
        "success_url": charge.return_url,
        "cancel_url": charge.return_url,
    }
    # Without it a session lives for 24 hours, which is as long as may be.
    if charge.expires_at - clock.now() < _LONGEST_HOLD:
        params["expires_at"] = int((charge.expires_at + _OUTLIVES_HOLD).timestamp())
    return params


def _fingerprint(params: "SessionCreateParams") -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:16]


def _hint(event: Mapping[str, Any], account: str) -> Hint | None:
    about = _about(event["type"], event["data"]["object"], account)
    if about is None:
        return None
    topic, subject = about
    return Hint(
        event_key=event["id"],
        topic=topic,
        subject=subject,
        merchant_id=account,
        occurred_at=datetime.fromtimestamp(event["created"], UTC),
    )


def _about(kind: str, told: Mapping[str, Any], account: str) -> tuple[Topic, str] | None:
    """What an event is about. The account may sell elsewhere, too, or in two shops: what says by
    itself that it is not of ours is let go at once."""
    metadata = told.get("metadata") or {}
    if kind.startswith("checkout.session."):
        return ("payment", told["id"]) if metadata.get(ACCOUNT) == account else None
    if kind.startswith("charge.dispute."):
        return "dispute", told["id"]
    intent = told.get("payment_intent")
    if not intent:
        return None
    if kind.startswith("refund.") or kind == "charge.refunded":
        return "refund", intent
    if kind == "charge.updated" and metadata.get(ACCOUNT) == account:
        return "payment", intent
    return None
