"""Sending money back through the provider that took it."""

from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.payments.port import ProviderRefused, RefundOutcome
from keystall.platform.payments.registry import UnknownProvider
from keystall.tenants.installation import Installation
from keystall.tenants.ledger import postings
from keystall.tenants.ledger.service import post as post_ledger
from keystall.tenants.orders.events import record
from keystall.tenants.outbox.claims import claim, peek
from keystall.tenants.payments.service import provider_of
from keystall.tenants.writing import writing


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
    outcome = await _ask(installation, refund)
    if outcome.state == "pending":
        raise RefundPending
    async with writing(installation, shop) as tx:
        if await claim(tx, shop, item) is None:
            return
        sent = outcome.state == "succeeded"
        await tx.execute(
            """
            update refunds set state = $3, problem = $4, provider_reference = $5,
              settled_at = case when $3 = 'succeeded' then now() end
            where shop_id = $1 and id = $2 and state = 'requested'
            """,
            shop, refund["id"], "succeeded" if sent else "due", outcome.reason,
            outcome.provider_reference,
        )  # fmt: skip
        await tx.execute(
            "update orders set status = $3 where shop_id = $1 and id = $2"
            " and status = 'refunding'",
            shop, refund["order_id"], "refunded" if sent else "refund_due",
        )  # fmt: skip
        if sent:
            await post_ledger(
                tx, shop, "refund", subject=refund["id"], order=refund["order_id"],
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
        select refunds.id, refunds.order_id, refunds.amount, refunds.currency,
               takings.payment_id, takings.provider_reference, takings.account_id, provider
        from refunds
        join takings on takings.shop_id = $1 and takings.id = taking_id
        join payment_accounts on payment_accounts.shop_id = $1
          and payment_accounts.id = takings.account_id
        where refunds.shop_id = $1 and refunds.id = $2
        """,
        shop, refund,
    )  # fmt: skip


async def _ask(installation: Installation, refund: Row) -> RefundOutcome:
    try:
        provider = provider_of(installation, refund["provider"], refund["account_id"])
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
