"""Buyers report codes that do not work."""

from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.code_reports import CodeReportReason
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.ids import row_of
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.storefront.order import Order, OrderUserError, order_of, row_of_token
from keystall.tenants.code_reports.service import Complaint, code_report
from keystall.tenants.errors import refuse


@object_type
class OrderCodeReportPayload(Payload[OrderUserError]):
    """The answer to orderCodeReport."""

    order: Order | None = described("The order as it is now; null where it was refused.")


@object_type
class CodeReportMutation:
    """What a buyer can say of codes."""

    @resolver
    async def order_code_report(
        self,
        info: Info,
        token: Annotated[str, about("The order's token.")],
        code_id: Annotated[
            strawberry.ID, about("Which of the order's codes does not work, by its `id`.")
        ],
        reason: Annotated[CodeReportReason, about("What is wrong with it.")],
        note: Annotated[str, about("More about it for the merchant; 500 characters at most.")] = "",
    ) -> OrderCodeReportPayload:
        """Tells the merchant that a code does not work. Once for each code until it is answered."""
        context = info.context
        row = row_of_token(context, token)
        call = _report(context, row, row_of("Code", code_id), Complaint(reason.value, note))
        _, errors = await attempted(context, call, OrderUserError)
        order = await order_of(context, row) if row and not errors else None
        return OrderCodeReportPayload(order=order, user_errors=errors)


async def _report(
    context: RequestContext, row: UUID | None, code: UUID, complaint: Complaint
) -> UUID:
    if row is None:
        raise refuse("NOT_FOUND", "token")
    return await code_report(context.installation, context.require_shop().id, row, code, complaint)
