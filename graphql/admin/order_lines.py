"""What was bought, and the goods that were handed over for it, from their merchant's side."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.catalog import Variant, variant
from keystall.graphql.admin.code_reports import CodeReport, code_report
from keystall.graphql.context import RequestContext
from keystall.graphql.describing import described, loaded, object_type, takes
from keystall.graphql.ids import encode
from keystall.graphql.scalars import Money, money
from keystall.platform.database import Row
from keystall.tenants.catalog.queries import VariantView
from keystall.tenants.code_reports.queries import ReportView
from keystall.tenants.orders.queries import OrderLineView


@object_type
class DeliveredCode:
    """A code in a buyer's hands, masked."""

    id: strawberry.ID = described("Opaque id, to hand to `codeReveal`.")
    row: strawberry.Private[UUID]
    order_id: strawberry.Private[UUID]

    @takes("sealed")
    @loaded(loads.code_masks, "order_id")
    def masked(self, _: RequestContext, found: Mapping[UUID, str | None] | None) -> str | None:
        """The code with most of it hidden; null where the shop's keys were destroyed."""
        return (found or {}).get(self.row)

    @loaded(loads.code_reports, "order_id", assumed=1)
    def reports(self, _: RequestContext, found: Sequence[ReportView] | None) -> list[CodeReport]:
        """What its buyer said of it, oldest first."""
        return [code_report(one) for one in found or () if one.code_id == self.row]


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

    @loaded(loads.order_codes, "view.order_id", assumed=2)
    def codes(self, _: RequestContext, found: Sequence[Row] | None) -> list[DeliveredCode]:
        """The goods, masked; empty before delivery."""
        return [
            DeliveredCode(
                id=encode("Code", code["id"]), row=code["id"], order_id=self.view.order_id
            )
            for code in found or ()
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
