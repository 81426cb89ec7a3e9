"""Scalars and money, the same in every schema."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from keystall.graphql.describing import described, object_type, public
from keystall.platform.money import decimal_text, format_money

URL = NewType("URL", str)
MinorUnits = NewType("MinorUnits", int)
Count = NewType("Count", int)

LARGEST_EXACT = 2**53
"""JSON numbers above this lose digits in JavaScript."""


def _instant(value: Any) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError("a DateTime must be aware")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError("a DateTime is a text")
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a DateTime says its offset from UTC, or Z")
    return found.astimezone(UTC)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or abs(value) > LARGEST_EXACT:
        raise TypeError("it must be a whole number up to 2^53")
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description=("A date and time in UTC, ISO 8601, such as 2026-11-22T21:45:00.123456Z."),
        serialize=_instant,
        parse_value=_moment,
    ),
    URL: strawberry.scalar(
        name="URL",
        description="An absolute address, or one that starts at the root of the host asked.",
        serialize=str,
    ),
    MinorUnits: strawberry.scalar(
        name="MinorUnits",
        description=(
            "A whole amount in a currency's smallest unit, as a JSON number; exact up to 2^53."
        ),
        serialize=_whole,
    ),
    Count: strawberry.scalar(
        name="Count",
        description="How many, which may be more than an Int holds, as a JSON number; up to 2^53.",
        serialize=_whole,
    ),
}


@public
@object_type
class Money:
    """An amount of money."""

    amount: str = described(
        "Decimal text with exactly as many digits after the point as the currency has, such"
        ' as "9.90" or "500".'
    )
    currency_code: str = described("ISO 4217 code, such as CNY.")
    minor_units: MinorUnits = described("The same amount in the currency's smallest unit.")
    formatted: str = described(
        "The amount as people write it in the language of the request, such as ¥9.90."
    )


@lru_cache(maxsize=4096)
def money(minor: int, currency: str, locale: str) -> Money:
    """The amount as the API tells it to a reader of `locale`: the same object for all who ask, for
    shelves repeat their prices. Nobody changes it."""
    return Money(
        amount=decimal_text(minor, currency),
        currency_code=currency,
        minor_units=MinorUnits(minor),
        formatted=format_money(minor, currency, locale),
    )
