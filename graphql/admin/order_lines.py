"""What was bought, and the goods that were handed over for it, from their merchant's side."""

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.catalog import Variant, variant
from keystall.graphql.admin.code_reports import CodeReport, code_report
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    described,
    list_resolver,
    loaded,
    object_type,
)
from keystall.graphql.ids import encode
from keystall.graphql.scalars import Money, money
from keystall.tenants.catalog.queries import VariantView
from keystall.tenants.orders.queries import OrderLineView


@object_type
class DeliveredCode:
    """A code in a buyer's hands, masked."""

    id: strawberry.ID = described("Opaque id, to hand to `codeReveal`.")
    masked: str | None = described(
        "The code with most of it hidden; null where the shop's keys were destroyed."
    )
    reports: list[CodeReport] = described("What its buyer said of it, oldest first.", assumed=1)


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

    @loaded(loads.variants, "view.variant_id")
    def variant(self, _: RequestContext, found: VariantView | None) -> Variant | None:
        """The variant; null where it is gone."""
        return variant(found) if found else None

    @list_resolver(assumed=2)
    async def codes(self, info: Info) -> list[DeliveredCode]:
        """The goods, masked; empty before delivery."""
        found = await info.context.load(loads.order_codes, self.view.order_id) or []
        shown = await info.context.load(loads.code_masks, self.view.order_id) or {}
        told = await info.context.load(loads.code_reports, self.view.order_id) or []
        return [
            DeliveredCode(
                id=encode("Code", code["id"]),
                masked=shown.get(code["id"]),
                reports=[code_report(one) for one in told if one.code_id == code["id"]],
            )
            for code in found
            if code["order_line_id"] == self.view.id
        ]


def order_line(view: OrderLineView, currency: str, locale: str) -> OrderLine:
    """A line of an order in this currency, its prices written for this language."""
    return OrderLine(
        id=encode("OrderLine", view.id),
        view=view,
        product_name=view.product_name,
        variant_name=view.variant_name,
        quantity=view.quantity,
        unit_price=money(view.unit_price, currency, locale),
        total=money(view.total, currency, locale),
    )
