"""The list of products, which buyers and merchants read by the same cursors."""

from collections.abc import Callable
from typing import TypeVar

from keystall.graphql.context import RequestContext
from keystall.graphql.errors import bad_input
from keystall.graphql.relay import Connection, connection, decode_any, page_size
from keystall.tenants.catalog.lists import ProductFilter, product_list
from keystall.tenants.catalog.queries import ProductView

Product = TypeVar("Product")


async def products_connection(
    context: RequestContext,
    wanted: ProductFilter,
    first: int | None,
    after: str | None,
    *,
    node: Callable[[RequestContext, ProductView], Product],
) -> Connection[Product]:
    """A page of products, each made by `node`, in the order that `wanted` names.

    Raises ApiError for a page that cannot be.
    """
    size = page_size(first)
    try:
        rows = await product_list(
            context.reader,
            context.require_shop().id,
            wanted,
            after=decode_any(after),
            limit=size + 1,
        )
    except ValueError:
        raise bad_input("`after` is no cursor of this list.") from None
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: node(context, row.product),
        key=lambda row: row.key,
    )
