"""Customers of the shop: who asks, what they bought, and how they sign in and out.

On the shop's own pages a cookie carries the session; over HTTP its secret is answered once and sent
along as a bearer.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from keystall.graphql import loads
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    loaded,
    object_type,
    resolver,
)
from keystall.graphql.ids import encode
from keystall.graphql.nouns import OrderStatus, RefundedState
from keystall.graphql.refusals import Payload, UserError, attempted, error_codes
from keystall.graphql.relay import After, Connection, First, connection, decode_row, page_size
from keystall.graphql.scalars import Money, money
from keystall.graphql.tries import count_try
from keystall.tenants.customers import links, passwords, sessions
from keystall.tenants.customers.sessions import Customer as Known
from keystall.tenants.identity.service import SignedIn, Visitor
from keystall.tenants.orders.queries import OrderLineView, OrderView, TakenView, orders_of_email
from keystall.tenants.orders.tokens import order_token
from keystall.tenants.payments.refunding import refunded_of

_MAILS_TO_EMAIL = 5
_TRIES_OF_EMAIL = 10

CustomerErrorCode = error_codes(
    "CustomerErrorCode", "signing in", "REQUIRED", "EMAIL_INVALID", "CREDENTIALS_WRONG",
    "LINK_INVALID", "LINK_NEEDED", "PASSWORD_TOO_SHORT", "PASSWORD_TOO_LONG",
    "PASSWORD_TOO_COMMON", "THROTTLED",
)  # fmt: skip

Email = Annotated[str, about("The email address.")]
Token = Annotated[str, about("The token in the mailed link: what follows its last slash.")]
_SESSION = (
    "The session's secret, to send as a bearer for 30 days; null on the shop's own pages, where a"
    " cookie carries it."
)


@object_type
class CustomerUserError(UserError):
    """Why a request to sign in, or about the customer, was refused."""

    family = CustomerErrorCode
    code: Enum = described("The reason for programs.", graphql_type=CustomerErrorCode)


@object_type
class BoughtItem:
    """One line of an order, in short."""

    product_name: str = described("The product's name at the time.")
    variant_name: str = described(
        "The variant's name at the time; empty where the product had only one."
    )
    quantity: int = described("How many.")


@object_type
class OrderSummary:
    """An order in a customer's list; its token opens the whole of it."""

    view: strawberry.Private[OrderView]
    id: strawberry.ID = described("Opaque id; it does not open the order.")
    token: str = described("The unguessable key of the order's page.")
    number: str = described("The number to name when writing to the seller.")
    status: OrderStatus = described("How far it is.")
    created_at: datetime = described("When it was placed.")
    total: Money = described("What was asked for.")

    @loaded(loads.order_lines, "view.id", assumed=2)
    def items(self, _: RequestContext, found: Sequence[OrderLineView] | None) -> list[BoughtItem]:
        """What was bought."""
        return [
            BoughtItem(
                product_name=line.product_name,
                variant_name=line.variant_name,
                quantity=line.quantity,
            )
            for line in found or ()
        ]

    @loaded(loads.taken, "view.id")
    def refunded_state(self, _: RequestContext, found: TakenView | None) -> RefundedState:
        """How much of what it was paid with goes back."""
        return RefundedState(refunded_of(found))


_NOT_SUMMED_UP = frozenset({"buyer_fields"})


@object_type
class Customer:
    """Somebody who is signed in at this shop; nobody in any other."""

    known: strawberry.Private[Known]
    id: strawberry.ID = described("Opaque id.")
    email: str | None = described("The proven address; null while none is.")
    has_password: bool = described("Whether a password was set.")
    fresh: bool = described(
        "Whether they signed in by a mailed link or a provider a moment ago, and may set a password"
        " without saying the one before."
    )

    @resolver
    async def orders(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[OrderSummary]:
        """Every order placed with the proven address, those before the first sign-in too, newest
        first."""
        context, size, start = info.context, page_size(first), decode_row(after)
        shop = context.require_shop().id
        rows: list[OrderView] = []
        if self.known.email is not None:
            rows = await orders_of_email(
                context.reader,
                shop,
                self.known.email,
                after=start,
                limit=size + 1,
                without=_NOT_SUMMED_UP,
            )
        return connection(
            rows,
            size,
            after=after,
            node=lambda row: _summary(context, row),
            key=lambda row: (str(row.id),),
        )


@object_type
class CustomerLink:
    """A mailed link that still works."""

    email: str = described("The address that it signs in.")
    elsewhere: bool = described(
        "Whether a customer who is signed in elsewhere asked for it, to be known by the address:"
        " followed here it signs in by the address alone."
    )


@object_type
class CustomerLinkSendPayload(Payload[CustomerUserError]):
    """The answer to customerLinkSend. It is the same whoever's the address is."""

    done: bool = described("Whether the request was taken.")


@object_type
class CustomerLinkFollowPayload(Payload[CustomerUserError]):
    """The answer to customerLinkFollow."""

    customer: Customer | None = described("Who is signed in; null where it was refused.")
    session_token: str | None = described(_SESSION)


@object_type
class CustomerSessionCreatePayload(Payload[CustomerUserError]):
    """The answer to customerSessionCreate."""

    customer: Customer | None = described("Who is signed in; null where it was refused.")
    session_token: str | None = described(_SESSION)


@object_type
class CustomerSessionEndPayload(Payload[CustomerUserError]):
    """The answer to customerSessionEnd."""

    done: bool = described("Whether it was done.")


@object_type
class CustomerSessionsEndPayload(Payload[CustomerUserError]):
    """The answer to customerSessionsEnd."""

    ended: int = described("How many sessions were ended.")


@object_type
class CustomerPasswordSetPayload(Payload[CustomerUserError]):
    """The answer to customerPasswordSet."""

    done: bool = described("Whether it was done.")


@object_type
class CustomerMutation:
    """What customers do about being known."""

    @resolver
    async def customer_link_send(self, info: Info, email: Email) -> CustomerLinkSendPayload:
        """Mails a link to sign in with, whoever's the address is. It works once, for 30 minutes. A
        customer without an address who follows it themselves is known by the address from then
        on."""
        call = _link_send(info.context, email)
        _, errors = await attempted(info.context, call, CustomerUserError)
        return CustomerLinkSendPayload(done=not errors, user_errors=errors)

    @resolver
    async def customer_link_follow(self, info: Info, token: Token) -> CustomerLinkFollowPayload:
        """Signs in by a mailed link, and uses it up. It proves the address: every order placed with
        it in this shop is the customer's."""
        call = _link_follow(info.context, token)
        signed_in, errors = await attempted(info.context, call, CustomerUserError)
        customer, token_ = await _arrived(info.context, signed_in)
        return CustomerLinkFollowPayload(
            customer=customer, session_token=token_, user_errors=errors
        )

    @resolver
    async def customer_session_create(
        self,
        info: Info,
        email: Email,
        password: Annotated[str, about("The customer's at this shop.")],
    ) -> CustomerSessionCreatePayload:
        """Signs in by password, for those who set one."""
        call = _session_create(info.context, email, password)
        signed_in, errors = await attempted(info.context, call, CustomerUserError)
        customer, token = await _arrived(info.context, signed_in)
        return CustomerSessionCreatePayload(
            customer=customer, session_token=token, user_errors=errors
        )

    @resolver
    async def customer_session_end(self, info: Info) -> CustomerSessionEndPayload:
        """Signs out."""
        context = info.context
        await sessions.sign_out(
            context.installation, context.require_shop().id, context.require_customer()
        )
        await _gone(context)
        return CustomerSessionEndPayload(done=True, user_errors=[])

    @resolver
    async def customer_sessions_end(self, info: Info) -> CustomerSessionsEndPayload:
        """Signs out everywhere, here too."""
        context = info.context
        ended = await sessions.sign_out_everywhere(
            context.installation, context.require_shop().id, context.require_customer()
        )
        await _gone(context)
        return CustomerSessionsEndPayload(ended=ended, user_errors=[])

    @resolver
    async def customer_password_set(
        self,
        info: Info,
        password: Annotated[str, about("The new password, 10 characters or more.")],
        current: Annotated[
            str, about("The password as it is; empty where `customer.fresh` says it is not asked.")
        ] = "",
    ) -> CustomerPasswordSetPayload:
        """Sets a password, or another one, and signs out everywhere else."""
        call = _password_set(info.context, current, password)
        _, errors = await attempted(info.context, call, CustomerUserError)
        return CustomerPasswordSetPayload(done=not errors, user_errors=errors)


def customer(context: RequestContext) -> Customer | None:
    """The customer who asks; None for a guest."""
    known = context.customer
    if known is None:
        return None
    return Customer(
        known=known,
        id=encode("Customer", known.id),
        email=known.email,
        has_password=known.has_password,
        fresh=known.fresh,
    )


async def customer_link(context: RequestContext, token: str) -> CustomerLink | None:
    """What a mailed link would do; None where it does nothing any more."""
    shop = context.require_shop().id
    found = await links.customer_link(context.reader, context.installation, shop, token)
    if found is None:
        return None
    own = context.customer.id if context.customer else None
    return CustomerLink(
        email=found.email, elsewhere=found.customer_id is not None and found.customer_id != own
    )


def _summary(context: RequestContext, view: OrderView) -> OrderSummary:
    shop = context.require_shop().id
    return OrderSummary(
        view=view,
        id=encode("Order", view.id),
        token=order_token(context.installation.keys, shop, view.id),
        number=view.number,
        status=OrderStatus(view.status),
        created_at=view.created_at,
        total=money(view.total, view.currency, context.locale),
    )


async def _link_send(context: RequestContext, email: str) -> None:
    shop = context.require_shop().id
    await count_try(context, f"customer:mail:{shop}", email=email, tries_of_email=_MAILS_TO_EMAIL)
    await links.link_send(
        context.installation, shop, email, locale=context.locale, customer=context.customer
    )


async def _link_follow(context: RequestContext, token: str) -> SignedIn:
    shop = context.require_shop().id
    await count_try(context, f"customer:link:{shop}")
    return await links.link_follow(
        context.installation, shop, token, customer=context.customer, visitor=_visitor(context)
    )


async def _session_create(context: RequestContext, email: str, password: str) -> SignedIn:
    shop = context.require_shop().id
    await count_try(
        context, f"customer:sign-in:{shop}", email=email, tries_of_email=_TRIES_OF_EMAIL
    )
    return await passwords.password_sign_in(
        context.installation, shop, email, password,
        customer=context.customer, visitor=_visitor(context),
    )  # fmt: skip


async def _password_set(context: RequestContext, current: str, password: str) -> None:
    shop, known = context.require_shop().id, context.require_customer()
    await count_try(
        context, f"customer:password:{shop}", email=str(known.id), tries_of_email=_TRIES_OF_EMAIL
    )
    await passwords.password_set(context.installation, shop, known, current, password)


async def _arrived(
    context: RequestContext, signed_in: SignedIn | None
) -> tuple[Customer | None, str | None]:
    """Who is signed in from here on, and what a program is told of it."""
    if signed_in is None:
        return None, None
    context.customer = await sessions.customer_of_secret(
        context.reader, context.require_shop().id, signed_in.secret
    )
    context.effect("session", signed_in.secret)
    return customer(context), signed_in.secret if context.effects is None else None


async def _gone(context: RequestContext) -> None:
    context.customer = None
    context.effect("session", None)
    await context.renew()


def _visitor(context: RequestContext) -> Visitor:
    return Visitor(address=context.address, user_agent=context.user_agent)
