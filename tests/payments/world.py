"""What Stripe keeps and the rules it keeps it by, in memory; shapes from its own example objects.

Nothing here is about HTTP. Events pile up in `events`, for whoever wants to deliver them once,
twice, late or shuffled.
"""

import itertools
import json
import secrets
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.payments.wire import JsonObject, invalid, missing

SHAPES: JsonObject = json.loads((Path(__file__).parents[1] / "data/stripe.json").read_text("utf-8"))
DAY = 24 * 3600
FEE_SHARE = Fraction(29, 1000)
DISPUTE_FEE = 1500


@dataclass
class World:
    """One Stripe account. `settles_in`: its currency and the rate into it, by presented currency;
    `refund_status`: how the next refunds begin; `fee_later`: balance transactions come with
    `settle_fees` only."""

    key: str
    livemode: bool = False
    settles_in: dict[str, tuple[str, Fraction]] = field(default_factory=dict)
    refund_status: str = "succeeded"
    fee_later: bool = False
    methods: tuple[str, ...] = ("card", "alipay", "wechat_pay")
    things: dict[str, JsonObject] = field(default_factory=dict)
    events: list[JsonObject] = field(default_factory=list)
    account: JsonObject = field(default_factory=lambda: dict(SHAPES["account"]))
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def thing(self, kind: str, name: str) -> JsonObject:
        """Something by its id. Raises StripeError."""
        found = self.things.get(name)
        if found is None or found["object"] != kind:
            raise missing(f"{kind}: '{name}'")
        return found

    def of_kind(self, kind: str, **where: str) -> list[JsonObject]:
        """Things that match, newest first."""
        found = [thing for thing in self.things.values() if thing["object"] == kind]
        return [t for t in reversed(found) if all(t.get(k) == v for k, v in where.items())]

    def new(self, shape: str, prefix: str, **fields: Any) -> JsonObject:
        mode = "live" if self.livemode else "test"
        mark = f"{prefix}_{mode}_" if prefix == "cs" else f"{prefix}_"
        name = f"{mark}{next(self._numbers):04d}{secrets.token_hex(8)}"
        made = {**SHAPES[shape], "id": name, "created": int(time.time()), **fields}
        if "livemode" in made:
            made["livemode"] = self.livemode
        self.things[name] = made
        return made

    def tell(self, kind: str, about: JsonObject) -> JsonObject:
        """An event about a thing as it is now."""
        event = self.new("event", "evt", type=kind, data={"object": json.loads(json.dumps(about))})
        self.events.append(event)
        return event

    # Checkout

    def open_session(self, asked: JsonObject) -> JsonObject:
        now = int(time.time())
        until = asked.get("expires_at", now + DAY)
        if not now + 1800 <= until <= now + DAY:
            raise invalid(
                "The `expires_at` timestamp must be at least 30 minutes, and at most 24 hours,"
                " from Checkout Session creation.", param="expires_at",
            )  # fmt: skip
        (line,) = asked["line_items"]
        price = line["price_data"]
        amount = price["unit_amount"] * line["quantity"]
        _check_amount(amount, price["currency"])
        methods = [m for m in asked["allowed_payment_method_types"] if m in self.methods]
        if "wechat_pay" in methods and "wechat_pay" not in asked.get("payment_method_options", {}):
            raise invalid("wechat_pay needs a client", param="payment_method_options")
        return self.new(
            "checkout.session", "cs", url="", amount_total=amount, amount_subtotal=amount,
            currency=price["currency"], expires_at=until, payment_method_types=methods,
            payment_intent=None, metadata=asked.get("metadata", {}), status="open",
            payment_status="unpaid", locale=asked.get("locale"),
            client_reference_id=asked.get("client_reference_id"),
            success_url=asked["success_url"], cancel_url=asked["cancel_url"],
            x_intent_metadata=asked["payment_intent_data"]["metadata"],
            x_name=price["product_data"]["name"],
        )  # fmt: skip

    def expire_if_due(self, session: JsonObject) -> None:
        if session["status"] == "open" and time.time() >= session["expires_at"]:
            session["status"] = "expired"
            self.tell("checkout.session.expired", session)

    def complete(self, session: JsonObject, *, paid: bool, method: str = "card") -> JsonObject:
        """The buyer has done their part; `paid`: the money is there, too."""
        self.expire_if_due(session)
        if session["status"] != "open":
            raise invalid("This Checkout Session is not open.", code="checkout_session_closed")
        intent = self.new(
            "payment_intent", "pi", amount=session["amount_total"], currency=session["currency"],
            metadata=session["x_intent_metadata"], status="processing", latest_charge=None,
            amount_received=0, payment_method_types=[method], canceled_at=None,
        )  # fmt: skip
        session |= {"payment_intent": intent["id"], "status": "complete"}
        if paid:
            self._succeed(session, intent)
        self.tell("checkout.session.completed", session)
        return intent

    def finish(self, session: JsonObject, *, paid: bool) -> None:
        """What became of a payment that was on its way."""
        intent = self.thing("payment_intent", session["payment_intent"])
        if paid:
            self._succeed(session, intent)
            self.tell("checkout.session.async_payment_succeeded", session)
        else:
            intent["status"] = "requires_payment_method"
            self.tell("checkout.session.async_payment_failed", session)

    def _succeed(self, session: JsonObject, intent: JsonObject) -> None:
        charge = self.new(
            "charge", "ch", amount=intent["amount"], amount_captured=intent["amount"],
            captured=True, currency=intent["currency"], payment_intent=intent["id"],
            metadata=intent["metadata"], balance_transaction=None, amount_refunded=0,
        )  # fmt: skip
        intent |= {
            "status": "succeeded", "amount_received": intent["amount"],
            "latest_charge": charge["id"],
        }  # fmt: skip
        session["payment_status"] = "paid"
        if not self.fee_later:
            self.settle_fee(charge)

    def settle_fee(self, charge: JsonObject) -> None:
        fee = int(charge["amount"] * FEE_SHARE) + 30
        charge["balance_transaction"] = self._balance(charge, charge["amount"], fee)["id"]
        self.tell("charge.updated", charge)

    def _balance(self, source: JsonObject, amount: int, fee: int) -> JsonObject:
        """`amount` and `fee` in the currency of `source`."""
        currency, rate = self.settles_in.get(source["currency"], (source["currency"], Fraction(1)))
        here, kept = round(amount * rate), round(fee * rate)
        return self.new(
            "balance_transaction", "txn", amount=here, currency=currency, fee=kept,
            net=here - kept, source=source["id"],
            exchange_rate=None if currency == source["currency"] else float(rate),
        )  # fmt: skip

    # Refunds

    def refund(self, asked: JsonObject) -> JsonObject:
        intent = self.thing("payment_intent", asked["payment_intent"])
        charge = self.thing("charge", intent["latest_charge"])
        left = charge["amount"] - charge["amount_refunded"]
        amount = asked.get("amount", left)
        if left == 0:
            raise invalid("Charge has already been refunded.", code="charge_already_refunded")
        if amount > left:
            raise invalid(
                "Refund amount is greater than unrefunded amount on charge", param="amount"
            )
        if self.of_kind("dispute", charge=charge["id"], status="lost"):
            raise invalid("Charge has been charged back", code="charge_disputed")
        _check_amount(amount, charge["currency"])
        made = self.new(
            "refund", "re", amount=amount, charge=charge["id"], payment_intent=intent["id"],
            currency=charge["currency"], metadata=asked.get("metadata", {}),
            status=self.refund_status, failure_reason=None,
        )  # fmt: skip
        if made["status"] != "failed":
            charge["amount_refunded"] += amount
            charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.tell("refund.created", made)
        self.tell("charge.refunded", charge)
        return made

    def refund_ends(self, refund: JsonObject, *, sent: bool) -> None:
        """What became of a refund that was pending, or even thought done."""
        refund["status"] = "succeeded" if sent else "failed"
        if not sent:
            refund["failure_reason"] = "expired_or_canceled_card"
            self.thing("charge", refund["charge"])["amount_refunded"] -= refund["amount"]
            self.tell("refund.failed", refund)
        self.tell("refund.updated", refund)

    # Disputes

    def dispute(self, charge: JsonObject, *, reason: str = "fraudulent") -> JsonObject:
        made = self.new(
            "dispute", "dp", amount=charge["amount"], charge=charge["id"], reason=reason,
            currency=charge["currency"], payment_intent=charge["payment_intent"],
            status="needs_response", balance_transactions=[],
            evidence_details={
                **SHAPES["dispute"]["evidence_details"], "due_by": int(time.time()) + 7 * DAY
            },
        )  # fmt: skip
        self._move(made, -made["amount"], DISPUTE_FEE)
        self.tell("charge.dispute.created", made)
        self.tell("charge.dispute.funds_withdrawn", made)
        return made

    def dispute_answered(self, dispute: JsonObject) -> None:
        dispute["status"] = "under_review"
        self.tell("charge.dispute.updated", dispute)

    def dispute_ends(self, dispute: JsonObject, *, won: bool) -> None:
        dispute["status"] = "won" if won else "lost"
        if won:
            self._move(dispute, dispute["amount"], 0)
            self.tell("charge.dispute.funds_reinstated", dispute)
        self.tell("charge.dispute.closed", dispute)

    def _move(self, dispute: JsonObject, amount: int, fee: int) -> None:
        dispute["balance_transactions"].append(self._balance(dispute, amount, fee))


def _check_amount(amount: int, currency: str) -> None:
    """Stripe's rules for amounts (docs.stripe.com/currencies)."""
    if amount <= 0:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer")
    if currency in {"bhd", "jod", "kwd", "omr", "tnd"} and amount % 10:
        raise invalid("The last digit must be 0", code="invalid_charge_amount")
    if currency == "isk" and amount % 100:
        raise invalid("Whole only", code="invalid_charge_amount_no_decimal_compatible")
