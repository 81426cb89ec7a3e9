"""What a merchant decides about an order's money: sending it back, or doing without a provider."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from keystall.platform.ids import new_id
from keystall.tenants.errors import refuse
from keystall.tenants.idempotency.keys import claim_key, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.ledger import postings
from keystall.tenants.ledger.service import post as post_ledger
from keystall.tenants.orders.events import record
from keystall.tenants.payments.handing_over import find_goods, hand_over
from keystall.tenants.payments.refunding import refund_amount
from keystall.tenants.payments.service import can_send
from keystall.tenants.writing import Writing, writing

MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, why (the buyer reads it), and under which key."""

    actor: str
    note: str
    idempotency_key: str

    def checked(self) -> str:
        """The note, trimmed. Refuses none, and one that is too long."""
        note = self.note.strip()
        if not note:
            raise refuse("REQUIRED", "reason")
        if len(note) > MAX_NOTE:
            raise refuse("TOO_LONG", "reason", limit=MAX_NOTE)
        return note


@dataclass(frozen=True, slots=True)
class Back:
    """Money to send back. `amount` None: all that is left; minor units of `currency`."""

    id: UUID
    amount: int | None
    currency: str | None
    reason: Literal["merchant", "bad_code"]
    note: str
    actor: str


async def order_refund(
    installation: Installation,
    shop: UUID,
    order: UUID,
    *,
    amount: tuple[int, str] | None,
    decision: Decision,
) -> UUID:
    """Sends back what a delivered order was paid with, whole or in part; answers the refund's id.

    `amount` is minor units and currency; None means all that is left. The codes stay with the
    buyer. Refuses an order that no payment delivered, and more than is left of the payment.
    """
    async with writing(installation, shop) as tx:
        return await _refunded(tx, shop, order, amount, decision, new_id())


async def _refunded(
    tx: Writing,
    shop: UUID,
    order: UUID,
    amount: tuple[int, str] | None,
    decision: Decision,
    made: UUID,
) -> UUID:
    """The refund under the decision's key: `made`, or the one that was made under it before."""
    note = decision.checked()
    asked, currency = amount or (None, None)
    back = Back(made, asked, currency, "merchant", note, decision.actor)
    earlier = await claim_key(
        tx, shop, "order.refund", decision.idempotency_key,
        print_=fingerprint(order, asked, currency, note), object_id=back.id,
    )  # fmt: skip
    if earlier == back.id:
        await lock_order(tx, shop, order)
        await begin_refund(tx, shop, order, back)
    return earlier


@dataclass(frozen=True, slots=True)
class RefundRehearsal:
    """What a refund would come to: `amount` goes back and `left` of the payment stays, minor units
    of `currency`. `sent`: whether the provider can be asked to send it; otherwise it would be due
    by the merchant's hand. `earlier` is the refund that was made under the key before, where there
    is one: nothing more would go back."""

    amount: int
    left: int
    currency: str
    provider: str
    sent: bool
    earlier: UUID | None


async def order_refund_rehearse(
    installation: Installation,
    shop: UUID,
    order: UUID,
    *,
    amount: tuple[int, str] | None,
    decision: Decision,
) -> RefundRehearsal:
    """What `order_refund` would come to. Refuses what it refuses, changes nothing, and does not use
    up the key."""
    async with writing(installation, shop, rehearsal=True) as tx:
        made = new_id()
        refund = await _refunded(tx, shop, order, amount, decision, made)
        row = await tx.row(
            """
            select refunds.amount, takings.amount - takings.refunded as left, refunds.currency,
                   takings.account_id, provider
            from refunds
            join takings on takings.shop_id = $1 and takings.id = taking_id
            join payment_accounts on payment_accounts.shop_id = $1
              and payment_accounts.id = takings.account_id
            where refunds.shop_id = $1 and refunds.id = $2
            """,
            shop, refund,
        )  # fmt: skip
        if row is None:
            raise LookupError("a refund vanished from the transaction that made it")
    return RefundRehearsal(
        row["amount"], row["left"], row["currency"], row["provider"],
        await can_send(installation, shop, row["account_id"], provider=row["provider"]),
        None if refund == made else refund,
    )  # fmt: skip


async def begin_refund(tx: Writing, shop: UUID, order: UUID, back: Back) -> None:
    """Books money as owed back and leaves the work of sending it. The order must be locked: what
    is left of its payment is counted here."""
    taking = await tx.row(
        "select id, amount, refunded, currency from takings"
        " where shop_id = $1 and order_id = $2 and state = 'delivered'",
        shop, order,
    )  # fmt: skip
    if taking is None:
        raise refuse("CONFLICT", "id")
    if back.currency not in (None, taking["currency"]):
        raise refuse("AMOUNT_INVALID", "amount")
    amount = refund_amount(taking["amount"], taking["refunded"], back.amount)
    await tx.execute(
        """
        with taken as (
          update takings set refunded = refunded + $5 where shop_id = $1 and id = $4)
        insert into refunds (shop_id, id, order_id, taking_id, amount, currency, reason, state,
                             note, actor)
        values ($1, $2, $3, $4, $5, $6, $7, 'requested', $8, $9)
        """,
        shop, back.id, order, taking["id"], amount, taking["currency"], back.reason, back.note,
        back.actor,
    )  # fmt: skip
    await post_ledger(
        tx, shop, "owed", subject=back.id, order=order, currency=taking["currency"],
        entries=postings.owed(amount),
    )  # fmt: skip
    said = {"reason": back.reason, "note": back.note}
    await record(tx, shop, order, "refund.requested", actor=back.actor, data=said)
    await tx.post("refund.send", back.id)
    tx.announce(f"order:{order}")


async def order_complete(
    installation: Installation, shop: UUID, order: UUID, *, decision: Decision
) -> UUID:
    """Delivers an unpaid order on its merchant's word that it was paid some other way; answers its
    id. The ledger books it as money from outside.

    Refuses an order that is past waiting (CONFLICT) and goods that are gone (SOLD_OUT).
    """
    note = decision.checked()
    async with writing(installation, shop) as tx:
        # The order itself is the object: a replay changes nothing more.
        mark = new_id()
        earlier = await claim_key(
            tx, shop, "order.complete", decision.idempotency_key,
            print_=fingerprint(order, note), object_id=mark,
        )  # fmt: skip
        if earlier != mark:
            return order
        found = await lock_order(tx, shop, order)
        if found.status not in ("pending", "expired", "canceled"):
            raise refuse("CONFLICT", "id")
        if found.status != "pending" and not await find_goods(tx, shop, order):
            raise refuse("SOLD_OUT")
        if found.total:
            await post_ledger(
                tx, shop, "sale", subject=order, order=order, currency=found.currency,
                entries=postings.sale_outside(found.total),
            )  # fmt: skip
        await record(tx, shop, order, "order.completed", actor=decision.actor, data={"note": note})
        await hand_over(tx, shop, order)
        return order


@dataclass(frozen=True, slots=True)
class Locked:
    """An order whose row nobody else can change until the transaction ends."""

    status: str
    total: int
    currency: str


async def lock_order(tx: Writing, shop: UUID, order: UUID) -> Locked:
    """Locks an order. Refuses (NOT_FOUND) where the shop has none of that id."""
    row = await tx.row(
        "select status, total, currency from orders where shop_id = $1 and id = $2 for update",
        shop, order,
    )  # fmt: skip
    if row is None:
        raise refuse("NOT_FOUND", "id")
    return Locked(**row)
