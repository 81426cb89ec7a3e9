"""Orders as their buyers see them: opened by their token alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.code_reports import CodeReportReason, CodeReportStatus
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    Source,
    derived,
    described,
    loaded,
    object_type,
    resolver,
    takes,
)
from keystall.graphql.ids import encode
from keystall.graphql.nouns import (
    OrderBuyerField,
    OrderEvent,
    OrderStatus,
    RefundedState,
    RefundStatus,
)
from keystall.graphql.order_words import event_message, payment_name, refund_reason, status_note
from keystall.graphql.refusals import UserError, error_codes
from keystall.graphql.scalars import URL, Money, money
from keystall.graphql.storefront.shop import Shop, shop
from keystall.platform.database import Row
from keystall.tenants.code_reports.queries import ReportView
from keystall.tenants.delivery.service import reveal_order_codes
from keystall.tenants.orders.queries import (
    OrderEventView,
    OrderLineView,
    OrderView,
    PaymentView,
    RefundView,
    TakenView,
    order_by_id,
)
from keystall.tenants.orders.tokens import order_of_token, order_token
from keystall.tenants.payments.refunding import refunded_of
from keystall.tenants.payments.service import start_payment
from keystall.tenants.stock.sealing import KeysDestroyed

OrderErrorCode = error_codes(
    "OrderErrorCode",
    "an order",
    "INVALID",
    "NOT_FOUND",
    "CONFLICT",
    "REQUIRED",
    "EMAIL_INVALID",
    "THROTTLED",
    "DUPLICATE",
    "TOO_LONG",
    "IDEMPOTENCY_MISMATCH",
)


@object_type
class OrderUserError(UserError):
    """Why a request to change an order was refused."""

    family = OrderErrorCode
    code: Enum = described("The reason for programs.", graphql_type=OrderErrorCode)


@object_type
class CodeReport:
    """What the buyer reported of a code, and the seller's answer."""

    status: CodeReportStatus = described("What became of it.")
    reason: CodeReportReason = described("What is wrong with the code.")
    note: str = takes("note")(described("What the buyer wrote; empty where nothing."))
    answer: str = takes("answer")(described("What the seller wrote; empty where nothing."))
    created_at: datetime = described("When it was reported.")
    answered_at: datetime | None = described("When it was answered; null while it waits.")


@object_type
class Code:
    """One delivered code."""

    id: strawberry.ID = described("Opaque id.")
    row: strawberry.Private[UUID]
    order_id: strawberry.Private[UUID]

    @takes("sealed")
    @loaded(loads.code_masks, "order_id")
    def masked(self, _: RequestContext, found: Mapping[UUID, str | None] | None) -> str | None:
        """The code with most of it hidden; null where the shop's keys were destroyed."""
        return (found or {}).get(self.row)

    @resolver
    async def secret(self, info: Info) -> str | None:
        """The code itself; null where the shop's keys were destroyed and nobody can read it again.
        Asking for it is recorded as a reveal each time."""
        opened = await info.context.load(_revealed, self.order_id) or {}
        return opened.get(self.row)

    @loaded(loads.code_reports, "order_id")
    def report(self, _: RequestContext, found: Sequence[ReportView] | None) -> CodeReport | None:
        """The newest report that it does not work; null where there is none."""
        last = next((one for one in reversed(found or ()) if one.code_id == self.row), None)
        if last is None:
            return None
        return CodeReport(
            status=CodeReportStatus(last.state),
            reason=CodeReportReason(last.reason),
            note=last.note,
            answer=last.answer,
            created_at=last.created_at,
            answered_at=last.answered_at,
        )


@object_type
class OrderLine:
    """One variant of an order, as it was when it was bought."""

    id: strawberry.ID = described("Opaque id.")
    view: strawberry.Private[OrderLineView]
    # The order, once it may have goods: until then they are not looked for.
    goods_of: strawberry.Private[UUID | None]
    product_name: str = described("The product's name at the time.")
    variant_name: str = described(
        "The variant's name at the time; empty where the product had only one."
    )
    quantity: int = described("How many.")
    unit_price: Money = described("The price of one.")
    total: Money = described("The price of all of this line.")

    @loaded(loads.order_codes, "goods_of", assumed=2)
    def codes(self, _: RequestContext, found: Sequence[Row] | None) -> list[Code]:
        """The goods, once delivered; empty before."""
        return [
            Code(id=encode("Code", code["id"]), row=code["id"], order_id=self.view.order_id)
            for code in found or ()
            if code["order_line_id"] == self.view.id
        ]


@object_type
class Refund:
    """Money sent back to the buyer."""

    amount: Money = described("How much.")
    status: RefundStatus = described("How far it is.")
    reason: str = described("Why, in the language of the request.")
    note: str = described("What the seller writes about it; empty where nothing.")
    by_hand: bool = described("Whether the seller sent it past the provider.")
    created_at: datetime = described("When it was decided.")


@object_type
class Order:
    """A purchase. It opens by its token only."""

    id: strawberry.ID = described("Opaque id; it does not open the order.")
    view: strawberry.Private[OrderView]
    token: str = described("The unguessable key of the order's page.")
    number: str = described("The number to name when writing to the seller; it opens nothing.")
    status: OrderStatus = described("How far it is.")
    expires_at: datetime = described("Until when the goods are held for payment.")
    created_at: datetime = described("When it was placed.")
    paid_at: datetime | None = described("When the payment arrived.")
    delivered_at: datetime | None = described("When the goods were handed over.")
    email: str = described("Where the order's link was sent.")
    buyer_fields: list[OrderBuyerField] = takes("buyer_fields")(
        derived(
            lambda order: [OrderBuyerField(**answer) for answer in order.view.buyer_fields],
            "What the buyer answered to the products' questions.",
            assumed=3,
        )
    )
    total: Money = described("What was asked for.")

    @loaded(loads.refunds, "view.id")
    def status_note(
        self, context: RequestContext, found: Sequence[RefundView] | None
    ) -> str | None:
        """What the buyer should know about the status, in the language of the request; null where
        the status says it all."""
        return status_note(found or (), context.locale)

    @loaded(loads.order_lines, "view.id", assumed=2)
    def lines(
        self, context: RequestContext, found: Sequence[OrderLineView] | None
    ) -> list[OrderLine]:
        """What was bought."""
        currency, locale = self.view.currency, context.locale
        goods_of = None if self.view.status == "pending" else self.view.id
        return [
            OrderLine(
                id=encode("OrderLine", line.id),
                view=line,
                goods_of=goods_of,
                product_name=line.product_name,
                variant_name=line.variant_name,
                quantity=line.quantity,
                unit_price=money(line.unit_price, currency, locale),
                total=money(line.total, currency, locale),
            )
            for line in found or ()
        ]

    @resolver
    async def payment_url(self, info: Info) -> URL | None:
        """Where to pay, while payment is awaited; null while the provider does not answer."""
        if self.view.status != "pending":
            return None
        context = info.context
        payments = await context.load(loads.payments, self.view.id) or []
        address = payments[-1].redirect_url if payments else None
        if address is None:
            # The provider was away when the order was placed. Nothing stays open while it is asked.
            await context.reader.close()
            address = await start_payment(
                context.installation, context.require_shop(), self.view.id
            )
        return URL(address) if address else None

    @loaded(loads.payments, "view.id")
    def payment_method_name(
        self, context: RequestContext, found: Sequence[PaymentView] | None
    ) -> str:
        """The name of the way to pay that was chosen."""
        return payment_name(found[-1].provider, context.locale) if found else ""

    @loaded(loads.refunds, "view.id", assumed=1)
    def refunds(self, context: RequestContext, found: Sequence[RefundView] | None) -> list[Refund]:
        """Money sent back, or to be sent back."""
        return [
            Refund(
                amount=money(refund.amount, refund.currency, context.locale),
                status=RefundStatus(refund.state),
                reason=refund_reason(refund.reason, context.locale),
                note=refund.note,
                by_hand=refund.by_hand,
                created_at=refund.created_at,
            )
            for refund in found or ()
        ]

    @loaded(loads.taken, "view.id")
    def refunded_state(self, _: RequestContext, found: TakenView | None) -> RefundedState:
        """How much of what it was paid with goes back; the codes stay with the buyer."""
        return RefundedState(refunded_of(found))

    @loaded(loads.order_events, "view.id", assumed=4)
    def timeline(
        self, context: RequestContext, found: Sequence[OrderEventView] | None
    ) -> list[OrderEvent]:
        """What happened so far, oldest first."""
        return [
            OrderEvent(kind=event.kind, message=event_message(event, context.locale), at=event.at)
            for event in found or ()
        ]

    @resolver
    def shop(self, info: Info) -> Shop:
        """The shop it was placed in, with the seller's contact."""
        return shop(info.context)


async def _revealed(
    context: RequestContext, orders: Sequence[UUID]
) -> Mapping[UUID, Mapping[UUID, str]]:
    """The plain codes of orders; each is recorded."""
    shop_id = context.require_shop().id
    try:
        return {
            order: await reveal_order_codes(
                context.installation, shop_id, order, address=context.address
            )
            for order in orders
        }
    except KeysDestroyed:
        return {}


def row_of_token(context: RequestContext, token: str) -> UUID | None:
    """The order a token opens in the request's shop; None for any other text."""
    return order_of_token(context.installation.keys, context.require_shop().id, token)


async def order_of(context: RequestContext, row: UUID, *, changed: bool = False) -> Order | None:
    """An order whose token was shown; None where the shop has none. `changed`: see `cart_of`."""
    shop_id = context.require_shop().id
    db = context.reader.lone() if changed else context.reader
    view = await order_by_id(db, shop_id, row, without=context.without("Order"))
    if view is None:
        return None
    return Order(
        id=encode("Order", view.id),
        view=view,
        token=order_token(context.installation.keys, shop_id, view.id),
        number=view.number,
        status=OrderStatus(view.status),
        expires_at=view.expires_at,
        created_at=view.created_at,
        paid_at=view.paid_at,
        delivered_at=view.delivered_at,
        email=view.email,
        total=money(view.total, view.currency, context.locale),
    )


def _topic(context: RequestContext, token: str) -> str | None:
    row = row_of_token(context, token)
    return f"{context.require_shop().id}:order:{row}" if row else None


async def _is_over(context: RequestContext, token: str) -> bool:
    """Whether nothing will ever be told of it: an order that is there may change for years."""
    row = row_of_token(context, token)
    shop = context.require_shop().id
    return row is None or await order_by_id(context.reader, shop, row) is None


ORDER_CHANGES = Source(_topic, _is_over)
