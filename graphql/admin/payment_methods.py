"""Ways to pay, from their merchant's side: connected, changed, opened, closed, removed.

Where the money goes is a person's to say: a token that leaked must not lead it elsewhere.
"""

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

import strawberry

from keystall.graphql.admin.families import PaymentMethodUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, input_type, object_type, resolver
from keystall.graphql.ids import encode, row_of
from keystall.graphql.order_words import payment_name
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.scalars import URL
from keystall.tenants.payments import accounts
from keystall.tenants.payments.accounts import PaymentAccountView, StripeKeys


@object_type
class PaymentMethod:
    """A way to pay."""

    id: strawberry.ID = described("Opaque id.")
    name: str = described("The name buyers read.")
    kind: str = described("The provider behind it: sandbox or stripe.")
    open: bool = described("Whether buyers can choose it.")
    test_mode: bool = described("Whether it takes play money only.")
    secret_key_ending: str | None = described(
        "The last four characters of its secret key; null where it has none."
    )
    webhook_secret_ending: str | None = described(
        "The last four characters of its webhook's signing secret; null where it has none."
    )
    webhook_url: URL = described("Where the provider reports payments to.")
    webhook_by_hand: bool = described("Whether its webhook endpoint was made by hand, not by us.")


@input_type
class StripeKeysInput:
    """Keys of the merchant's own Stripe account. They are never answered again."""

    secret_key: str = described("A secret key (sk_…) or a restricted one (rk_…).")
    webhook_secret: str = described(
        "The signing secret (whsec_…) of an endpoint made by hand; empty: we make the endpoint.",
        default="",
    )


@input_type
class StripeKeysUpdateInput:
    """Other keys of the same Stripe account; what is empty stays as it is."""

    secret_key: str = described("A secret key (sk_…) or a restricted one (rk_…).", default="")
    webhook_secret: str = described(
        "The signing secret (whsec_…) of an endpoint made by hand.", default=""
    )


@object_type
class PaymentMethodCreatePayload(Payload[PaymentMethodUserError]):
    """The answer to paymentMethodCreate."""

    payment_method: PaymentMethod | None = described("The new way; null where it was refused.")


@object_type
class PaymentMethodUpdatePayload(Payload[PaymentMethodUserError]):
    """The answer to paymentMethodUpdate."""

    payment_method: PaymentMethod | None = described(
        "The way as it is now; null where it was refused."
    )


@object_type
class PaymentMethodOpenPayload(Payload[PaymentMethodUserError]):
    """The answer to paymentMethodOpen."""

    payment_method: PaymentMethod | None = described(
        "The way as it is now; null where it was refused."
    )


@object_type
class PaymentMethodClosePayload(Payload[PaymentMethodUserError]):
    """The answer to paymentMethodClose."""

    payment_method: PaymentMethod | None = described(
        "The way as it is now; null where it was refused."
    )


@object_type
class PaymentMethodRemovePayload(Payload[PaymentMethodUserError]):
    """The answer to paymentMethodRemove."""

    removed_id: strawberry.ID | None = described("The id that is gone; null where it was refused.")


Answer = TypeVar("Answer")
MethodId = Annotated[strawberry.ID, about("The way to pay.")]


@object_type
class PaymentMethodMutation:
    """What a merchant does with ways to pay."""

    @resolver
    async def payment_method_create(
        self, info: Info, stripe: Annotated[StripeKeysInput, about("The keys of the account.")]
    ) -> PaymentMethodCreatePayload:
        """Connects the merchant's own Stripe account. Stripe is asked whether the keys work, and
        for a webhook endpoint, before anything is kept. Needs a signed-in person, like all that
        is done with ways to pay."""
        context = info.context
        context.require_person()
        call = accounts.stripe_connect(context.installation, context.require_shop(), _keys(stripe))
        made, errors = await attempted(context, call, PaymentMethodUserError, under=("stripe",))
        method = await _method(context, encode("PaymentMethod", made)) if made else None
        return PaymentMethodCreatePayload(payment_method=method, user_errors=errors)

    @resolver
    async def payment_method_update(
        self,
        info: Info,
        id: MethodId,
        stripe: Annotated[StripeKeysUpdateInput, about("The keys to change.")],
    ) -> PaymentMethodUpdatePayload:
        """Changes keys of the connected Stripe account, tried like new ones."""
        context = info.context
        context.require_person()
        call = accounts.stripe_connect(
            context.installation, context.require_shop(), _keys(stripe),
            account=row_of("PaymentMethod", id),
        )  # fmt: skip
        _, errors = await attempted(context, call, PaymentMethodUserError, under=("stripe",))
        method = None if errors else await _method(context, id)
        return PaymentMethodUpdatePayload(payment_method=method, user_errors=errors)

    @resolver
    async def payment_method_open(self, info: Info, id: MethodId) -> PaymentMethodOpenPayload:
        """Lets buyers choose it."""
        call = _set_open(info.context, id, True)
        return await _changed(info.context, id, call, PaymentMethodOpenPayload)

    @resolver
    async def payment_method_close(self, info: Info, id: MethodId) -> PaymentMethodClosePayload:
        """Lets buyers choose it no more; payments that were begun with it go on."""
        call = _set_open(info.context, id, False)
        return await _changed(info.context, id, call, PaymentMethodClosePayload)

    @resolver
    async def payment_method_remove(self, info: Info, id: MethodId) -> PaymentMethodRemovePayload:
        """Removes it and forgets its keys. Refunds of what it took must be sent at the provider
        from then on."""
        context = info.context
        context.require_person()
        call = accounts.payment_account_remove(
            context.installation, context.require_shop().id, row_of("PaymentMethod", id)
        )
        _, errors = await attempted(context, call, PaymentMethodUserError)
        return PaymentMethodRemovePayload(removed_id=None if errors else id, user_errors=errors)


def payment_method(context: RequestContext, view: PaymentAccountView) -> PaymentMethod:
    """A way to pay."""
    address = accounts.callback_address(
        context.installation, context.require_shop(), view.provider, view.id
    )
    return PaymentMethod(
        id=encode("PaymentMethod", view.id),
        name=payment_name(view.provider, context.locale),
        kind=view.provider,
        open=view.enabled,
        test_mode=view.mode == "test",
        secret_key_ending=view.hints.get("secret_key"),
        webhook_secret_ending=view.hints.get("webhook_secret"),
        webhook_url=URL(address),
        webhook_by_hand=view.webhook_by_hand,
    )


async def payment_methods(context: RequestContext) -> list[PaymentMethod]:
    """The ways to pay of the request's shop, closed ones included."""
    found = await accounts.payment_accounts(context.reader, context.require_shop().id)
    return [payment_method(context, view) for view in found]


def _keys(asked: StripeKeysInput | StripeKeysUpdateInput) -> StripeKeys:
    return StripeKeys(asked.secret_key, asked.webhook_secret)


def _set_open(context: RequestContext, id: strawberry.ID, is_open: bool) -> Awaitable[None]:
    context.require_person()
    return accounts.payment_account_set_enabled(
        context.installation,
        context.require_shop().id,
        row_of("PaymentMethod", id),
        enabled=is_open,
    )


async def _changed(
    context: RequestContext, id: strawberry.ID, call: Awaitable[None], payload: type[Answer]
) -> Answer:
    _, errors = await attempted(context, call, PaymentMethodUserError)
    method = None if errors else await _method(context, id)
    make: Any = payload
    changed: Answer = make(payment_method=method, user_errors=errors)
    return changed


async def _method(context: RequestContext, id: strawberry.ID) -> PaymentMethod | None:
    return next((one for one in await payment_methods(context) if one.id == id), None)
