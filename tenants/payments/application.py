"""Applying a stored callback: money becomes goods, or goes back.

One transaction: the claim on the work, the taking, the codes, the order's state, the ledger and
what must follow. So a payment is applied once whatever dies, and nobody ever sees half of it.

A callback that is only a hint is asked about first, outside of any transaction; what is applied
then is the answer, whatever the hint was.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.platform.payments.port import Facts, Hint, ProviderRefused
from keystall.tenants.installation import Installation
from keystall.tenants.ledger import postings
from keystall.tenants.ledger.service import BOOKED, booking
from keystall.tenants.ledger.service import post as post_ledger
from keystall.tenants.orders.events import record
from keystall.tenants.outbox.claims import CLAIM
from keystall.tenants.payments.disputes import apply_dispute
from keystall.tenants.payments.handing_over import find_goods, hand_over
from keystall.tenants.payments.refunds import Refunded, apply_refund
from keystall.tenants.payments.service import provider_of
from keystall.tenants.payments.settlement import Asked, Deliver, Return, settle
from keystall.tenants.writing import Due, Writing, writing

_FIRST_CHECK = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A notice with the payment and the order it is about."""

    shop: UUID
    order: Row
    notice: Mapping[str, Any]
    taking_id: UUID


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the provider answered when it was asked about a hint, and when it was asked."""

    facts: Facts | None
    asked_at: datetime


class _MustAsk(Exception):
    """The callback is a hint: nothing was written."""

    def __init__(self, hint: Hint, account: UUID, provider: str) -> None:
        super().__init__(hint.topic)
        self.hint, self.account, self.provider = hint, account, provider


async def apply_callback(installation: Installation, shop: UUID, item: UUID) -> None:
    """Applies the callback that the outbox row `item` is about. Repeats have no effect.

    Raises ProviderUnavailable and ProviderRefused where the provider has to be asked and does not
    answer, upon which the work is handed out again.
    """
    try:
        await _apply(installation, shop, item, None)
    except _MustAsk as ask:
        asked_at = clock.now()
        provider = await provider_of(installation, shop, ask.account, provider=ask.provider)
        try:
            facts = await provider.look(ask.hint)
        except ProviderRefused as refusal:
            if refusal.code != "resource_missing":
                raise
            facts = None
        await _apply(installation, shop, item, _Answer(facts, asked_at))


async def _apply(
    installation: Installation, shop: UUID, item: UUID, answer: _Answer | None
) -> None:
    async with writing(installation, shop, few=True) as tx:
        told = await tx.row(_TAKE_UP, shop, item, clock.now())
        if told is None:
            return
        problem = await _apply_told(tx, shop, told, answer)
        # Last: who stores the same notice again has locked its payment and waits for this row.
        await tx.execute(
            "update inbox set applied_at = now(), problem = $3 where shop_id = $1 and id = $2",
            shop, told["inbox_id"], problem,
        )  # fmt: skip


_TAKE_UP = f"""
with claimed as ({CLAIM})
select subject_id as inbox_id, notice, account_id, provider
from claimed left join inbox on inbox.shop_id = $1 and inbox.id = subject_id
left join payment_accounts on payment_accounts.shop_id = $1 and payment_accounts.id = account_id"""  # noqa: S608


async def _apply_told(tx: Writing, shop: UUID, told: Row, answer: _Answer | None) -> str | None:
    """Answers why what was told had no effect; None where it had one."""
    inbox_id = told["inbox_id"]
    if told["provider"] is None:
        raise LookupError("a callback that was claimed is not there")
    if told["notice"]["kind"] != "hint":
        return await _apply_payment(tx, shop, inbox_id, told["notice"])
    if answer is None:
        raise _MustAsk(_hint(told["notice"]), told["account_id"], told["provider"])
    if answer.facts is None:
        return "nothing of ours"
    return await _apply_facts(tx, shop, inbox_id, facts=answer.facts, asked_at=answer.asked_at)


async def _apply_facts(
    tx: Writing, shop: UUID, inbox_id: UUID, *, facts: Facts, asked_at: datetime
) -> str | None:
    problem = None
    if facts.payment is not None:
        problem = await _apply_payment(tx, shop, inbox_id, asdict(facts.payment))
    if facts.spent:
        problem = await _begin_again(tx, shop, inbox_id, facts.spent)
    if facts.payment is None or not (facts.refunds or facts.dispute):
        return problem
    taken = await _taken(tx, shop, inbox_id, facts.payment.provider_reference)
    if taken is None:
        return problem
    for fact in facts.refunds:
        await apply_refund(tx, shop, taken, fact)
    if facts.dispute is not None:
        await apply_dispute(tx, shop, taken, facts.dispute, asked_at=asked_at)
    return None


def _hint(stored: Mapping[str, Any]) -> Hint:
    return Hint(**{**stored, "occurred_at": datetime.fromisoformat(stored["occurred_at"])})


async def _taken(
    tx: Writing, shop: UUID, inbox_id: UUID, provider_reference: str
) -> Refunded | None:
    """The taking that a refund or a dispute is about; its order is locked already."""
    row = await tx.row(
        """
        select takings.id as taking, takings.order_id as order, takings.account_id as account,
               provider, takings.state
        from inbox
        join takings on takings.shop_id = $1 and takings.account_id = inbox.account_id
          and takings.provider_reference = $3
        join payment_accounts on payment_accounts.shop_id = $1
          and payment_accounts.id = takings.account_id
        where inbox.shop_id = $1 and inbox.id = $2
        """,
        shop, inbox_id, provider_reference,
    )  # fmt: skip
    return Refunded(**row) if row else None


async def _apply_payment(
    tx: Writing, shop: UUID, inbox_id: UUID, notice: Mapping[str, Any]
) -> str | None:
    order = await _lock_order(tx, shop, inbox_id, notice["reference"])
    if order is None:
        return "unknown payment"
    if notice["kind"] != "payment.succeeded":
        return await _failed(tx, shop, order)
    arrived = _Arrived(shop, order, notice, new_id())
    known = await tx.row(
        "select id, fee from takings where shop_id = $1 and account_id = $2"
        " and provider_reference = $3",
        shop, order["account_id"], notice["provider_reference"],
    )  # fmt: skip
    if known:
        return await _learn_fee(tx, arrived, known)
    asked = Asked(order["status"], order["amount"], order["currency"], order["paid"])
    match settle(asked, notice["amount"], notice["currency"]):
        case Deliver(held=held):
            if held or await find_goods(tx, shop, order["id"]):
                await _deliver(tx, arrived)
            else:
                await _give_back(tx, arrived, Return("sold_out"))
        case Return() as verdict:
            await _give_back(tx, arrived, verdict)
    return None


async def _learn_fee(tx: Writing, arrived: _Arrived, known: Row) -> str | None:
    """Books the fee of a taking that was known before its fee was."""
    fee, order = arrived.notice["fee"], arrived.order
    if known["fee"] or not fee:
        return "taking known already"
    await tx.execute(
        "update takings set fee = $3 where shop_id = $1 and id = $2",
        arrived.shop, known["id"], fee,
    )  # fmt: skip
    await post_ledger(
        tx, arrived.shop, "fee", subject=known["id"], order=order["id"],
        currency=arrived.notice["currency"], entries=postings.fee(order["provider"], fee),
    )  # fmt: skip
    return None


async def _begin_again(tx: Writing, shop: UUID, inbox_id: UUID, reference: str) -> str | None:
    """A charge that nobody can pay any more: an order that still waits gets another one."""
    order = await _lock_order(tx, shop, inbox_id, reference)
    if order is None:
        return "unknown payment"
    await tx.execute(
        "update payments set state = 'failed' where shop_id = $1 and id = $2"
        " and state = 'started'",
        shop, order["payment_id"],
    )  # fmt: skip
    payment_id = new_id()
    begun = await tx.execute(
        """
        insert into payments (shop_id, id, order_id, account_id, amount, currency, state)
        select $1, $2, order_id, account_id, amount, currency, 'started' from payments as spent
        where shop_id = $1 and id = $3 and $4 = 'pending' and not exists (
          select from payments where payments.shop_id = $1
            and payments.order_id = spent.order_id and payments.id > spent.id)
        """,
        shop, payment_id, order["payment_id"], order["status"],
    )  # fmt: skip
    if begun:
        await tx.post_later(
            Due("payment.check", payment_id, clock.now() + _FIRST_CHECK, item=payment_id)
        )
    tx.announce(f"order:{order['id']}")
    return None


async def _lock_order(tx: Writing, shop: UUID, inbox_id: UUID, reference: str) -> Row | None:
    """The payment a notice names, if it is one of the account that told of it, its order locked."""
    try:
        payment_id = UUID(reference)
    except ValueError:
        return None
    return await tx.row(
        """
        select orders.id, orders.status, payments.id as payment_id, payments.account_id,
               payments.amount, payments.currency, provider,
               exists (select from takings where takings.shop_id = $1
                       and takings.order_id = orders.id and takings.state = 'delivered') as paid
        from inbox
        join payments on payments.shop_id = $1 and payments.account_id = inbox.account_id
          and payments.id = $3
        join payment_accounts on payment_accounts.shop_id = $1
          and payment_accounts.id = payments.account_id
        join orders on orders.shop_id = $1 and orders.id = payments.order_id
        where inbox.shop_id = $1 and inbox.id = $2
        for update of orders
        """,
        shop, inbox_id, payment_id,
    )  # fmt: skip


async def _failed(tx: Writing, shop: UUID, order: Row) -> str | None:
    changed = await tx.execute(
        "update payments set state = 'failed' where shop_id = $1 and id = $2"
        " and state = 'started'",
        shop, order["payment_id"],
    )  # fmt: skip
    if not changed:
        return "payment settled already"
    await record(tx, shop, order["id"], "payment.failed", actor="provider")
    tx.announce(f"order:{order['id']}")
    return None


async def _take(tx: Writing, arrived: _Arrived, state: str) -> None:
    notice, order = arrived.notice, arrived.order
    make = postings.sale if state == "delivered" else postings.unearned
    booked = booking(
        "sale" if state == "delivered" else "unearned",
        subject=arrived.taking_id, order=order["id"], currency=notice["currency"],
        entries=make(order["provider"], notice["amount"], notice["fee"]),
    )  # fmt: skip
    await tx.execute(
        f"""
        with {BOOKED},
        paid as (
          update payments set state = 'succeeded' where shop_id = $1 and id = $9),
        known as (
          -- Nobody needs to ask about it any more. Who is just asking sees to that work itself.
          update outbox set done_at = now() where shop_id = $1 and id = (
            select id from outbox where shop_id = $1 and id = $9 and done_at is null
            for update skip locked))
        insert into takings (shop_id, id, payment_id, order_id, account_id, provider_reference,
                             amount, currency, fee, state, refunded)
        values ($1, $4, $9, $5, $10, $11, $12::bigint, $6, $13, $14,
                case when $14 = 'returned' then $12::bigint else 0 end)
        """,  # noqa: S608  (a constant)
        arrived.shop, *booked, order["payment_id"], order["account_id"],
        notice["provider_reference"], notice["amount"], notice["fee"], state,
    )  # fmt: skip


async def _deliver(tx: Writing, arrived: _Arrived) -> None:
    shop, order_id = arrived.shop, arrived.order["id"]
    await _take(tx, arrived, "delivered")
    await hand_over(tx, shop, order_id, paid_by="provider")
    await tx.post("mail.merchant_order", order_id)


async def _give_back(tx: Writing, arrived: _Arrived, verdict: Return) -> None:
    shop, order, notice = arrived.shop, arrived.order, arrived.notice
    await _take(tx, arrived, "returned")
    refund_id = new_id()
    await tx.execute(
        """
        insert into refunds (shop_id, id, order_id, taking_id, amount, currency, reason, state)
        values ($1, $2, $3, $4, $5, $6, $7, 'requested')
        """,
        shop, refund_id, order["id"], arrived.taking_id, notice["amount"], notice["currency"],
        verdict.reason,
    )  # fmt: skip
    # An order that still waits goes on waiting for the right amount; a delivered one stays so.
    await tx.execute(
        "update orders set status = 'refunding', paid_at = now()"
        " where shop_id = $1 and id = $2 and status in ('expired', 'canceled')",
        shop, order["id"],
    )  # fmt: skip
    await record(
        tx, shop, order["id"], "payment.returned", actor="system", data={"reason": verdict.reason}
    )
    await tx.post("refund.send", refund_id)
    tx.announce(f"order:{order['id']}")
