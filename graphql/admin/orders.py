"""Orders from their merchant's side."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.families import OrderUserError
from keystall.graphql.admin.order_lines import OrderLine, order_line
from keystall.graphql.admin.payments import Dispute, Payment, dispute, payment
from keystall.graphql.context import Info, Needs, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    list_resolver,
    loaded,
    object_type,
    resolver,
    takes,
)
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import (
    AgainKey,
    Node,
    OrderBuyerField,
    OrderEvent,
    OrderStatus,
    RefundedState,
    RefundStatus,
)
from keystall.graphql.order_words import (
    event_message,
    refund_reason,
    status_note,
)
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.relay import Connection, connection, decode_row, page_size
from keystall.graphql.scalars import Money, money
from keystall.tenants.orders.buyers import ERASED
from keystall.tenants.orders.queries import (
    OrderEventView,
    OrderLineView,
    OrderView,
    PaymentView,
    RefundView,
    TakenView,
    orders_page,
    refunds_page,
)
from keystall.tenants.orders.service import cancel_order, resend_order
from keystall.tenants.payments.disputes import DisputeView
from keystall.tenants.payments.refunding import refunded_of
from keystall.tenants.persons.erasure import buyer_erase


@object_type
class Refund(Node):
    """Money sent back to a buyer, or to be sent back."""

    view: strawberry.Private[RefundView]
    amount: Money = described("How much.")
    status: RefundStatus = described("How far it is.")
    reason: str = described("Why it was decided, for programs, such as sold_out.")
    message: str = described("Why it was decided, for people, in the language of the request.")
    note: str = takes("note")(
        described("What the merchant wrote for the buyer; empty where nothing.")
    )
    problem: str = takes("problem")(
        described("The provider's own reason for not sending it; empty where none.")
    )
    by_hand: bool = described("Whether the merchant sent it past the provider.")
    bought_nothing: bool = described(
        "Whether this is all of a payment that bought nothing: late, doubled, or of a wrong amount"
        " or currency. While due, it may be accepted instead."
    )
    retriable: bool = described("Whether the provider may be asked again to send it.")
    created_at: datetime = described("When it was decided.")

    @loaded(loads.orders_by_id, "view.order_id")
    def order(self, context: RequestContext, found: OrderView | None) -> "Order | None":
        """The order it is about."""
        return order(context, found) if found else None


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
    email: str = described("The buyer's email address; a word that is none once they are erased.")
    buyer_erased: bool = described("Whether who bought was erased: nobody can be written to.")
    locale: str = described("The language the buyer is written to in.")
    total: Money = described("What was asked for.")

    @takes("buyer_fields")
    @list_resolver(assumed=3)
    def buyer_fields(self) -> list[OrderBuyerField]:
        """What the buyer answered to the products' questions."""
        return [OrderBuyerField(**answer) for answer in self.view.buyer_fields]

    @loaded(loads.refunds, "view.id")
    def status_note(
        self, context: RequestContext, found: Sequence[RefundView] | None
    ) -> str | None:
        """What there is to know about the status, in the language of the request."""
        return status_note(found or (), context.locale)

    @loaded(loads.order_lines, "view.id", assumed=2)
    def lines(
        self, context: RequestContext, found: Sequence[OrderLineView] | None
    ) -> list[OrderLine]:
        """What was bought."""
        return [order_line(line, self.view.currency, context.locale) for line in found or ()]

    @loaded(loads.payments, "view.id", assumed=1)
    def payments(
        self, context: RequestContext, found: Sequence[PaymentView] | None
    ) -> list[Payment]:
        """Payments, oldest first."""
        return [payment(view, context.locale) for view in found or ()]

    @loaded(loads.refunds, "view.id", assumed=1)
    def refunds(self, context: RequestContext, found: Sequence[RefundView] | None) -> list[Refund]:
        """Money sent back, or to be sent back."""
        return [refund(context, view) for view in found or ()]

    @loaded(loads.taken, "view.id")
    def refunded_state(self, _: RequestContext, found: TakenView | None) -> RefundedState:
        """How much of what it was paid with goes back."""
        return RefundedState(refunded_of(found))

    @loaded(loads.taken, "view.id")
    def refundable(self, context: RequestContext, found: TakenView | None) -> Money | None:
        """What is left of its payment to refund; null where no payment delivered it, or nothing
        is left."""
        if found is None or found.amount == found.refunded:
            return None
        return money(found.amount - found.refunded, found.currency, context.locale)

    @loaded(loads.disputes, "view.id", assumed=1)
    def disputes(
        self, context: RequestContext, found: Sequence[DisputeView] | None
    ) -> list[Dispute]:
        """Disputes of its payments, oldest first."""
        return [dispute(view, context.locale) for view in found or ()]

    @loaded(loads.order_events, "view.id", assumed=4)
    def timeline(
        self, context: RequestContext, found: Sequence[OrderEventView] | None
    ) -> list[OrderEvent]:
        """What happened so far, oldest first."""
        return [
            OrderEvent(kind=event.kind, message=event_message(event, context.locale), at=event.at)
            for event in found or ()
        ]


@object_type
class OrderResendPayload(Payload[OrderUserError]):
    """The answer to orderResend."""

    order: Order | None = described("The order; null where it was refused.")


@object_type
class OrderCancelPayload(Payload[OrderUserError]):
    """The answer to orderCancel."""

    order: Order | None = described("The order as it is now; null where it was refused.")


@object_type
class OrderBuyerErasePayload(Payload[OrderUserError]):
    """The answer to orderBuyerErase."""

    order: Order | None = described("The order as it is now; null where it was refused.")


@object_type
class OrderMutation:
    """What a merchant does with orders."""

    @resolver
    async def order_cancel(
        self,
        info: Info,
        id: Annotated[strawberry.ID, about("The order.")],
        idempotency_key: AgainKey = None,
    ) -> OrderCancelPayload:
        """Cancels an order that is not paid, and frees its goods."""
        context, row = info.context, row_of("Order", id)
        call = cancel_order(
            context.installation, context.require_shop().id, row,
            actor=context.actor, idempotency_key=idempotency_key,
        )  # fmt: skip
        now, errors = await order_after(context, row, call)
        return OrderCancelPayload(order=now, user_errors=errors)

    @resolver
    async def order_resend(
        self, info: Info, id: Annotated[strawberry.ID, about("The order.")]
    ) -> OrderResendPayload:
        """Mails the order's link to its buyer again."""
        context, row = info.context, row_of("Order", id)
        call = resend_order(
            context.installation, context.require_shop().id, row, actor=context.actor
        )
        now, errors = await order_after(context, row, call)
        return OrderResendPayload(order=now, user_errors=errors)

    @resolver
    async def order_buyer_erase(
        self, info: Info, id: Annotated[strawberry.ID, about("The order.")]
    ) -> OrderBuyerErasePayload:
        """Erases the order's buyer from this shop: address, answers and what they wrote, in all
        their orders. What was bought, paid and booked stays, and so does the order's link."""
        context, row = info.context, row_of("Order", id)
        call = buyer_erase(context.installation, context.require_shop(), row)
        now, errors = await order_after(context, row, call)
        return OrderBuyerErasePayload(order=now, user_errors=errors)


async def order_after(
    context: RequestContext, row: UUID, call: Awaitable[object]
) -> tuple[Order | None, list[OrderUserError]]:
    """The order as a call left it, or None and why it was refused."""
    _, errors = await attempted(context, call, OrderUserError)
    found = None if errors else await context.load(loads.orders_by_id, row)
    return order(context, found) if found else None, errors


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
        buyer_erased=view.email == ERASED,
        locale=view.locale,
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
    needs: Needs,
) -> Connection[Refund]:
    """A page of refunds, newest first."""
    size = page_size(first)
    rows = await refunds_page(
        context.once(needs),
        context.require_shop().id,
        status=status.value if status else None,
        bought_nothing=bought_nothing,
        after=decode_row(after),
        limit=size + 1,
        without=needs.without(Refund),
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
    needs: Needs,
) -> Connection[Order]:
    """A page of orders, newest first."""
    size = page_size(first)
    rows = await orders_page(
        context.once(needs),
        context.require_shop().id,
        query=query,
        status=status.value if status else None,
        after=decode_row(after),
        limit=size + 1,
        without=needs.without(Order),
    )
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: order(context, row),
        key=lambda row: (str(row.id),),
    )
