"""How a variant's codes are sold."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.families import CodeUserError
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
from keystall.graphql.refusals import Payload, attempted
from keystall.tenants.stock import selling as rules


@enum_type
class SaleOrder(Enum):
    """Which codes go first."""

    FIRST_IN = value("first_in", "The oldest.")
    RANDOM = value("random", "Any.")
    NEWEST_FIRST = value("newest_first", "The code that was added last.")


@object_type
class Selling:
    """How a variant's codes are sold."""

    sale_order: SaleOrder = described("Which codes go first.")
    expiry_margin_hours: int = described("So many hours before its expiry a code is sold no more.")
    low_stock: int = described("At so many codes the merchant is told by mail; 0 never tells.")


@input_type
class SellingInput:
    """How a variant's codes are to be sold."""

    sale_order: SaleOrder = described("Which codes go first.")
    expiry_margin_hours: int = described(
        "So many hours before its expiry a code is sold no more, 0 to 8,760."
    )
    low_stock: int = described(
        "At so many codes the merchant is told by mail, 0 to 100,000; 0 never tells."
    )


@object_type
class VariantSellingUpdatePayload(Payload[CodeUserError]):
    """The answer to variantSellingUpdate."""

    selling: Selling | None = described("The rules as they are now; null where refused.")


@object_type
class SellingMutation:
    """What a merchant decides about selling codes."""

    @resolver
    async def variant_selling_update(
        self,
        info: Info,
        variant_id: Annotated[strawberry.ID, about("Whose codes are sold so.")],
        input: Annotated[SellingInput, about("All of the rules.")],
    ) -> VariantSellingUpdatePayload:
        """Sets how a variant's codes are sold, those in stock and those to come."""
        context, row = info.context, row_of("Variant", variant_id)
        call = rules.selling_rules_update(
            context.installation,
            context.require_shop().id,
            row,
            rules.SellingRules(input.sale_order.value, input.expiry_margin_hours, input.low_stock),
        )
        _, errors = await attempted(context, call, CodeUserError)
        found = None if errors else await context.load(selling_rules, row)
        return VariantSellingUpdatePayload(
            selling=selling(found) if found else None, user_errors=errors
        )


async def selling_rules(
    context: RequestContext, ids: Sequence[UUID]
) -> Mapping[UUID, rules.SellingRules]:
    """Rules by variant, for `context.load`."""
    return await rules.selling_rules(context.reader, context.require_shop().id, ids)


def selling(found: rules.SellingRules) -> Selling:
    """The rules of a variant."""
    return Selling(
        sale_order=SaleOrder(found.sale_order),
        expiry_margin_hours=found.expiry_margin_hours,
        low_stock=found.low_stock,
    )
