"""Money: whole minor units and an ISO 4217 currency, never a float."""

import copy
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from babel import Locale
from babel.numbers import NumberPattern
from iso4217 import Currency

MAX_MINOR = 10**12
"""The largest amount that anybody may type: sums of it stay far inside a bigint."""

# ISO 4217 gives the ariary two digits for its fifths, which nobody uses; Stripe and CLDR give none.
_EXCEPTIONS = {"MGA": 0}
# Funds, metals and test codes have four digits or none defined: they buy nothing here.
_EXPONENTS = {
    entry.code: entry.exponent for entry in Currency if entry.exponent in (0, 2, 3)
} | _EXCEPTIONS

CURRENCIES = MappingProxyType(_EXPONENTS)
"""Every currency known, with its number of decimals (0, 2 or 3)."""

_AMOUNT = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII)
_SYMBOL_BEFORE_DIGIT = re.compile("¤$")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９．", "0123456789.")


class UnknownCurrency(ValueError):
    """Not the code of a currency in CURRENCIES (upper case, three letters)."""


class InvalidAmount(ValueError):
    """Text that is no amount. `code` is INVALID, TOO_MANY_DECIMALS or OUT_OF_RANGE."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (1250 is 12.50 CNY) and its currency. Raises UnknownCurrency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)


def exponent(currency: str) -> int:
    """The currency's number of decimals: CNY 2, JPY 0, KWD 3. Raises UnknownCurrency."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


def parse_amount(text: str, currency: str) -> int:
    """Minor units of what a person typed: `parse_amount("12.50", "CNY")` is 1250.

    Digits with at most one point; full-width ones count. Signs, exponents and thousands
    separators are refused: "1,234" is a thousand to some and one and a bit to others.
    Raises InvalidAmount (0 to MAX_MINOR) and UnknownCurrency.
    """
    digits = exponent(currency)
    found = _AMOUNT.fullmatch(text.strip().translate(_FULL_WIDTH))
    if found is None:
        raise InvalidAmount("INVALID")
    fraction = found[2] or ""
    if len(fraction) > digits:
        raise InvalidAmount("TOO_MANY_DECIMALS")
    minor = int(found[1] + fraction.ljust(digits, "0"))
    if minor > MAX_MINOR:
        raise InvalidAmount("OUT_OF_RANGE")
    return minor


def decimal_text(minor: int, currency: str) -> str:
    """The amount as the wire and forms have it: "12.50", "-3", "0.005". Raises UnknownCurrency."""
    digits = exponent(currency)
    text = str(abs(minor)).rjust(digits + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else sign + text


@lru_cache(maxsize=4096)
def format_money(minor: int, currency: str, locale: str) -> str:
    """The amount for readers of `locale` ("en", "zh-CN"): "CN¥1,234.50", "¥1,234.50".

    Remembered: babel takes longer than all else about a price, and shelves repeat their prices.
    Raises UnknownCurrency, and babel's UnknownLocaleError for a locale that is none.
    """
    amount = Decimal(decimal_text(minor, currency))
    pattern, parsed = _pattern(locale, currency)
    return str(pattern.apply(amount, parsed, currency=currency, currency_digits=False))


@lru_cache(maxsize=512)
def _pattern(locale: str, currency: str) -> tuple[NumberPattern, Locale]:
    parsed = Locale.parse(locale, sep="-")
    pattern = copy.copy(parsed.currency_formats["standard"])
    # CLDR rounds some currencies (IQD) to fewer digits than they are paid in.
    pattern.frac_prec = (exponent(currency),) * 2
    # CLDR's currencySpacing, which babel leaves out: "KWD 1.234", not "KWD1.234".
    if parsed.currency_symbols.get(currency, currency)[-1].isalpha():
        pattern.prefix = tuple(_SYMBOL_BEFORE_DIGIT.sub("¤\u00a0", part) for part in pattern.prefix)
    return pattern, parsed
