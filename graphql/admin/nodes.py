"""Things of a shop by their ids."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from keystall.graphql import loads
from keystall.graphql.admin.api_tokens import api_token_of
from keystall.graphql.admin.batches import batch_of
from keystall.graphql.admin.catalog import Category, Product, Variant, category, product, variant
from keystall.graphql.admin.code_reports import CodeReport, code_report
from keystall.graphql.admin.codes import Code, code, codes
from keystall.graphql.admin.jobs import job_of
from keystall.graphql.admin.orders import Order, Refund, order, refund
from keystall.graphql.admin.shop import Shop, shop
from keystall.graphql.admin.staff import invitation_of, member_of
from keystall.graphql.admin.trusted_documents import trusted_document_of
from keystall.graphql.admin.webhooks import delivery_of, webhook_of
from keystall.graphql.context import RequestContext
from keystall.graphql.ids import decode
from keystall.graphql.nouns import Node


async def node_of(context: RequestContext, wanted: str) -> Node | None:
    """Anything of the bound shop by its global id; None where there is none."""
    kind, row = decode(wanted)
    found = _NODES.get(kind)
    return await found(context, row) if found else None


async def product_of(context: RequestContext, row: UUID) -> Product | None:
    """A product by its row; None where there is none."""
    found = await context.load(loads.products, row)
    return product(found) if found else None


async def variant_of(context: RequestContext, row: UUID) -> Variant | None:
    """A variant by its row; None where there is none."""
    found = await context.load(loads.variants, row)
    return variant(found) if found else None


async def category_of(context: RequestContext, row: UUID) -> Category | None:
    """A category by its row; None where there is none."""
    found = await context.load(loads.categories, row)
    return category(found) if found else None


async def order_of(context: RequestContext, row: UUID) -> Order | None:
    """An order by its row; None where there is none."""
    found = await context.load(loads.orders_by_id, row)
    return order(context, found) if found else None


async def _refund(context: RequestContext, row: UUID) -> Refund | None:
    found = await context.load(loads.refunds_by_id, row)
    return refund(context, found) if found else None


async def _code_report(context: RequestContext, row: UUID) -> CodeReport | None:
    found = await context.load(loads.code_reports_by_id, row)
    return code_report(found) if found else None


async def _code(context: RequestContext, row: UUID) -> Code | None:
    found = await context.load(codes, row)
    return code(found, context.locale) if found else None


async def _shop(context: RequestContext, row: UUID) -> Shop | None:
    facts = context.require_shop()
    return shop(context, facts) if facts.id == row else None


_NODES: dict[str, Callable[[RequestContext, UUID], Awaitable[Node | None]]] = {
    "Product": product_of,
    "Variant": variant_of,
    "Category": category_of,
    "Order": order_of,
    "Refund": _refund,
    "CodeReport": _code_report,
    "Code": _code,
    "Job": job_of,
    "Batch": batch_of,
    "Shop": _shop,
    "ApiToken": api_token_of,
    "Webhook": webhook_of,
    "WebhookDelivery": delivery_of,
    "TrustedDocument": trusted_document_of,
    "Member": member_of,
    "Invitation": invitation_of,
}
