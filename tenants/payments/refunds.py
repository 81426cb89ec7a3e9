"""Sending money back through the provider that took it."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.platform.payments.port import ProviderRefused, RefundFact, RefundOutcome
from keystall.platform.payments.registry import UnknownProvider
from keystall.tenants.installation import Installation
from keystall.tenants.ledger import postings
from keystall.tenants.ledger.service import post as post_ledger
from keystall.tenants.orders.events import record
from keystall.tenants.outbox.claims import claim, peek
from keystall.tenants.payments.service import provider_of
from keystall.tenants.writing import Writing, writing


@dataclass(frozen=True, slots=True)
class Refunded:
    """A taking that money goes back of. `state`: that of the taking."""

    taking: UUID
    order: UUID
    account: UUID
    provider: str
    state: str


class RefundPending(Exception):
    """The provider has not decided yet: ask again later."""


async def send_refund(installation: Installation, shop: UUID, item: UUID) -> None:
    """Sends the refund that the outbox row `item` is about.

    The provider is asked first, under the refund's own reference, so that asking twice sends once;
    then the outcome is written with the claim. Raises RefundPending and ProviderUnavailable, upon
    which the work is handed out again.
    """
    async with database.transaction(shop) as tx:
        refund_id = await peek(tx, shop, item)
        refund = refund_id and await _refund(tx, shop, refund_id)
    if not refund:
        return
    if refund["state"] != "requested":
        # The provider has told us meanwhile how it ended; asked again, it might send it again.
        async with writing(installation, shop) as tx:
            await claim(tx, shop, item)
        return
    outcome = await _ask(installation, shop, refund)
    if outcome.state == "pending":
        raise RefundPending
    async with writing(installation, shop) as tx:
        if await claim(tx, shop, item) is not None:
            await _settle(tx, shop, refund, outcome)


async def apply_refund(tx: Writing, shop: UUID, taken: Refunded, fact: RefundFact) -> None:
    """Brings our record of a refund to where the provider says it is; the order is locked.

    One that was made at the provider, by the merchant's hand, is recorded, too, and one that had
    failed when it was first heard of is due like one that failed later.
    """
    refund = await _recorded(tx, shop, taken, fact)
    if refund is None:
        refund = await _record_foreign(tx, shop, taken, fact)
    if refund is None:
        return
    outcome = RefundOutcome(fact.provider_reference, fact.state, fact.reason)
    match refund["state"], fact.state:
        case "requested", "succeeded" | "failed":
            await _settle(tx, shop, refund, outcome)
        case "due", "succeeded":
            # Sent once more, by hand: a booking of its own, for the first may have been undone.
            again = uuid5(refund["id"], fact.provider_reference)
            await _settle(tx, shop, refund, outcome, subject=again)
        case "succeeded", "failed" if refund["provider_reference"] == fact.provider_reference:
            await _settle(tx, shop, refund, outcome)
            await post_ledger(
                tx, shop, "refund_failed", subject=refund["id"], order=refund["order_id"],
                currency=refund["currency"],
                entries=postings.refund_failed(refund["provider"], refund["amount"]),
            )  # fmt: skip


async def _recorded(tx: Writing, shop: UUID, taken: Refunded, fact: RefundFact) -> Row | None:
    """Our row of a refund: by our reference, or by the provider's."""
    return await tx.row(
        """
        select id, order_id, amount, currency, state, provider_reference, $5::text as provider
        from refunds
        where shop_id = $1 and taking_id = $2 and (id::text = $3 or provider_reference = $4)
        """,
        shop, taken.taking, fact.refund_reference, fact.provider_reference, taken.provider,
    )  # fmt: skip


async def _record_foreign(tx: Writing, shop: UUID, taken: Refunded, fact: RefundFact) -> Row | None:
    """Records a refund that was made at the provider.

    Where the payment has no room for it, it is the one that is due: the merchant sent by hand what
    could not be sent by us. None where it is not that either: ours is on its way, and will be
    refused.
    """
    room = await tx.execute(
        "update takings set refunded = refunded + $3::bigint where shop_id = $1 and id = $2"
        " and state = 'delivered' and refunded + $3::bigint <= amount",
        shop, taken.taking, fact.amount,
    )  # fmt: skip
    if not room:
        return await tx.row(
            """
            select id, order_id, amount, currency, state, provider_reference, $4::text as provider
            from refunds where shop_id = $1 and taking_id = $2 and state = 'due' and amount = $3
            order by id limit 1
            """,
            shop, taken.taking, fact.amount, taken.provider,
        )  # fmt: skip
    refund_id = new_id()
    await tx.execute(
        """
        insert into refunds (shop_id, id, order_id, taking_id, amount, currency, reason, state,
                             provider_reference)
        values ($1, $2, $3, $4, $5, $6, 'at_provider', 'requested', $7)
        """,
        shop, refund_id, taken.order, taken.taking, fact.amount, fact.currency,
        fact.provider_reference,
    )  # fmt: skip
    await post_ledger(
        tx, shop, "owed", subject=refund_id, order=taken.order, currency=fact.currency,
        entries=postings.owed(fact.amount),
    )  # fmt: skip
    return await _recorded(tx, shop, taken, fact)


async def _settle(
    tx: Writing, shop: UUID, refund: Row, outcome: RefundOutcome, *, subject: UUID | None = None
) -> None:
    """Writes how a refund ended: the money is gone, or the merchant has to send it by hand."""
    sent = outcome.state == "succeeded"
    changed = await tx.execute(
        """
        update refunds set state = $3, problem = $4, provider_reference = $5,
          settled_at = case when $3 = 'succeeded' then now() end
        where shop_id = $1 and id = $2 and state <> $3
        """,
        shop, refund["id"], "succeeded" if sent else "due", outcome.reason,
        outcome.provider_reference,
    )  # fmt: skip
    if not changed:
        return
    await tx.execute(
        "update orders set status = $3 where shop_id = $1 and id = $2"
        " and status = any($4::text[])",
        shop, refund["order_id"], "refunded" if sent else "refund_due",
        ["refunding", "refund_due"] if sent else ["refunding", "refunded"],
    )  # fmt: skip
    if sent:
        await post_ledger(
            tx, shop, "refund", subject=subject or refund["id"], order=refund["order_id"],
            currency=refund["currency"],
            entries=postings.refund(refund["provider"], refund["amount"]),
        )  # fmt: skip
    event = "refund.succeeded" if sent else "refund.due"
    await record(tx, shop, refund["order_id"], event, actor="provider")
    await tx.post("mail.order_refunded" if sent else "mail.merchant_refund_due", refund["id"])
    tx.announce(f"order:{refund['order_id']}")


async def _refund(tx: database.Transaction, shop: UUID, refund: UUID) -> Row | None:
    return await tx.row(
        """
        select refunds.id, refunds.order_id, refunds.amount, refunds.currency, refunds.state,
               takings.payment_id, takings.provider_reference, takings.account_id, provider
        from refunds
        join takings on takings.shop_id = $1 and takings.id = taking_id
        join payment_accounts on payment_accounts.shop_id = $1
          and payment_accounts.id = takings.account_id
        where refunds.shop_id = $1 and refunds.id = $2
        """,
        shop, refund,
    )  # fmt: skip


async def _ask(installation: Installation, shop: UUID, refund: Row) -> RefundOutcome:
    try:
        provider = await provider_of(
            installation, shop, refund["account_id"], provider=refund["provider"]
        )
    except UnknownProvider:
        return RefundOutcome("", "failed", "provider switched off")
    if not provider.can_refund:
        return RefundOutcome("", "failed", "provider cannot refund")
    try:
        return await provider.refund(
            reference=str(refund["payment_id"]),
            provider_reference=refund["provider_reference"],
            refund_reference=str(refund["id"]),
            amount=refund["amount"],
            currency=refund["currency"],
        )
    except ProviderRefused as refusal:
        return RefundOutcome("", "failed", refusal.code)
