"""Finding an order again."""

from typing import Annotated

from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.storefront.order import OrderUserError
from keystall.graphql.tries import count_try
from keystall.tenants.orders.recovery import send_order_link

_MAILS_TO_EMAIL = 5


@object_type
class OrderLinkSendPayload(Payload[OrderUserError]):
    """The answer to orderLinkSend. It is the same whether there is such an order or not."""

    done: bool = described("Whether the request was taken.")


@object_type
class RecoveryMutation:
    """What a buyer who lost an order's link can do."""

    @resolver
    async def order_link_send(
        self,
        info: Info,
        email: Annotated[str, about("The address given when ordering.")],
        number: Annotated[str, about("The order's number, such as 7Q4M-0XKD-J2.")],
    ) -> OrderLinkSendPayload:
        """Mails the order's link to its buyer, if email and number belong to one order. Does not
        tell whether they do."""
        call = _send(info.context, email, number)
        _, errors = await attempted(info.context, call, OrderUserError)
        return OrderLinkSendPayload(done=not errors, user_errors=errors)


async def _send(context: RequestContext, email: str, number: str) -> None:
    shop = context.require_shop()
    await count_try(context, f"order-link:{shop.id}", email=email, tries_of_email=_MAILS_TO_EMAIL)
    await send_order_link(context.installation, shop.id, email, number)
