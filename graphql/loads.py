"""What resolvers ask for one by one and the database answers in one statement.

Each takes the request and the keys asked for at one moment; call them by `context.load`.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from keystall.graphql.context import RequestContext
from keystall.platform.database import Row
from keystall.tenants.catalog import availability, queries
from keystall.tenants.catalog.availability import Band
from keystall.tenants.catalog.queries import (
    CategoryView,
    ImageView,
    PriceSpan,
    PriceView,
    ProductView,
    VariantView,
)
from keystall.tenants.code_reports.queries import ReportView, reports_by_id, reports_of_orders
from keystall.tenants.delivery.service import codes_of_orders, masked
from keystall.tenants.orders import queries as orders
from keystall.tenants.orders.queries import (
    OrderEventView,
    OrderLineView,
    OrderView,
    PaymentView,
    RefundView,
    TakenView,
)
from keystall.tenants.payments.disputes import DisputeView, disputes_of_orders
from keystall.tenants.stock.listing import StockCount, stock_counts
from keystall.tenants.trusted_documents.queries import (
    TrustedDocumentView,
    trusted_documents_by_id,
)

Rows = Sequence[UUID]


async def products(context: RequestContext, ids: Rows) -> Mapping[UUID, ProductView]:
    """Products of any status, by id."""
    shop, without = context.require_shop().id, context.without("Product")
    return await queries.products_by_ids(context.reader, shop, ids, without=without)


async def variants(context: RequestContext, ids: Rows) -> Mapping[UUID, VariantView]:
    """Variants, archived ones included, by id."""
    return await queries.variants_by_ids(context.reader, context.require_shop().id, ids)


async def variants_of(context: RequestContext, ids: Rows) -> Mapping[UUID, list[VariantView]]:
    """The variants on sale of products."""
    return await queries.variants_by_products(context.reader, context.require_shop().id, ids)


async def prices_of(context: RequestContext, ids: Rows) -> Mapping[UUID, list[PriceView]]:
    """The prices of variants."""
    return await queries.prices_by_variants(context.reader, context.require_shop().id, ids)


async def price_spans(context: RequestContext, ids: Rows) -> Mapping[UUID, PriceSpan]:
    """From which price to which products are on sale, in the currency of the request."""
    shop = context.require_shop().id
    return await queries.price_spans(context.reader, shop, ids, context.currency)


async def best_bands(context: RequestContext, ids: Rows) -> Mapping[UUID, Band]:
    """How much is left of products, which is as much as of their best variant."""
    return await availability.best_bands(context.reader, context.require_shop().id, ids)


async def images_of(context: RequestContext, ids: Rows) -> Mapping[UUID, list[ImageView]]:
    """The pictures of products."""
    return await queries.images_by_products(context.reader, context.require_shop().id, ids)


async def categories(context: RequestContext, ids: Rows) -> Mapping[UUID, CategoryView]:
    """Categories, by id."""
    return await queries.categories_by_ids(context.reader, context.require_shop().id, ids)


async def product_counts(context: RequestContext, ids: Rows) -> Mapping[UUID, int]:
    """How many products stand on categories."""
    return await queries.product_counts(context.reader, context.require_shop().id, ids)


async def bands(context: RequestContext, ids: Rows) -> Mapping[UUID, Band]:
    """How much is left of variants, in bands."""
    return await availability.bands_by_variants(context.reader, context.require_shop().id, ids)


async def stock(context: RequestContext, ids: Rows) -> Mapping[UUID, StockCount]:
    """How many codes variants have."""
    return await stock_counts(context.reader, context.require_shop().id, ids)


async def orders_by_id(context: RequestContext, ids: Rows) -> Mapping[UUID, OrderView]:
    """Orders, by id."""
    shop, without = context.require_shop().id, context.without("Order")
    return await orders.orders_by_id(context.reader, shop, ids, without=without)


async def order_lines(context: RequestContext, ids: Rows) -> Mapping[UUID, list[OrderLineView]]:
    """The lines of orders."""
    return await orders.lines_of_orders(context.reader, context.require_shop().id, ids)


async def order_events(context: RequestContext, ids: Rows) -> Mapping[UUID, list[OrderEventView]]:
    """The timelines of orders."""
    return await orders.events_of_orders(context.reader, context.require_shop().id, ids)


async def payments(context: RequestContext, ids: Rows) -> Mapping[UUID, list[PaymentView]]:
    """The payments of orders."""
    return await orders.payments_of_orders(context.reader, context.require_shop().id, ids)


async def refunds(context: RequestContext, ids: Rows) -> Mapping[UUID, list[RefundView]]:
    """The refunds of orders."""
    return await orders.refunds_of_orders(context.reader, context.require_shop().id, ids)


async def disputes(context: RequestContext, ids: Rows) -> Mapping[UUID, list[DisputeView]]:
    """The disputes of orders."""
    return await disputes_of_orders(context.reader, context.require_shop().id, ids)


async def code_reports(context: RequestContext, ids: Rows) -> Mapping[UUID, list[ReportView]]:
    """The reports of bad codes of orders."""
    shop, without = context.require_shop().id, context.without("CodeReport")
    return await reports_of_orders(context.reader, shop, ids, without=without)


async def code_reports_by_id(context: RequestContext, ids: Rows) -> Mapping[UUID, ReportView]:
    """Reports of bad codes, by id."""
    shop, without = context.require_shop().id, context.without("CodeReport")
    return await reports_by_id(context.reader, shop, ids, without=without)


async def trusted_documents(
    context: RequestContext, ids: Rows
) -> Mapping[UUID, TrustedDocumentView]:
    """Trusted documents, by id."""
    shop, without = context.require_shop().id, context.without("TrustedDocument")
    return await trusted_documents_by_id(context.reader, shop, ids, without=without)


async def taken(context: RequestContext, ids: Rows) -> Mapping[UUID, TakenView]:
    """The payments that delivered orders."""
    return await orders.taken_of_orders(context.reader, context.require_shop().id, ids)


async def refunds_by_id(context: RequestContext, ids: Rows) -> Mapping[UUID, RefundView]:
    """Refunds, by id."""
    shop, without = context.require_shop().id, context.without("Refund")
    return await orders.refunds_by_id(context.reader, shop, ids, without=without)


async def order_codes(context: RequestContext, ids: Rows) -> Mapping[UUID, list[Row]]:
    """The delivered codes of orders, sealed: see `delivery.service.codes_of_orders`."""
    shop = context.require_shop().id
    lines = await context.load_all(order_lines, ids)
    order_of = {line.id: line.order_id for found in lines for line in found or ()}
    codes: dict[UUID, list[Row]] = {}
    # What buyers know as a Code is a DeliveredCode to the merchant.
    without = context.without("Code") | context.without("DeliveredCode")
    for code in await codes_of_orders(context.reader, shop, ids, without=without):
        codes.setdefault(order_of[code["order_line_id"]], []).append(code)
    return codes


async def code_masks(
    context: RequestContext, ids: Rows
) -> Mapping[UUID, Mapping[UUID, str | None]]:
    """What may be seen of the delivered codes of orders, by code: it takes the shop's keys."""
    found = await context.load_all(order_codes, ids)
    rows = [code for codes in found for code in codes or ()]
    shop = context.require_shop().id
    masks = await masked(context.reader, context.installation, shop, rows)
    shown = {code.id: code.masked for code in masks}
    return dict.fromkeys(ids, shown)
