"""Refunds that no provider could send, and the merchant's three ways out of them.

Try the provider again, pay back by hand and say so, or, where the payment had bought nothing,
accept it: the order is delivered for what was paid.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid5

from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.errors import refuse
from keystall.tenants.idempotency.keys import claim_key, done_before, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.ledger import postings
from keystall.tenants.ledger.service import post as post_ledger
from keystall.tenants.orders.events import record
from keystall.tenants.payments.by_hand import Decision, Locked, lock_order
from keystall.tenants.payments.handing_over import find_goods, hand_over
from keystall.tenants.payments.refunding import RefundStatus, can_move
from keystall.tenants.writing import Writing, writing


@dataclass(frozen=True, slots=True)
class _Due:
    """A due refund and its order, both locked, and what the merchant says."""

    refund: Row
    order: Locked
    note: str
    actor: str


_Act = Callable[[Writing, UUID, _Due], Awaitable[None]]


async def refund_accept(
    installation: Installation, shop: UUID, refund: UUID, *, decision: Decision
) -> UUID:
    """Accepts a payment that had bought nothing and could not be sent back: its order is delivered
    for what was paid. Answers the refund's id, which is withdrawn.

    Refuses an order that was delivered or refunded otherwise (CONFLICT), goods that are gone.
    """
    return await _decide(installation, shop, refund, decision, act=_accept, then="withdrawn")


async def refund_paid_back(
    installation: Installation, shop: UUID, refund: UUID, *, decision: Decision
) -> UUID:
    """Notes that the merchant sent a due refund by hand; the note says how. Answers its id."""
    return await _decide(installation, shop, refund, decision, act=_paid_back, then="succeeded")


async def refund_retry(
    installation: Installation,
    shop: UUID,
    refund: UUID,
    *,
    actor: str,
    idempotency_key: str | None = None,
) -> UUID:
    """Has the provider asked again to send a due refund; answers its id. The same key asks once.

    Refuses (CONFLICT) what the provider made and could not send: asked again under the same
    reference it would answer the same.
    """
    async with writing(installation, shop) as tx:
        if await done_before(
            tx, shop, "refund.retry", idempotency_key, print_=fingerprint(refund), object_id=refund
        ):
            return refund
        due = await _lock(tx, shop, refund, then="requested", note="", actor=actor)
        if due.refund["provider_reference"]:
            raise refuse("CONFLICT", "id")
        await _move(tx, shop, due, "requested")
        await tx.execute(
            "update orders set status = 'refunding' where shop_id = $1 and id = $2"
            " and status = 'refund_due'",
            shop, due.refund["order_id"],
        )  # fmt: skip
        await record(tx, shop, due.refund["order_id"], "refund.retried", actor=actor)
        await tx.post("refund.send", refund)
        tx.announce(f"order:{due.refund['order_id']}")
        return refund


async def _decide(
    installation: Installation,
    shop: UUID,
    refund: UUID,
    decision: Decision,
    *,
    act: _Act,
    then: RefundStatus,
) -> UUID:
    note = decision.checked()
    async with writing(installation, shop) as tx:
        mark = new_id()
        earlier = await claim_key(
            tx, shop, f"refund.{then}", decision.idempotency_key,
            print_=fingerprint(refund, note), object_id=mark,
        )  # fmt: skip
        if earlier == mark:
            due = await _lock(tx, shop, refund, then=then, note=note, actor=decision.actor)
            await act(tx, shop, due)
        return refund


async def _lock(
    tx: Writing, shop: UUID, refund: UUID, *, then: RefundStatus, note: str, actor: str
) -> _Due:
    order_id = await tx.value(
        "select order_id from refunds where shop_id = $1 and id = $2", shop, refund
    )
    if order_id is None:
        raise refuse("NOT_FOUND", "id")
    # The order first, as everywhere: who holds it may touch its money.
    order = await lock_order(tx, shop, order_id)
    row = await tx.row(
        """
        select refunds.id, refunds.order_id, refunds.taking_id, refunds.amount, refunds.currency,
               refunds.state, refunds.provider_reference, takings.state as taking_state
        from refunds join takings on takings.shop_id = $1 and takings.id = taking_id
        where refunds.shop_id = $1 and refunds.id = $2
        """,
        shop, refund,
    )  # fmt: skip
    if row is None or row["state"] != "due" or not can_move("due", then):
        raise refuse("CONFLICT", "id")
    return _Due(row, order, note, actor)


async def _move(tx: Writing, shop: UUID, due: _Due, then: RefundStatus) -> None:
    await tx.execute(
        "update refunds set state = $3, by_hand = $3 = 'succeeded',"
        " settled_at = case when $3 = 'succeeded' then now() end,"
        " note = case when $4 = '' then note else $4 end"
        " where shop_id = $1 and id = $2 and state = 'due'",
        shop, due.refund["id"], then, due.note,
    )  # fmt: skip


async def _accept(tx: Writing, shop: UUID, due: _Due) -> None:
    refund, status = due.refund, due.order.status
    if refund["taking_state"] != "returned" or status not in (
        "pending", "expired", "canceled", "refund_due",
    ):  # fmt: skip
        raise refuse("CONFLICT", "id")
    if status != "pending" and not await find_goods(tx, shop, refund["order_id"]):
        raise refuse("SOLD_OUT")
    await _move(tx, shop, due, "withdrawn")
    await tx.execute(
        "update takings set state = 'delivered', refunded = 0 where shop_id = $1 and id = $2",
        shop, refund["taking_id"],
    )  # fmt: skip
    await post_ledger(
        tx, shop, "sale", subject=refund["taking_id"], order=refund["order_id"],
        currency=refund["currency"], entries=postings.accepted(refund["amount"]),
    )  # fmt: skip
    said = {"note": due.note}
    await record(tx, shop, refund["order_id"], "payment.accepted", actor=due.actor, data=said)
    await hand_over(tx, shop, refund["order_id"])


async def _paid_back(tx: Writing, shop: UUID, due: _Due) -> None:
    refund = due.refund
    await _move(tx, shop, due, "succeeded")
    await tx.execute(
        "update orders set status = 'refunded' where shop_id = $1 and id = $2"
        " and status = 'refund_due' and not exists (select from refunds"
        "   where refunds.shop_id = $1 and order_id = $2 and state = 'due')",
        shop, refund["order_id"],
    )  # fmt: skip
    # A subject of its own: the provider may have sent it once, and had it back.
    await post_ledger(
        tx, shop, "refund", subject=uuid5(refund["id"], "by hand"), order=refund["order_id"],
        currency=refund["currency"], entries=postings.refund_outside(refund["amount"]),
    )  # fmt: skip
    said = {"note": due.note}
    await record(tx, shop, refund["order_id"], "refund.by_hand", actor=due.actor, data=said)
    await tx.post("mail.order_refunded", refund["id"])
    tx.announce(f"order:{refund['order_id']}")
