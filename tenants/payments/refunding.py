"""What may become of money that is to go back. Pure; minor units.

requested ─┬─> succeeded ──> due           (a bank would not have it)
           └─> due ─┬─> requested           (tried again)
                    ├─> succeeded           (paid back by the merchant's hand)
                    └─> withdrawn           (its payment was accepted after all)
"""

from typing import Literal, get_args

from keystall.tenants.errors import refuse
from keystall.tenants.orders.queries import TakenView
from keystall.tenants.payments.settlement import ReturnReason

RefundStatus = Literal["requested", "succeeded", "due", "withdrawn"]
RefundReason = ReturnReason | Literal["merchant", "bad_code", "at_provider"]
RefundedState = Literal["none", "partly", "wholly"]

STATUSES: tuple[RefundStatus, ...] = get_args(RefundStatus)

_MOVES: dict[RefundStatus, frozenset[RefundStatus]] = {
    "requested": frozenset({"succeeded", "due"}),
    "succeeded": frozenset({"due"}),
    "due": frozenset({"requested", "succeeded", "withdrawn"}),
    "withdrawn": frozenset(),
}


def can_move(now: RefundStatus, then: RefundStatus) -> bool:
    """Whether a refund may go from one state to the other."""
    return then in _MOVES[now]


def refund_amount(taken: int, refunded: int, asked: int | None) -> int:
    """How much goes back of a payment of `taken` of which `refunded` went back before; `asked`
    None means all that is left. Refuses what was never paid (ABOVE_PAYMENT) and no amount."""
    left = taken - refunded
    amount = left if asked is None else asked
    if amount > left or left <= 0:
        raise refuse("ABOVE_PAYMENT", "amount")
    if amount <= 0:
        raise refuse("AMOUNT_INVALID", "amount")
    return amount


def refunded_of(taken: TakenView | None) -> RefundedState:
    """How much of what an order was paid with went back, or is on its way; None: no payment."""
    if taken is None or taken.refunded == 0:
        return "none"
    return "partly" if taken.refunded < taken.amount else "wholly"
