"""What a buyer can do."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry

from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    enum_type,
    input_type,
    object_type,
    resolver,
    value,
)
from keystall.graphql.ids import row_of
from keystall.graphql.nouns import AgainKey
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.scalars import URL
from keystall.graphql.storefront.cart import Cart, CartUserError, cart_of
from keystall.graphql.storefront.code_reports import CodeReportMutation
from keystall.graphql.storefront.customers import CustomerMutation
from keystall.graphql.storefront.order import (
    Order,
    OrderUserError,
    order_of,
    row_of_token,
)
from keystall.graphql.storefront.recovery import RecoveryMutation
from keystall.tenants.checkout import carts
from keystall.tenants.checkout.carts import LineChange, NewLine
from keystall.tenants.checkout.completion import cart_complete
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.languages import spoken_locale
from keystall.tenants.orders.service import cancel_order
from keystall.tenants.payments.checks import Finding, find_payment
from keystall.tenants.payments.returning import checked_return
from keystall.tenants.payments.service import start_payment
from keystall.tenants.shops.shop import Shop

Answer = TypeVar("Answer")
CartId = Annotated[strawberry.ID, about("Which cart: what `cartCreate` answered.")]


@input_type
class CartLineInput:
    """How many of a variant to put into a cart."""

    variant_id: strawberry.ID = described("What is to be bought: the `id` of a product's variant.")
    quantity: int = described("How many.", default=1)


@input_type
class CartLineUpdateInput:
    """A new quantity for a line."""

    id: strawberry.ID = described("The line.")
    quantity: int = described("How many; 0 removes the line.")


@input_type
class BuyerFieldValueInput:
    """An answer to a product's question."""

    key: str = described("The question's key.")
    value: str = described("The answer.")


@input_type
class CartBuyerInput:
    """Who buys."""

    email: str | None = described(
        "Where the goods and the order's link go; stays as it is when left out.", default=None
    )
    locale: str | None = described(
        "The language to write to the buyer in; the request's when left out.", default=None
    )
    buyer_fields: list[BuyerFieldValueInput] = described(
        "Answers to the products' questions; those left out stay as they are.",
        default_factory=list,
    )


@input_type
class CartCreateInput:
    """A new cart."""

    currency: str | None = described(
        "The currency to buy in; the request's when left out.", default=None
    )
    lines: list[CartLineInput] = described("The first lines.", default_factory=list)
    buyer: CartBuyerInput | None = described(
        "Who buys, where that is known already: it saves a cartBuyerUpdate.", default=None
    )


@object_type
class CartCreatePayload(Payload[CartUserError]):
    """The answer to cartCreate."""

    cart: Cart | None = described("The new cart; null where it was refused.")


@object_type
class CartLinesAddPayload(Payload[CartUserError]):
    """The answer to cartLinesAdd."""

    cart: Cart | None = described("The cart as it is now; null where it was refused.")


@object_type
class CartLinesUpdatePayload(Payload[CartUserError]):
    """The answer to cartLinesUpdate."""

    cart: Cart | None = described("The cart as it is now; null where it was refused.")


@object_type
class CartLinesRemovePayload(Payload[CartUserError]):
    """The answer to cartLinesRemove."""

    cart: Cart | None = described("The cart as it is now; null where it was refused.")


@object_type
class CartBuyerUpdatePayload(Payload[CartUserError]):
    """The answer to cartBuyerUpdate."""

    cart: Cart | None = described("The cart as it is now; null where it was refused.")


@object_type
class CartCompletePayload(Payload[CartUserError]):
    """The answer to cartComplete."""

    order: Order | None = described("The order; null where it was refused.")
    redirect_url: URL | None = described(
        "Where to pay; null where it was refused, and while the provider does not answer."
    )


@object_type
class OrderCancelPayload(Payload[OrderUserError]):
    """The answer to orderCancel."""

    order: Order | None = described("The order as it is now; null where it was refused.")


@enum_type
class PaymentFinding(Enum):
    """What the provider said about an order's payment."""

    FOUND = value("found", "It was paid; the order has been brought up to date.")
    NOTHING_PAID = value("nothing_paid", "Nothing was paid, as far as the provider knows by now.")
    PROVIDER_AWAY = value("provider_away", "The provider does not answer; it is asked again.")
    SETTLED = value("settled", "The order does not wait for a payment; nothing was asked.")


@object_type
class OrderPaymentCheckPayload(Payload[OrderUserError]):
    """The answer to orderPaymentCheck."""

    order: Order | None = described("The order as it is now; null where it was refused.")
    finding: PaymentFinding | None = described("What came of it; null where it was refused.")


@object_type
class Mutation(RecoveryMutation, CodeReportMutation, CustomerMutation):
    """What a buyer can do."""

    @resolver
    async def cart_create(
        self, info: Info, input: Annotated[CartCreateInput, about("The new cart.")]
    ) -> CartCreatePayload:
        """Starts a cart."""
        context = info.context
        call = _create(context, input, input.buyer or CartBuyerInput())
        made, errors = await attempted(context, call, CartUserError)
        cart = await cart_of(context, made, changed=True) if made else None
        if cart is not None:
            context.effect("cart", cart.id)
        return CartCreatePayload(cart=cart, user_errors=errors)

    @resolver
    async def cart_lines_add(
        self,
        info: Info,
        cart_id: CartId,
        lines: Annotated[list[CartLineInput], about("What to put in.")],
    ) -> CartLinesAddPayload:
        """Puts variants into a cart; a variant that is in it already grows."""
        cart = row_of("Cart", cart_id)
        call = carts.cart_lines_add(*_shop(info.context), cart, _lines(lines))
        return await _changed(info.context, cart, call, CartLinesAddPayload)

    @resolver
    async def cart_lines_update(
        self,
        info: Info,
        cart_id: CartId,
        lines: Annotated[list[CartLineUpdateInput], about("The new quantities.")],
    ) -> CartLinesUpdatePayload:
        """Changes how many a cart has of its lines."""
        cart = row_of("Cart", cart_id)
        changes = [LineChange(row_of("CartLine", line.id), line.quantity) for line in lines]
        call = carts.cart_lines_update(*_shop(info.context), cart, changes)
        return await _changed(info.context, cart, call, CartLinesUpdatePayload)

    @resolver
    async def cart_lines_remove(
        self,
        info: Info,
        cart_id: CartId,
        line_ids: Annotated[
            list[strawberry.ID], about("Which lines go, by their `id` in the cart.")
        ],
    ) -> CartLinesRemovePayload:
        """Takes lines out of a cart."""
        cart = row_of("Cart", cart_id)
        rows = [row_of("CartLine", line) for line in line_ids]
        call = carts.cart_lines_remove(*_shop(info.context), cart, rows)
        return await _changed(info.context, cart, call, CartLinesRemovePayload)

    @resolver
    async def cart_buyer_update(
        self, info: Info, cart_id: CartId, input: Annotated[CartBuyerInput, about("Who buys.")]
    ) -> CartBuyerUpdatePayload:
        """Says who buys and answers the products' questions."""
        cart = row_of("Cart", cart_id)
        call = _buyer_update(info.context, cart, input)
        return await _changed(info.context, cart, call, CartBuyerUpdatePayload)

    @resolver
    async def cart_complete(
        self,
        info: Info,
        cart_id: CartId,
        payment_method: Annotated[
            strawberry.ID, about("The way to pay: an id from `shop.paymentMethods`.")
        ],
        idempotency_key: Annotated[
            str, about("A text of your own, new for each purchase, 8 to 64 characters.")
        ],
        return_url: Annotated[
            str | None,
            about(
                "Where the provider sends the buyer after paying, with `{token}` in the place of"
                " the order's token, such as `https://www.example.com/#/order/{token}`: on a site"
                " of the storefront token that the request comes with. Left out, it is the order's"
                " page in the shop."
            ),
        ] = None,
    ) -> CartCompletePayload:
        """Makes an order of a cart, holds the goods, and tells where to pay. The same key with the
        same input answers the same order."""
        context = info.context
        call = _complete(context, cart_id, payment_method, idempotency_key, return_url)
        row, errors = await attempted(context, call, CartUserError)
        if row is None:
            return CartCompletePayload(order=None, redirect_url=None, user_errors=errors)
        # The cart stays with its buyer: sent again it answers the same order, and whoever left the
        # payment page finds the order through it. The next purchase starts another one.
        context.effect("bought", cart_id)
        address = await start_payment(context.installation, context.require_shop(), row)
        return CartCompletePayload(
            order=await order_of(context, row, changed=True),
            redirect_url=URL(address) if address else None,
            user_errors=[],
        )

    @resolver
    async def order_cancel(
        self,
        info: Info,
        token: Annotated[str, about("The order's token.")],
        idempotency_key: AgainKey = None,
    ) -> OrderCancelPayload:
        """Cancels an order that is not paid, and frees its goods."""
        row = row_of_token(info.context, token)
        call = _cancel(info.context, row, idempotency_key)
        _, errors = await attempted(info.context, call, OrderUserError)
        order = await order_of(info.context, row, changed=True) if row and not errors else None
        return OrderCancelPayload(order=order, user_errors=errors)

    @resolver
    async def order_payment_check(
        self, info: Info, token: Annotated[str, about("The order's token.")]
    ) -> OrderPaymentCheckPayload:
        """Asks the provider at once whether the order was paid, for a buyer who has paid and sees
        nothing of it. Safe to repeat; a few times in five minutes."""
        row = row_of_token(info.context, token)
        call = _find_payment(info.context, row)
        finding, errors = await attempted(info.context, call, OrderUserError)
        return OrderPaymentCheckPayload(
            order=await order_of(info.context, row, changed=True) if row and finding else None,
            finding=PaymentFinding(finding) if finding else None,
            user_errors=errors,
        )


def _shop(context: RequestContext) -> tuple[Installation, Shop]:
    return context.installation, context.require_shop()


def _lines(asked: list[CartLineInput]) -> list[NewLine]:
    return [NewLine(row_of("Variant", line.variant_id), line.quantity) for line in asked]


async def _changed(
    context: RequestContext, cart: UUID, call: Awaitable[None], payload: type[Answer]
) -> Answer:
    """The payload of a change to a cart that answers nothing by itself."""
    _, errors = await attempted(context, call, CartUserError)
    make: Any = payload
    changed: Answer = make(
        cart=None if errors else await cart_of(context, cart, changed=True), user_errors=errors
    )
    return changed


async def _create(context: RequestContext, asked: CartCreateInput, buyer: CartBuyerInput) -> UUID:
    with _placed_answers(buyer):
        return await carts.cart_create(
            *_shop(context),
            _lines(asked.lines),
            currency=asked.currency or context.currency,
            locale=spoken_locale(buyer.locale or "") or context.locale,
            buyer=carts.CartBuyer(buyer.email, _answers(buyer)),
        )


async def _buyer_update(context: RequestContext, cart: UUID, asked: CartBuyerInput) -> None:
    with _placed_answers(asked):
        await carts.cart_buyer_update(
            *_shop(context),
            cart,
            email=asked.email,
            locale=asked.locale or context.locale,
            answers=_answers(asked),
        )


def _answers(asked: CartBuyerInput) -> dict[str, str]:
    return {answer.key: answer.value for answer in asked.buyer_fields}


@contextmanager
def _placed_answers(asked: CartBuyerInput) -> Iterator[None]:
    """Answers are a list here and a mapping below: paths of refusals lead back to the list."""
    try:
        yield
    except Refused as refused:
        places = {answer.key: str(at) for at, answer in enumerate(asked.buyer_fields)}
        raise Refused(*(_placed(error, places) for error in refused.errors)) from None


def _placed(error: UserError, places: dict[str, str]) -> UserError:
    *above, key = error.path or ("",)
    if above[-1:] != ["buyer_fields"] or key not in places:
        return error
    return UserError(error.code, (*above, places[key], "value"), error.params)


async def _complete(
    context: RequestContext, cart: str, method: str, key: str, return_url: str | None
) -> UUID:
    site = context.storefront_token
    return await cart_complete(
        *_shop(context),
        row_of("Cart", cart),
        payment_account_id=row_of("PaymentMethod", method),
        idempotency_key=key,
        address=context.address,
        return_url=checked_return(return_url, site.origins if site else frozenset()),
    )


async def _cancel(context: RequestContext, row: UUID | None, key: str | None) -> None:
    if row is None:
        raise refuse("NOT_FOUND", "token")
    await cancel_order(context.installation, context.require_shop().id, row, idempotency_key=key)


async def _find_payment(context: RequestContext, row: UUID | None) -> Finding:
    if row is None:
        raise refuse("NOT_FOUND", "token")
    # The provider is waited for: nothing stays open meanwhile.
    await context.reader.close()
    return await find_payment(context.installation, context.require_shop().id, row)
