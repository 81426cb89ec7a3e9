"""Amounts as Stripe writes them. Pure.

Stripe counts in a currency's smallest unit, by lists of its own (docs.stripe.com/currencies):
some currencies have none (JPY), some three decimals of which the last must be 0 (KWD), and the
króna keeps two that must be 00.
"""

from fractions import Fraction

from keystall.platform.money import UnknownCurrency, exponent

ZERO_DECIMAL = frozenset({
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
})  # fmt: skip
THREE_DECIMAL = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


class NotChargeable(ValueError):
    """An amount that Stripe cannot take: a currency it writes otherwise, or too fine a fraction."""


def to_stripe(minor: int, currency: str) -> int:
    """Our minor units as Stripe's. Raises `NotChargeable`."""
    try:
        ours = exponent(currency)
    except UnknownCurrency:
        raise NotChargeable(currency) from None
    theirs = _exponent(currency)
    if ours > theirs or minor <= 0 or (theirs == 3 and minor % 10):
        raise NotChargeable(f"{minor} {currency}")
    scale: int = 10 ** (theirs - ours)
    return minor * scale


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's units as our minor units, `currency` in any case; halves round away from zero.

    Only fees can be finer than our units. Raises UnknownCurrency.
    """
    code = currency.upper()
    return rounded(Fraction(amount) / Fraction(10) ** (_exponent(code) - exponent(code)))


def rounded(amount: Fraction) -> int:
    """The nearest whole number, halves away from zero."""
    whole = int(abs(amount) + Fraction(1, 2))
    return whole if amount >= 0 else -whole


def _exponent(currency: str) -> int:
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2
