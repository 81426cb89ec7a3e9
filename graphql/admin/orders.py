"""Orders from their merchant's side."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.catalog import Variant, variant
from keystall.graphql.admin.code_reports import CodeReport, code_report
from keystall.graphql.admin.families import OrderUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, enum_type, object_type, resolver, value
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import (
    Node,
    OrderBuyerField,
    OrderEvent,
    OrderStatus,
    RefundedState,
    RefundStatus,
)
from keystall.graphql.order_words import (
    dispute_reason,
    event_message,
    payment_name,
    refund_reason,
    status_note,
)
from keystall.graphql.refusals import attempted
from keystall.graphql.relay import Connection, connection, decode_row, page_size
from keystall.graphql.scalars import Money, money
from keystall.tenants.orders.queries import (
    OrderLineView,
    OrderView,
    RefundView,
    orders_page,
    refunds_page,
)
from keystall.tenants.orders.service import cancel_order, resend_order
from keystall.tenants.payments.refunding import refunded_of


@enum_type
class PaymentStatus(Enum):
    """How far a payment is."""

    PENDING = value("started", "Waiting for the buyer.")
    SUCCEEDED = value("succeeded", "The money arrived.")
    FAILED = value("failed", "The buyer's attempt failed.")


@object_type
class Payment:
    """An attempt to pay an order."""

    id: strawberry.ID = described("Opaque id.")
    status: PaymentStatus = described("How far it is.")
    amount: Money = described("How much was asked for.")
    taken: Money = described("How much the provider took for it, repeated payments included.")
    fee: Money | None = described("What the provider kept; null while it took nothing.")
    method_name: str = described("The name of the way to pay.")
    provider_reference: str | None = described(
        "The provider's own reference; null before it gave one."
    )
    created_at: datetime = described("When it began.")
    paid_at: datetime | None = described("When the money arrived.")


@object_type
class Refund(Node):
    """Money sent back to a buyer, or to be sent back."""

    view: strawberry.Private[RefundView]
    amount: Money = described("How much.")
    status: RefundStatus = described("How far it is.")
    reason: str = described("Why it was decided, for programs, such as sold_out.")
    message: str = described("Why it was decided, for people, in the language of the request.")
    note: str = described("What the merchant wrote for the buyer; empty where nothing.")
    problem: str = described("The provider's own reason for not sending it; empty where none.")
    by_hand: bool = described("Whether the merchant sent it past the provider.")
    bought_nothing: bool = described(
        "Whether this is all of a payment that bought nothing: late, doubled, or of a wrong amount"
        " or currency. While due, it may be accepted instead."
    )
    retriable: bool = described("Whether the provider may be asked again to send it.")
    created_at: datetime = described("When it was decided.")

    @resolver
    async def order(self, info: Info) -> "Order | None":
        """The order it is about."""
        found = await info.context.load(loads.orders_by_id, self.view.order_id)
        return order(info.context, found) if found else None


@enum_type
class DisputeStatus(Enum):
    """How far a dispute is."""

    INQUIRY = value("inquiry", "The bank asks; no money was taken.")
    NEEDS_RESPONSE = value("needs_response", "The merchant should answer at the provider.")
    UNDER_REVIEW = value("under_review", "The bank examines the answer.")
    WON = value("won", "Decided for the merchant: the money stays, or came back.")
    LOST = value("lost", "Decided for the buyer: the money is gone.")
    CLOSED = value("closed", "Over without a decision.")


@object_type
class Dispute:
    """A buyer's complaint about a payment, at their bank."""

    id: strawberry.ID = described("Opaque id.")
    status: DisputeStatus = described("How far it is.")
    reason: str = described("Why, in the provider's word, such as fraudulent.")
    message: str = described("Why, for people, in the language of the request.")
    amount: Money = described("How much is disputed.")
    opened_at: datetime = described("When it began.")
    due_at: datetime | None = described(
        "Until when the merchant may answer; null where nothing is to be answered."
    )
    closed_at: datetime | None = described("When it ended; null while it goes on.")


@object_type
class DeliveredCode:
    """A code in a buyer's hands, masked."""

    id: strawberry.ID = described("Opaque id, to hand to `codeReveal`.")
    masked: str | None = described(
        "The code with most of it hidden; null where the shop's keys were destroyed."
    )
    reports: list[CodeReport] = described("What its buyer said of it, oldest first.")


@object_type
class OrderLine:
    """One variant of an order, as it was when it was bought."""

    id: strawberry.ID = described("Opaque id.")
    view: strawberry.Private[OrderLineView]
    product_name: str = described("The product's name at the time.")
    variant_name: str = described(
        "The variant's name at the time; empty where the product had only one."
    )
    quantity: int = described("How many.")
    unit_price: Money = described("The price of one.")
    total: Money = described("The price of all of this line.")

    @resolver
    async def variant(self, info: Info) -> Variant | None:
        """The variant; null where it is gone."""
        found = await info.context.load(loads.variants, self.view.variant_id)
        return variant(found) if found else None

    @resolver
    async def codes(self, info: Info) -> list[DeliveredCode]:
        """The goods, masked; empty before delivery."""
        found = await info.context.load(loads.order_codes, self.view.order_id) or []
        told = await info.context.load(loads.code_reports, self.view.order_id) or []
        return [
            DeliveredCode(
                id=encode("Code", code.id),
                masked=code.masked,
                reports=[code_report(one) for one in told if one.code_id == code.id],
            )
            for code in found
            if code.order_line_id == self.view.id
        ]


@object_type
class Order(Node):
    """A purchase, from the merchant's side."""

    view: strawberry.Private[OrderView]
    number: str = described("The number that buyer and merchant name.")
    status: OrderStatus = described("How far it is.")
    created_at: datetime = described("When it was placed.")
    expires_at: datetime = described("Until when the goods are held for payment.")
    paid_at: datetime | None = described("When the payment arrived.")
    delivered_at: datetime | None = described("When the goods were handed over.")
    email: str = described("The buyer's email address.")
    locale: str = described("The language the buyer is written to in.")
    buyer_fields: list[OrderBuyerField] = described(
        "What the buyer answered to the products' questions."
    )
    total: Money = described("What was asked for.")

    @resolver
    async def status_note(self, info: Info) -> str | None:
        """What there is to know about the status, in the language of the request."""
        found = await info.context.load(loads.refunds, self.view.id) or []
        return status_note(found, info.context.locale)

    @resolver
    async def lines(self, info: Info) -> list[OrderLine]:
        """What was bought."""
        found = await info.context.load(loads.order_lines, self.view.id) or []
        currency, locale = self.view.currency, info.context.locale
        return [
            OrderLine(
                id=encode("OrderLine", line.id),
                view=line,
                product_name=line.product_name,
                variant_name=line.variant_name,
                quantity=line.quantity,
                unit_price=money(line.unit_price, currency, locale),
                total=money(line.total, currency, locale),
            )
            for line in found
        ]

    @resolver
    async def payments(self, info: Info) -> list[Payment]:
        """Payments, oldest first."""
        found = await info.context.load(loads.payments, self.view.id) or []
        locale = info.context.locale
        return [
            Payment(
                id=encode("Payment", payment.id),
                status=PaymentStatus(payment.state),
                amount=money(payment.amount, payment.currency, locale),
                taken=money(payment.taken, payment.currency, locale),
                fee=money(payment.fee, payment.currency, locale) if payment.taken else None,
                method_name=payment_name(payment.provider, locale),
                provider_reference=payment.provider_reference,
                created_at=payment.created_at,
                paid_at=payment.paid_at,
            )
            for payment in found
        ]

    @resolver
    async def refunds(self, info: Info) -> list[Refund]:
        """Money sent back, or to be sent back."""
        found = await info.context.load(loads.refunds, self.view.id) or []
        return [refund(info.context, view) for view in found]

    @resolver
    async def refunded_state(self, info: Info) -> RefundedState:
        """How much of what it was paid with goes back."""
        return RefundedState(refunded_of(await info.context.load(loads.taken, self.view.id)))

    @resolver
    async def refundable(self, info: Info) -> Money | None:
        """What is left of its payment to refund; null where no payment delivered it, or nothing
        is left."""
        taken = await info.context.load(loads.taken, self.view.id)
        if taken is None or taken.amount == taken.refunded:
            return None
        return money(taken.amount - taken.refunded, taken.currency, info.context.locale)

    @resolver
    async def disputes(self, info: Info) -> list[Dispute]:
        """Disputes of its payments, oldest first."""
        found = await info.context.load(loads.disputes, self.view.id) or []
        locale = info.context.locale
        return [
            Dispute(
                id=encode("Dispute", dispute.id),
                status=DisputeStatus(dispute.status),
                reason=dispute.reason,
                message=dispute_reason(dispute.reason, locale),
                amount=money(dispute.amount, dispute.currency, locale),
                opened_at=dispute.opened_at,
                due_at=dispute.due_at if dispute.awaits_answer else None,
                closed_at=dispute.closed_at,
            )
            for dispute in found
        ]

    @resolver
    async def timeline(self, info: Info) -> list[OrderEvent]:
        """What happened so far, oldest first."""
        found = await info.context.load(loads.order_events, self.view.id) or []
        return [
            OrderEvent(
                kind=event.kind, message=event_message(event, info.context.locale), at=event.at
            )
            for event in found
        ]


@object_type
class OrderResendPayload:
    """The answer to orderResend."""

    order: Order | None = described("The order; null where it was refused.")
    user_errors: list[OrderUserError] = described("Why it was refused; empty on success.")


@object_type
class OrderCancelPayload:
    """The answer to orderCancel."""

    order: Order | None = described("The order as it is now; null where it was refused.")
    user_errors: list[OrderUserError] = described("Why it was refused; empty on success.")


@object_type
class OrderMutation:
    """What a merchant does with orders."""

    @resolver
    async def order_cancel(
        self, info: Info, id: Annotated[strawberry.ID, about("The order.")]
    ) -> OrderCancelPayload:
        """Cancels an order that is not paid, and frees its goods."""
        context, row = info.context, row_of("Order", id)
        call = cancel_order(
            context.installation, context.require_shop().id, row, actor=context.actor
        )
        _, errors = await attempted(context, call, OrderUserError)
        found = None if errors else await context.load(loads.orders_by_id, row)
        return OrderCancelPayload(
            order=order(context, found) if found else None, user_errors=errors
        )

    @resolver
    async def order_resend(
        self, info: Info, id: Annotated[strawberry.ID, about("The order.")]
    ) -> OrderResendPayload:
        """Mails the order's link to its buyer again."""
        context = info.context
        row = row_of("Order", id)
        call = resend_order(
            context.installation, context.require_shop().id, row, actor=context.actor
        )
        _, errors = await attempted(context, call, OrderUserError)
        found = None if errors else await context.load(loads.orders_by_id, row)
        return OrderResendPayload(
            order=order(context, found) if found else None, user_errors=errors
        )


def order(context: RequestContext, view: OrderView) -> Order:
    """An order."""
    return Order(
        id=encode("Order", view.id),
        view=view,
        number=view.number,
        status=OrderStatus(view.status),
        created_at=view.created_at,
        expires_at=view.expires_at,
        paid_at=view.paid_at,
        delivered_at=view.delivered_at,
        email=view.email,
        locale=view.locale,
        buyer_fields=[OrderBuyerField(**answer) for answer in view.buyer_fields],
        total=money(view.total, view.currency, context.locale),
    )


def refund(context: RequestContext, view: RefundView) -> Refund:
    """A refund."""
    return Refund(
        id=encode("Refund", view.id),
        view=view,
        amount=money(view.amount, view.currency, context.locale),
        status=RefundStatus(view.state),
        reason=view.reason,
        message=refund_reason(view.reason, context.locale),
        note=view.note,
        problem=view.problem,
        by_hand=view.by_hand,
        bought_nothing=view.bought_nothing,
        retriable=view.retriable,
        created_at=view.created_at,
    )


async def refunds_connection(
    context: RequestContext,
    first: int | None,
    *,
    after: str | None,
    status: RefundStatus | None,
    bought_nothing: bool | None,
) -> Connection[Refund]:
    """A page of refunds, newest first."""
    size = page_size(first)
    rows = await refunds_page(
        context.reader,
        context.require_shop().id,
        status=status.value if status else None,
        bought_nothing=bought_nothing,
        after=decode_row(after),
        limit=size + 1,
    )
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: refund(context, row),
        key=lambda row: (str(row.id),),
    )


async def orders_connection(
    context: RequestContext,
    first: int | None,
    *,
    after: str | None,
    query: str | None,
    status: OrderStatus | None,
) -> Connection[Order]:
    """A page of orders, newest first."""
    size = page_size(first)
    rows = await orders_page(
        context.reader,
        context.require_shop().id,
        query=query,
        status=status.value if status else None,
        after=decode_row(after),
        limit=size + 1,
    )
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: order(context, row),
        key=lambda row: (str(row.id),),
    )
