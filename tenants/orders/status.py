"""The states of an order and the moves between them. Pure.

pending ─┬─> delivered
         ├─> expired ──┬─> delivered     (paid late, goods still there)
         └─> canceled ─┤
                       └─> refunding ─┬─> refunded    (paid late, sold out)
                                      └─> refund_due  (the provider cannot send it back,
                                                     or a bank would not have it)

A refund that is due may be tried again (refunding), paid by hand (refunded), or withdrawn because
the merchant delivers for it after all (delivered). What is refunded of a delivered order leaves it
delivered: the codes stay with the buyer.
"""

from typing import Literal, get_args

OrderStatus = Literal[
    "pending", "delivered", "expired", "canceled", "refunding", "refunded", "refund_due"
]

STATUSES: tuple[OrderStatus, ...] = get_args(OrderStatus)

_MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    "pending": frozenset({"delivered", "expired", "canceled"}),
    "expired": frozenset({"delivered", "refunding"}),
    "canceled": frozenset({"delivered", "refunding"}),
    "refunding": frozenset({"refunded", "refund_due"}),
    "refund_due": frozenset({"refunded", "refunding", "delivered"}),
    "delivered": frozenset(),
    "refunded": frozenset({"refund_due"}),
}


def can_move(now: OrderStatus, then: OrderStatus) -> bool:
    """Whether an order may go from one state to the other."""
    return then in _MOVES[now]


def sources(then: OrderStatus) -> list[OrderStatus]:
    """The states from which an order may reach `then`: for the WHERE of its update."""
    return [now for now in STATUSES if can_move(now, then)]
