"""What a payment that arrived means for its order. Pure."""

from dataclasses import dataclass
from typing import Literal

from keystall.tenants.orders.status import OrderStatus

ReturnReason = Literal["wrong_amount", "wrong_currency", "paid_twice", "sold_out"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the order asks for. `paid`: a taking has delivered it already."""

    status: OrderStatus
    amount: int
    currency: str
    paid: bool


@dataclass(frozen=True, slots=True)
class Deliver:
    """The payment is right: hand over the goods. `held`: they are reserved, else find some."""

    held: bool


@dataclass(frozen=True, slots=True)
class Return:
    """The payment bought nothing: send it back."""

    reason: ReturnReason


def settle(asked: Asked, amount: int, currency: str) -> Deliver | Return:
    """Decides over money that was really taken. Minor units.

    A wrong amount or currency never delivers; an order that was paid before never takes money
    twice; one that is not waiting any more is delivered if goods can still be found, which
    the caller tries, falling back to `Return("sold_out")`.
    """
    if currency != asked.currency:
        return Return("wrong_currency")
    if amount != asked.amount:
        return Return("wrong_amount")
    if asked.paid or asked.status not in ("pending", "expired", "canceled"):
        return Return("paid_twice")
    return Deliver(held=asked.status == "pending")
