"""What the audit log has of a value, in the language of whoever reads it.

Each recorded column is spoken in one way (`SPOKEN`); a test holds that none is without one, and
that each state that the database allows has its words (`[value.…]` of the messages).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from babel import Locale
from babel.numbers import format_decimal

from keystall.graphql.describing import described, enum_type, object_type, value
from keystall.graphql.order_words import refund_reason
from keystall.graphql.wording import known, worded
from keystall.platform.money import format_money
from keystall.tenants.audit.queries import ChangeView


@enum_type
class ChangedText(Enum):
    """How to show a text of the log."""

    TYPED = value("typed", "As somebody typed it: the same in every language.")
    WORDED = value("worded", "In the language of the request.")
    INSTANT = value("instant", "An instant, as ISO 8601 has it.")


@object_type
class ChangedLine:
    """A line of a changed value, for people."""

    label: str = described("Which part of the value; empty where it is one line.")
    text: str = described("What it was or became.")
    form: ChangedText = described("How to show it.")


@dataclass(frozen=True, slots=True)
class Row:
    """A changed row on one of its two sides. `names` are those of the things it points at."""

    view: ChangeView
    values: Mapping[str, Any]
    names: Mapping[str, str]
    locale: str


Speaker = Callable[[Row, str, Any], list[ChangedLine]]


def lines(row: Row, column: str) -> list[ChangedLine]:
    """A value in lines; none for nothing. What no speaker knows is told as it is recorded."""
    found = row.values.get(column)
    if found is None or found in ("", [], {}):
        return []
    return SPOKEN.get(column, _typed)(row, column, found)


def label_of(view: ChangeView, locale: str) -> str:
    """What people call a changed thing: the name it was given, or ours for what we named."""
    for column in _NAMED_BY.get(view.kind, ()):
        if known(key := f"value.{view.kind}.{column}.{view.label}"):
            return worded(key, locale)
    return view.label


def _line(text: str, form: ChangedText = ChangedText.WORDED, label: str = "") -> ChangedLine:
    return ChangedLine(label=label, text=text, form=form)


def _typed(row: Row, column: str, found: Any) -> list[ChangedLine]:
    return [_line(str(found), ChangedText.TYPED)]


def _state(row: Row, column: str, found: Any) -> list[ChangedLine]:
    key = f"value.{row.view.kind}.{column}.{found}"
    return [_line(worded(key, row.locale))] if known(key) else _typed(row, column, found)


def _number(row: Row, column: str, found: Any) -> list[ChangedLine]:
    return [_line(format_decimal(found, locale=Locale.parse(row.locale, sep="-")))]


def _share(row: Row, column: str, found: Any) -> list[ChangedLine]:
    return [_line(f"{found}%")]


def _yes_or_no(row: Row, column: str, found: Any) -> list[ChangedLine]:
    return [_line(worded("value.yes" if found else "value.no", row.locale))]


def _instant(row: Row, column: str, found: Any) -> list[ChangedLine]:
    return [_line(str(found), ChangedText.INSTANT)]


def _money(row: Row, column: str, found: Any) -> list[ChangedLine]:
    # A price goes by its currency; a refund and a batch say their own.
    currency = row.values.get("currency") or row.view.label
    return [_line(format_money(found, str(currency), row.locale))]


def _codes(row: Row, column: str, found: Any) -> list[ChangedLine]:
    """Codes of a standard, which are the same in every language: currencies."""
    return [
        _line(found if isinstance(found, str) else worded("value.comma", row.locale).join(found))
    ]


def _languages(row: Row, column: str, found: Any) -> list[ChangedLine]:
    spoken = [found] if isinstance(found, str) else found
    told = (_language(locale, row.locale) for locale in spoken)
    return [_line(worded("value.comma", row.locale).join(told))]


def _language(spoken: str, locale: str) -> str:
    key = f"value.language.{spoken}"
    return worded(key, locale) if known(key) else spoken


def _picture(row: Row, column: str, found: Any) -> list[ChangedLine]:
    return [_line(worded("value.picture", row.locale))]


def _named(row: Row, column: str, found: Any) -> list[ChangedLine]:
    name = row.names.get(str(found))
    return [_line(name, ChangedText.TYPED) if name else _line(worded("value.gone", row.locale))]


def _refund_reason(row: Row, column: str, found: Any) -> list[ChangedLine]:
    return [_line(refund_reason(found, row.locale))]


def _translations(row: Row, column: str, found: Any) -> list[ChangedLine]:
    """`{locale: {"name": …}}`. What is made from another text (`…_html`) is nobody's words."""
    return [
        _line(
            text,
            ChangedText.TYPED,
            f"{_language(spoken, row.locale)} · {worded(f'field.{part}', row.locale)}",
        )
        for spoken, texts in found.items()
        for part, text in texts.items()
        if text and known(f"field.{part}")
    ]


def _questions(row: Row, column: str, found: Any) -> list[ChangedLine]:
    """Of a product to its buyer: `[{key, label, required, kind, placeholder, options}]`."""
    told: list[ChangedLine] = []
    for number, asked in enumerate(found, start=1):
        question = worded("value.question", row.locale, {"number": number})
        told.append(_line(str(asked["label"]), ChangedText.TYPED, question))
        told += [
            _line(text, form, f"{question} · {worded(f'value.question_{part}', row.locale)}")
            for part, text, form in _asked(asked, row.locale)
            if text
        ]
    return told


def _asked(asked: Mapping[str, Any], locale: str) -> list[tuple[str, str, ChangedText]]:
    kind = f"value.question_kind.{asked.get('kind') or 'text'}"
    needed = worded("value.yes" if asked.get("required") else "value.no", locale)
    options = worded("value.comma", locale).join(asked.get("options") or ())
    return [
        ("is", worded(kind, locale) if known(kind) else "", ChangedText.WORDED),
        ("required", needed, ChangedText.WORDED),
        ("placeholder", str(asked.get("placeholder") or ""), ChangedText.TYPED),
        ("options", options, ChangedText.TYPED),
    ]


def _events(row: Row, column: str, found: Any) -> list[ChangedLine]:
    """Of a webhook: what it is told of."""
    keys = (f"value.webhook_event.{event.replace('.', '_')}" for event in found)
    told = (worded(key, row.locale) for key in keys)
    return [_line(worded("value.comma", row.locale).join(told))]


def _scopes(row: Row, column: str, found: Any) -> list[ChangedLine]:
    """Of an API token: what it may do."""
    told = (worded(f"value.scope.{scope}", row.locale) for scope in found)
    return [_line(worded("value.comma", row.locale).join(told))]


def _origins(row: Row, column: str, found: Any) -> list[ChangedLine]:
    """Of a storefront token: the sites that may send it."""
    return [_line(site, ChangedText.TYPED) for site in found]


def _settings(row: Row, column: str, found: Any) -> list[ChangedLine]:
    """Of a theme: words of ours where the theme is, what somebody chose or typed elsewhere."""
    return [_setting(name, str(chosen), row.locale) for name, chosen in found.items()]


def _setting(name: str, chosen: str, locale: str) -> ChangedLine:
    label, key = f"value.setting.{name}", f"value.choice.{chosen}"
    text, form = (
        (worded(key, locale), ChangedText.WORDED) if known(key) else (chosen, ChangedText.TYPED)
    )
    return _line(text, form, worded(label, locale) if known(label) else name)


SPOKEN: Mapping[str, Speaker] = {
    "slug": _typed,
    "url": _typed,
    "document": _typed,
    "sha256": _typed,
    "events": _events,
    "scopes": _scopes,
    "origins": _origins,
    "disabled_reason": _state,
    "name": _typed,
    "status_reason": _typed,
    "stopped_reason": _typed,
    "contact": _typed,
    "notice": _typed,
    "policies": _typed,
    "icp_number": _typed,
    "description": _typed,
    "supplier": _typed,
    "note": _typed,
    "subject": _typed,
    "title": _typed,
    "lead": _typed,
    "action": _typed,
    "status": _state,
    "state": _state,
    "theme": _state,
    "sale_order": _state,
    "settles_with": _state,
    "field": _state,
    "source": _state,
    "kind": _state,
    "reason": _refund_reason,
    "provider": _state,
    "role": _state,
    "hold_minutes": _number,
    "unpaid_per_buyer": _number,
    "unpaid_per_address": _number,
    "hold_share": _share,
    "position": _number,
    "min_quantity": _number,
    "max_quantity": _number,
    "expiry_margin_hours": _number,
    "low_stock": _number,
    "codes": _number,
    "enabled": _yes_or_no,
    "mail_codes": _yes_or_no,
    "trusted_only": _yes_or_no,
    "token_only": _yes_or_no,
    "by_hand": _yes_or_no,
    "cancel": _yes_or_no,
    "checklist_dismissed_at": _instant,
    "archived_at": _instant,
    "expires_at": _instant,
    "revoked_at": _instant,
    "removed_at": _instant,
    "created_at": _instant,
    "undone_at": _instant,
    "amount": _money,
    "cost": _money,
    "currency": _codes,
    "currencies": _codes,
    "default_currency": _codes,
    "locale": _languages,
    "locales": _languages,
    "default_locale": _languages,
    "logo_file_id": _picture,
    "file_id": _picture,
    "category_id": _named,
    "variant_id": _named,
    "translations": _translations,
    "buyer_fields": _questions,
    "theme_settings": _settings,
}
"""How each recorded column is told."""

_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "payment_account": ("provider", "field"),
    "job": ("kind",),
    "mail_text": ("letter",),
}
"""Kinds of things whose rows go by a word of ours, and the columns with those words."""

POINTERS = tuple(column for column, speak in SPOKEN.items() if speak is _named)
"""Columns that point at things with names."""

STATES = frozenset(column for column, speak in SPOKEN.items() if speak is _state)
"""Columns whose values are words of ours: `[value.<kind>.<column>]`."""
