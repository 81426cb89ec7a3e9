"""Carts and what buyers do with them."""

from enum import Enum
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    derived,
    described,
    list_resolver,
    loaded,
    object_type,
    resolver,
    takes,
)
from keystall.graphql.ids import encode
from keystall.graphql.nouns import BuyerField, Node, buyer_field
from keystall.graphql.refusals import UserError, error_codes
from keystall.graphql.scalars import Money, money
from keystall.graphql.storefront.catalog import Variant, variant
from keystall.graphql.storefront.order import Order, order_of
from keystall.graphql.wording import worded
from keystall.tenants.catalog.queries import VariantView
from keystall.tenants.checkout.pricing import CartLineView, cart_problems
from keystall.tenants.checkout.queries import CartView, cart_by_id

CartErrorCode = error_codes(
    "CartErrorCode", "a cart",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "CONFLICT", "SOLD_OUT", "NOT_ENOUGH_STOCK",
    "OVER_LIMIT", "UNDER_MINIMUM", "CURRENCY_UNAVAILABLE", "CART_EMPTY", "CART_COMPLETED",
    "RETURN_NOT_ALLOWED",
    "EMAIL_INVALID", "PAYMENT_METHOD_UNAVAILABLE", "IDEMPOTENCY_MISMATCH", "SHOP_CLOSED",
    "THROTTLED", "UNPAID_LIMIT",
)  # fmt: skip


@object_type
class CartUserError(UserError):
    """Why a request to change a cart was refused."""

    family = CartErrorCode
    code: Enum = described("The reason for programs.", graphql_type=CartErrorCode)


@object_type
class CartLine:
    """One variant in a cart."""

    id: strawberry.ID = described("Opaque id, to change or remove this line.")
    view: strawberry.Private[CartLineView]
    quantity: int = described("How many.")
    unit_price: Money | None = described(
        "The price of one now; null where it is not sold in the cart's currency any more."
    )
    total: Money | None = described(
        "The price of all of this line now; null where it is not sold in the cart's currency any"
        " more."
    )

    @loaded(loads.variants, "view.variant_id")
    def variant(self, context: RequestContext, found: VariantView | None) -> Variant:
        """What is bought."""
        if found is None:
            raise LookupError("a cart line without a variant")
        return variant(found)


@object_type
class CartBuyerField:
    """A question to the buyer and the answer given so far."""

    field: BuyerField = described("The question.")
    value: str | None = described("The answer; null where none was given.")


@object_type
class CartProblem:
    """Something that stands in the way of checkout."""

    line_id: strawberry.ID | None = described(
        "The line it is about; null where it is about the whole cart."
    )
    code: Enum = described("What it is, for programs.", graphql_type=CartErrorCode)
    message: str = described("What it is, for people, in the language of the request.")


@object_type
class Cart(Node):
    """What a buyer means to buy. Its id is the key to it: keep it to the buyer."""

    lines: list[CartLine] = described("The lines, in the order they were put in.", assumed=3)
    item_count: int = described("How many items all lines have together.")
    currency_code: str = described("The currency of every amount in this cart.")
    subtotal: Money = described("Sum of the lines.")
    total: Money = described("What will be asked for, everything included.")
    email: str | None = described("Where the goods and the order's link will be sent, once known.")
    locale: str = described("The language the buyer is written to in.")
    view: strawberry.Private[CartView]
    buyer_fields: list[CartBuyerField] = takes("questions", "answers")(
        derived(
            lambda cart: _asked(cart.view),
            "What the products in this cart ask the buyer for, each with the answer given so far.",
            assumed=3,
        )
    )
    completed: bool = described("Whether it has become an order: it then cannot change any more.")

    @takes("in_stock")
    @list_resolver(assumed=2)
    def problems(self, info: Info) -> list[CartProblem]:
        """What stands in the way of checkout now; empty when nothing does."""
        return [] if self.view.order_id else _problems(info.context, self.view)

    @resolver
    async def order(self, info: Info) -> Order | None:
        """The order that it has become; null before."""
        return await order_of(info.context, self.view.order_id) if self.view.order_id else None


async def cart_of(context: RequestContext, row: UUID, *, changed: bool = False) -> Cart | None:
    """The cart of this id as it stands now; None where the shop has none. `changed`: by this
    request, which seldom reads more of it than its row and needs no transaction for that."""
    db = context.reader.lone() if changed else context.reader
    shop, without = context.require_shop().id, context.without("Cart")
    view = await cart_by_id(db, shop, row, without=without)
    return _cart(context, view) if view else None


def _cart(context: RequestContext, view: CartView) -> Cart:
    def priced(amount: int) -> Money:
        return money(amount, view.currency, context.locale)

    return Cart(
        id=encode("Cart", view.id),
        lines=[
            CartLine(
                id=encode("CartLine", line.id),
                view=line,
                quantity=line.quantity,
                unit_price=priced(line.unit_price) if line.unit_price is not None else None,
                total=priced(line.total) if line.total is not None else None,
            )
            for line in view.lines
        ],
        item_count=sum(line.quantity for line in view.lines),
        currency_code=view.currency,
        subtotal=priced(view.total),
        total=priced(view.total),
        email=view.email or None,
        locale=view.locale,
        completed=view.order_id is not None,
        view=view,
    )


def _asked(view: CartView) -> list[CartBuyerField]:
    return [
        CartBuyerField(field=buyer_field(asked), value=view.answers.get(asked["key"]))
        for asked in view.questions
    ]


def _problems(context: RequestContext, view: CartView) -> list[CartProblem]:
    return [
        CartProblem(
            line_id=encode("CartLine", problem.line_id) if problem.line_id else None,
            code=CartErrorCode[problem.error.code],
            message=worded(problem.error.code, context.locale, problem.error.params),
        )
        for problem in cart_problems(view.lines)
    ]
