"""Which accounts an event of money touches. Pure; amounts in minor units.

Accounts: `provider:<name>` is what the provider holds for the shop, `fees` what it kept,
`sales` what was earned, `buyers` what is owed back, `disputes` what buyers' banks have taken,
`outside` what passed through the merchant's own hands. Debits are above zero, credits below; every
posting sums to zero. A provider keeps its fee when money goes back, as gateways do.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger transaction."""

    account: str
    amount: int


def sale(provider: str, amount: int, fee: int) -> list[Entry]:
    """A payment whose goods were delivered."""
    return _told(
        Entry(f"provider:{provider}", amount - fee), Entry("fees", fee), Entry("sales", -amount)
    )


def unearned(provider: str, amount: int, fee: int) -> list[Entry]:
    """A payment that bought nothing and is owed back."""
    return _told(
        Entry(f"provider:{provider}", amount - fee), Entry("fees", fee), Entry("buyers", -amount)
    )


def owed(amount: int) -> list[Entry]:
    """Money that was earned and is owed back."""
    return _told(Entry("sales", amount), Entry("buyers", -amount))


def accepted(amount: int) -> list[Entry]:
    """Money that was owed back and is earned after all."""
    return _told(Entry("buyers", amount), Entry("sales", -amount))


def sale_outside(amount: int) -> list[Entry]:
    """Goods that were delivered on the merchant's word: paid past every provider."""
    return _told(Entry("outside", amount), Entry("sales", -amount))


def refund_outside(amount: int) -> list[Entry]:
    """Money owed back that the merchant paid back past the provider, who still has it."""
    return _told(Entry("buyers", amount), Entry("outside", -amount))


def refund(provider: str, amount: int) -> list[Entry]:
    """Money owed back that went back."""
    return _told(Entry("buyers", amount), Entry(f"provider:{provider}", -amount))


def refund_failed(provider: str, amount: int) -> list[Entry]:
    """Money that had gone back and came back: it is owed again."""
    return _told(Entry(f"provider:{provider}", amount), Entry("buyers", -amount))


def fee(provider: str, amount: int) -> list[Entry]:
    """A fee that was learned after its payment."""
    return _told(Entry("fees", amount), Entry(f"provider:{provider}", -amount))


def dispute(provider: str, amount: int, fee: int) -> list[Entry]:
    """Money that the provider took for a dispute; below zero: gave back."""
    return _told(
        Entry("disputes", amount), Entry("fees", fee), Entry(f"provider:{provider}", -amount - fee)
    )


def _told(*entries: Entry) -> list[Entry]:
    return [entry for entry in entries if entry.amount]


def balanced(entries: Sequence[Entry]) -> bool:
    """Whether debits and credits are equal."""
    return sum(entry.amount for entry in entries) == 0
