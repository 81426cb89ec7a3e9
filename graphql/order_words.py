"""What happens to orders, in words."""

from collections.abc import Sequence

from keystall.graphql.wording import known, worded
from keystall.tenants.orders.queries import OrderEventView, RefundView


def event_message(event: OrderEventView, locale: str) -> str:
    """One event of the timeline; why, where it tells."""
    to_shop = str(event.data.get("kind", "")).startswith("mail.merchant_")
    key = f"event.{event.kind}{'_by_shop' if to_shop else ''}"
    told = worded(key if known(key) else "event.other", locale)
    reason, note = event.data.get("reason"), event.data.get("note")
    if reason:
        told = _together(told, _reason(str(reason), locale), locale)
    return _together(told, _said(str(note), locale), locale) if note else told


def status_note(refunds: Sequence[RefundView], locale: str) -> str | None:
    """Why money goes back and how far it is; None where none does."""
    if not refunds:
        return None
    last = refunds[-1]
    state = "by_hand" if last.by_hand and last.state == "succeeded" else last.state
    told = _together(_reason(last.reason, locale), worded(f"refund.{state}", locale), locale)
    return _together(told, _said(last.note, locale), locale) if last.note else told


def refund_reason(reason: str, locale: str) -> str:
    """Why money goes back."""
    return _reason(reason, locale)


def payment_name(provider: str, locale: str) -> str:
    """How people call a provider."""
    return worded(f"payment.{provider}", locale) if known(f"payment.{provider}") else provider


def _together(first: str, second: str, locale: str) -> str:
    """Two sentences; Chinese ones have no space between them."""
    return first + ("" if locale.startswith("zh") else " ") + second


def dispute_reason(reason: str, locale: str) -> str:
    """Why a buyer disputes a payment, from the provider's word for it."""
    key = f"disputed.{reason}"
    return worded(key if known(key) else "disputed.other", locale)


def _said(note: str, locale: str) -> str:
    """The seller's own words, marked as such."""
    return worded("said", locale, {"note": note})


def _reason(reason: str, locale: str) -> str:
    key = f"returned.{reason}"
    return worded(key if known(key) else "returned.other", locale)
