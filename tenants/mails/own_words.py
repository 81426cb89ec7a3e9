"""What a shop may word itself in the letters to its buyers, and what is wrong with it. Pure.

A letter has parts; what fills the holes of a part is the letter's own: `{number}`, `{shop}`. The
address behind the button, amounts, goods, contact and footer are nobody's to word, so no letter
can lose its link or lead elsewhere. Why money goes back and what became of a report are facts with
words for each: those leads, and the note of a refund by hand, stay the product's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from keystall.tenants.errors import UserError
from keystall.tenants.mails.port import (
    CodeReportAnswered,
    CustomerSignIn,
    Letter,
    OrderDelivered,
    OrderLink,
    OrderRefunded,
)
from keystall.tenants.texts import text_errors

LetterName = Literal[
    "order_delivered",
    "order_delivered_codes",
    "order_link",
    "order_refunded",
    "code_report_answered",
    "customer_sign_in",
]
Part = Literal["subject", "title", "lead", "action", "note"]
PARTS: tuple[Part, ...] = get_args(Part)
LIMITS: Mapping[Part, int] = MappingProxyType(
    {"subject": 120, "title": 120, "lead": 600, "action": 40, "note": 600}
)
MAY_BE_EMPTY: frozenset[Part] = frozenset({"note"})
LINED: frozenset[Part] = frozenset({"lead", "note"})
"""Parts of several lines."""


@dataclass(frozen=True, slots=True)
class Wordable:
    """The parts of a letter that a shop may word, and the holes that all of them may have."""

    parts: tuple[Part, ...]
    holes: tuple[str, ...]


WORDABLE: Mapping[LetterName, Wordable] = MappingProxyType(
    {
        "order_delivered": Wordable(PARTS, ("number", "shop", "total")),
        "order_delivered_codes": Wordable(PARTS, ("number", "shop", "total")),
        "order_link": Wordable(PARTS, ("number", "shop")),
        "order_refunded": Wordable(
            ("subject", "title", "action", "note"), ("number", "shop", "amount")
        ),
        "code_report_answered": Wordable(("subject", "title", "action"), ("number", "shop")),
        "customer_sign_in": Wordable(PARTS, ("shop", "minutes")),
    }
)

_HOLE = re.compile(r"\{(\w+)\}")
# Of the web or of mail. Mail programs make a link of whatever looks like one.
_ADDRESS = re.compile(r"://|\bwww\.|[a-z0-9-]\.[a-z]{2,24}(?![a-z0-9])", re.IGNORECASE | re.ASCII)


def letter_name(letter: Letter) -> LetterName | None:
    """Which words a letter takes; None for those that are not to buyers."""
    match letter:
        case OrderDelivered():
            return "order_delivered_codes" if letter.codes.lines else "order_delivered"
        case OrderLink():
            return "order_link"
        case OrderRefunded():
            return "order_refunded"
        case CodeReportAnswered():
            return "code_report_answered"
        case CustomerSignIn():
            return "customer_sign_in"
        case _:
            return None


def key(name: LetterName, part: Part) -> str:
    """The message that a part of a letter is."""
    return f"mail.{name}.{part}"


def tidied(text: str) -> str:
    """As it is stored: without space around it, lines ending one way."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def word_errors(name: LetterName, words: Mapping[Part, str | None]) -> list[UserError]:
    """REQUIRED, TOO_LONG, INVALID; HOLE_UNKNOWN for a hole that nothing fills; ADDRESS_IN_TEXT for
    what looks like one of the web or of mail. None among the words is the product's own text."""
    return [error for part in PARTS for error in _errors(name, part, words.get(part))]


def _errors(name: LetterName, part: Part, text: str | None) -> Iterator[UserError]:
    if text is None:
        return
    wordable = WORDABLE[name]
    if part not in wordable.parts:
        yield UserError("INVALID", (part,))
        return
    yield from text_errors(
        text,
        part,
        limit=LIMITS[part],
        required=part not in MAY_BE_EMPTY,
        lines=part in LINED,
    )
    for hole in dict.fromkeys(_HOLE.findall(text)):
        if hole not in wordable.holes:
            yield UserError("HOLE_UNKNOWN", (part,), {"hole": hole[:40]})
    if _ADDRESS.search(_HOLE.sub("", text)):
        yield UserError("ADDRESS_IN_TEXT", (part,))
