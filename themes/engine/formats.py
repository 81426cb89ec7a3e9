"""Numbers, money and time as a language writes them. GraphQL values in, text out."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal
from jinja2 import pass_context
from jinja2.runtime import Context

from keystall.platform.clock import now


def instant(value: str | datetime) -> datetime:
    """A GraphQL DateTime as an aware datetime."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def filters(locale: Locale) -> dict[str, Callable[..., str]]:
    """Jinja filters of one language: money, number, date, datetime, relative."""

    def money(value: Mapping[str, Any]) -> str:
        return _money(value["amount"], value["currencyCode"], locale)

    def number(value: int | str | Decimal) -> str:
        return format_decimal(Decimal(value), locale=locale)

    @pass_context
    def date_text(context: Context, value: str | date, zone: str = "") -> str:
        if isinstance(value, str) and len(value) == 10:
            return format_date(date.fromisoformat(value), "medium", locale=locale)
        if isinstance(value, date) and not isinstance(value, datetime):
            return format_date(value, "medium", locale=locale)
        local = instant(value).astimezone(_zone(context, zone))
        return format_date(local, "medium", locale=locale)

    @pass_context
    def datetime_text(context: Context, value: str | datetime, zone: str = "") -> str:
        tz = _zone(context, zone)
        text = format_datetime(instant(value), "medium", tzinfo=tz, locale=locale)
        # Where the zone is nobody's own it has to be said.
        return f"{text} UTC" if tz.key == "UTC" else text

    def relative(value: str | datetime) -> str:
        delta: timedelta = instant(value) - now()
        return format_timedelta(delta, add_direction=True, locale=locale)

    return {
        "money": money,
        "number": number,
        "date": date_text,
        "datetime": datetime_text,
        "relative": relative,
    }


@lru_cache(maxsize=4096)
def _money(amount: str, currency: str, locale: Locale) -> str:
    # Remembered: babel takes longer than all else about a card on a shelf, and prices repeat.
    return format_currency(Decimal(amount), currency, locale=locale)


def _zone(context: Context, name: str) -> ZoneInfo:
    return ZoneInfo(name or context.get("timezone") or "UTC")
