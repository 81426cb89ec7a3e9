"""What a merchant decides about money that goes back, or does not."""

from collections.abc import Awaitable
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.families import OrderUserError
from keystall.graphql.admin.orders import Order, Refund, order_after, refund
from keystall.graphql.admin.products import MoneyInput
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    enum_type,
    object_type,
    resolver,
    value,
)
from keystall.graphql.ids import row_of
from keystall.graphql.nouns import AgainKey
from keystall.graphql.order_words import payment_name
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.scalars import Money, money
from keystall.platform.money import InvalidAmount, UnknownCurrency, parse_amount
from keystall.tenants.errors import refuse
from keystall.tenants.payments.by_hand import (
    Decision,
    RefundRehearsal,
    order_complete,
    order_refund,
    order_refund_rehearse,
)
from keystall.tenants.payments.due_refunds import refund_accept, refund_paid_back, refund_retry

OrderId = Annotated[strawberry.ID, about("The order.")]
RefundId = Annotated[strawberry.ID, about("The refund.")]
Reason = Annotated[str, about("Why, in words that the buyer reads; 500 characters at most.")]
Key = Annotated[str, about("A text of your own, new for each decision, 8 to 64 characters.")]


@enum_type
class RefundWay(Enum):
    """How money would get back to a buyer."""

    PROVIDER = value("provider", "The provider that took it is asked to send it.")
    BY_HAND = value(
        "by_hand", "The provider cannot be asked; it would be due, and sent by the merchant's hand."
    )


@object_type
class RefundPreview:
    """What a refund would come to."""

    amount: Money = described("How much would go back.")
    left: Money = described("What would be left of the payment to refund after it.")
    way: RefundWay = described("How it would get back.")
    method_name: str = described("The name of the way it was paid by.")


@object_type
class OrderRefundPayload(Payload[OrderUserError]):
    """The answer to orderRefund."""

    refund: Refund | None = described(
        "The refund; null where it was refused. Of a dry run, the one that was made under the same"
        " key before, if any: nothing more would go back."
    )
    preview: RefundPreview | None = described(
        "What would go back; null unless `dryRun` asked for it, where it was refused, and where"
        " nothing more would.",
        default=None,
    )


@object_type
class OrderCompletePayload(Payload[OrderUserError]):
    """The answer to orderComplete."""

    order: Order | None = described("The order as it is now; null where it was refused.")


@object_type
class RefundAcceptPayload(Payload[OrderUserError]):
    """The answer to refundAccept."""

    refund: Refund | None = described("The refund as it is now; null where it was refused.")


@object_type
class RefundPaidBackPayload(Payload[OrderUserError]):
    """The answer to refundPaidBack."""

    refund: Refund | None = described("The refund as it is now; null where it was refused.")


@object_type
class RefundRetryPayload(Payload[OrderUserError]):
    """The answer to refundRetry."""

    refund: Refund | None = described("The refund as it is now; null where it was refused.")


@object_type
class RefundMutation:
    """What a merchant decides about money."""

    @resolver
    async def order_refund(
        self,
        info: Info,
        id: OrderId,
        reason: Reason,
        idempotency_key: Key,
        amount: Annotated[
            MoneyInput | None, about("How much; all that is left of the payment when left out.")
        ] = None,
        dry_run: Annotated[
            bool,
            about(
                "Whether to check everything and tell what would go back, and not send it; the key"
                " is not used up."
            ),
        ] = False,
    ) -> OrderRefundPayload:
        """Sends money of a delivered order back through its provider, whole or in part. The codes
        stay with the buyer and are not sold again."""
        context, row = info.context, row_of("Order", id)
        decision = _said(context, reason, idempotency_key)
        if dry_run:
            return await _rehearsed(context, row, amount, decision)
        call = _refund(context, row, amount, decision)
        made, errors = await _refund_after(context, call)
        return OrderRefundPayload(refund=made, user_errors=errors)

    @resolver
    async def order_complete(
        self, info: Info, id: OrderId, reason: Reason, idempotency_key: Key
    ) -> OrderCompletePayload:
        """Delivers an unpaid order on your word that it was paid another way."""
        context, row = info.context, row_of("Order", id)
        call = order_complete(
            context.installation, context.require_shop().id, row,
            decision=_said(context, reason, idempotency_key),
        )  # fmt: skip
        now, errors = await order_after(context, row, call)
        return OrderCompletePayload(order=now, user_errors=errors)

    @resolver
    async def refund_accept(
        self, info: Info, id: RefundId, reason: Reason, idempotency_key: Key
    ) -> RefundAcceptPayload:
        """Accepts a payment that had bought nothing and could not be sent back: nothing goes back,
        and its order is delivered for what was paid."""
        context = info.context
        call = refund_accept(
            context.installation, context.require_shop().id, row_of("Refund", id),
            decision=_said(context, reason, idempotency_key),
        )  # fmt: skip
        made, errors = await _refund_after(context, call)
        return RefundAcceptPayload(refund=made, user_errors=errors)

    @resolver
    async def refund_paid_back(
        self, info: Info, id: RefundId, reason: Reason, idempotency_key: Key
    ) -> RefundPaidBackPayload:
        """Notes that you sent a due refund by hand; the reason says how."""
        context = info.context
        call = refund_paid_back(
            context.installation, context.require_shop().id, row_of("Refund", id),
            decision=_said(context, reason, idempotency_key),
        )  # fmt: skip
        made, errors = await _refund_after(context, call)
        return RefundPaidBackPayload(refund=made, user_errors=errors)

    @resolver
    async def refund_retry(
        self, info: Info, id: RefundId, idempotency_key: AgainKey = None
    ) -> RefundRetryPayload:
        """Asks the provider again to send a due refund."""
        context = info.context
        call = refund_retry(
            context.installation, context.require_shop().id, row_of("Refund", id),
            actor=context.actor, idempotency_key=idempotency_key,
        )  # fmt: skip
        made, errors = await _refund_after(context, call)
        return RefundRetryPayload(refund=made, user_errors=errors)


def _said(context: RequestContext, reason: str, key: str) -> Decision:
    return Decision(context.actor, reason, key)


async def _refund(
    context: RequestContext, row: UUID, amount: MoneyInput | None, decision: Decision
) -> UUID:
    return await order_refund(
        context.installation, context.require_shop().id, row,
        amount=_minor(amount), decision=decision,
    )  # fmt: skip


def _minor(amount: MoneyInput | None) -> tuple[int, str] | None:
    if amount is None:
        return None
    try:
        return parse_amount(amount.amount, amount.currency_code), amount.currency_code
    except (InvalidAmount, UnknownCurrency):
        raise refuse("AMOUNT_INVALID", "amount", "amount") from None


async def _rehearse(
    context: RequestContext, row: UUID, amount: MoneyInput | None, decision: Decision
) -> RefundRehearsal:
    return await order_refund_rehearse(
        context.installation, context.require_shop().id, row,
        amount=_minor(amount), decision=decision,
    )  # fmt: skip


async def _rehearsed(
    context: RequestContext, row: UUID, amount: MoneyInput | None, decision: Decision
) -> OrderRefundPayload:
    call = _rehearse(context, row, amount, decision)
    found, errors = await attempted(context, call, OrderUserError)
    if found is None:
        return OrderRefundPayload(refund=None, user_errors=errors)
    if found.earlier is not None:
        view = await context.load(loads.refunds_by_id, found.earlier)
        made = refund(context, view) if view else None
        return OrderRefundPayload(refund=made, user_errors=[])
    preview = RefundPreview(
        amount=money(found.amount, found.currency, context.locale),
        left=money(found.left, found.currency, context.locale),
        way=RefundWay("provider" if found.sent else "by_hand"),
        method_name=payment_name(found.provider, context.locale),
    )
    return OrderRefundPayload(refund=None, preview=preview, user_errors=[])


async def _refund_after(
    context: RequestContext, call: Awaitable[UUID]
) -> tuple[Refund | None, list[OrderUserError]]:
    row, errors = await attempted(context, call, OrderUserError)
    found = await context.load(loads.refunds_by_id, row) if row else None
    return (refund(context, found) if found else None), errors
