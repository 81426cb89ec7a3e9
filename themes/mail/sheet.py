"""What every mail is made of: head, title, sentences, facts, and one address to open.

All mails are laid out alike, so one template of each format shows any sheet.
"""

import re
from dataclasses import dataclass, field

from keystall.platform.money import Money, format_money
from keystall.tenants.mails.port import Bought, MailedCodes
from keystall.themes.messages import Messages

_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SUBJECT_NAME = 40
"""Characters of a shop's or product's name that a subject shows."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """In whose name a mail is sent. `sender` empty: under the installation's own name."""

    brand: str
    footer: str
    sender: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One bought thing; `amount` is text, money and all."""

    name: str
    quantity: int
    amount: str


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes in the mail itself, under what they are for; `more` says where others are."""

    lines: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), repr=False)
    more: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a mail shows, in order."""

    head: Letterhead
    subject: str
    title: str
    lead: str
    action: str
    url: str
    codes: Codes = field(default_factory=Codes)
    items: tuple[Item, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    note: str = ""


def items(lines: tuple[Bought, ...], m: Messages) -> tuple[Item, ...]:
    """What was bought, as a mail lists it."""
    return tuple(
        Item(goods(line.product, line.variant, m), line.quantity, money(line.total, m))
        for line in lines
    )


def mailed(codes: MailedCodes, m: Messages) -> Codes:
    """Codes as a mail lists them."""
    lines = tuple((goods(line.product, line.variant, m), line.codes) for line in codes.lines)
    return Codes(lines, m.t("mail.codes_more", count=codes.more) if codes.more else "")


def goods(product: str, variant: str, m: Messages) -> str:
    """A product's name, and its variant's where that says more."""
    if not variant or variant == product:
        return product
    return m.t("mail.goods", product=product, variant=variant)


def money(amount: Money, m: Messages) -> str:
    """An amount as the reader's language writes it."""
    return format_money(amount.minor, amount.currency, m.locale)


def one_line(name: str) -> str:
    """A name fit for a header, which takes no line break of any kind, and that cannot turn around
    what follows it."""
    return " ".join(_DIRECTIONS.sub("", name).split())


def short(name: str) -> str:
    """A name fit for a subject."""
    line = one_line(name)
    return line if len(line) <= _SUBJECT_NAME else line[: _SUBJECT_NAME - 1].rstrip() + "…"
