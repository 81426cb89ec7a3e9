"""Asking providers about payments that they have not told us of.

A callback may be late, lost, or sent to a machine that was down. So every payment is asked about
on the schedule of `check_times.py`, and at once when its buyer says that it was made. What the
provider answers goes the way of a callback, through the inbox, so that asking and being told of
the same money at the same moment settle it once.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import structlog

from keystall.platform import clock, database
from keystall.platform.database import Row
from keystall.platform.payments.port import Notice, ProviderRefused, ProviderUnavailable
from keystall.platform.payments.registry import UnknownProvider
from keystall.platform.throttle import allow
from keystall.tenants.errors import refuse
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import claim, peek
from keystall.tenants.payments.application import apply_callback
from keystall.tenants.payments.check_times import next_check
from keystall.tenants.payments.inbox import ASKED, store_notice
from keystall.tenants.payments.service import provider_of
from keystall.tenants.writing import Writing, writing

Finding = Literal["found", "nothing_paid", "provider_away", "settled"]
"""What a buyer's question came to; "settled": the order is over, and nothing was asked."""

ASKS_OF_ORDER = 5
ASKS_SECONDS = 300.0
"""So often may a buyer have the provider asked in this stretch."""

_log = structlog.get_logger()


async def check_payment(installation: Installation, shop: UUID, item: UUID) -> None:
    """Asks about the payment that the outbox row `item` is about, and sees to it that it is asked
    about again while nothing was paid and the schedule goes on.

    Raises ProviderUnavailable, upon which the work is handed out again, until the schedule ends.
    """
    async with database.transaction(shop) as tx:
        payment_id = await peek(tx, shop, item)
        found = await _payments(tx, shop, "payments.id = $2", payment_id) if payment_id else []
    if not found:
        return
    payment, notice = found[0], None
    open_still = payment["state"] != "succeeded"
    later = next_check(payment["created_at"], payment["expires_at"], clock.now())
    if open_still:
        try:
            notice = await _ask(installation, payment)
        except ProviderUnavailable:
            if later is not None:
                raise
            _log.warning("provider away until the last question", payment=str(payment["id"]))
    async with writing(installation, shop) as tx:
        if await claim(tx, shop, item) is None or not open_still:
            return
        await _note(tx, shop, payment)
        if notice is not None:
            await _store(tx, shop, payment, notice)
        if later is not None and (notice is None or notice.kind != "payment.succeeded"):
            await tx.post("payment.check", payment["id"], due_at=later)


async def find_payment(installation: Installation, shop: UUID, order: UUID) -> Finding:
    """Asks at once about an order's payments, since its buyer says that one was made.

    What is found is applied before this answers. Refuses THROTTLED above `ASKS_OF_ORDER`.
    """
    async with database.transaction(shop) as tx:
        found = await _payments(tx, shop, "orders.id = $2 and payments.state <> 'succeeded'", order)
    if not found or found[0]["status"] not in ("pending", "expired", "canceled"):
        return "settled"
    asker = f"payment-check:{shop}:{order}"
    if not await allow(installation.queue, asker, ASKS_OF_ORDER, ASKS_SECONDS):
        raise refuse("THROTTLED")
    finding: Finding = "nothing_paid"
    for payment in found:
        try:
            notice = await _ask(installation, payment)
        except ProviderUnavailable:
            finding = "provider_away"
            continue
        async with writing(installation, shop) as work:
            await _note(work, shop, payment)
            item = await _store(work, shop, payment, notice) if notice else None
        if item is not None:
            # A worker may be doing the same: whoever claims it first.
            await apply_callback(installation, shop, item)
        if notice is not None and notice.kind == "payment.succeeded":
            return "found"
    return finding


async def _payments(tx: database.Transaction, shop: UUID, which: str, value: UUID) -> Sequence[Row]:
    """Payments with what asking takes, newest first, and the state of their order."""
    return await tx.rows(
        f"""
        select payments.shop_id, payments.id, payments.state, payments.created_at, account_id,
               provider, payments.provider_reference, expires_at, orders.status
        from payments
        join payment_accounts on payment_accounts.shop_id = $1 and payment_accounts.id = account_id
        join orders on orders.shop_id = $1 and orders.id = payments.order_id
        where payments.shop_id = $1 and {which} order by payments.id desc limit 5
        """,  # noqa: S608  (constants)
        shop, value,
    )  # fmt: skip


async def _ask(installation: Installation, payment: Row) -> Notice | None:
    try:
        provider = await provider_of(
            installation, payment["shop_id"], payment["account_id"], provider=payment["provider"]
        )
        return await provider.query(str(payment["id"]), payment["provider_reference"])
    except (ProviderRefused, UnknownProvider) as error:
        # Keys that were changed, an account that was closed: nothing to be learned today.
        _log.warning("payment not asked about", error=type(error).__name__)
        return None


async def _note(tx: Writing, shop: UUID, payment: Row) -> None:
    await tx.execute(
        "update payments set checked_at = $3 where shop_id = $1 and id = $2",
        shop, payment["id"], clock.now(),
    )  # fmt: skip


async def _store(tx: Writing, shop: UUID, payment: Row, notice: Notice) -> UUID | None:
    return await store_notice(
        tx, shop, notice,
        provider=payment["provider"], account=payment["account_id"], body=ASKED,
    )  # fmt: skip
