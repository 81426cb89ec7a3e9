"""The list of products, which buyers and merchants read by the same cursors."""

from collections.abc import Callable
from typing import TypeVar

from keystall.graphql.context import UNKNOWN, Needs, RequestContext
from keystall.graphql.errors import bad_input
from keystall.graphql.relay import Connection, connection, decode_any, page_size
from keystall.graphql.shelf import keep_around, parts_for, reader_for
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
    needs: Needs = UNKNOWN,
) -> Connection[Product]:
    """A page of products, each made by `node`, in the order that `wanted` names.

    `needs` are those of the field that answers the list. Raises ApiError for a page that cannot be.
    """
    size, parts = page_size(first), parts_for(needs)
    try:
        rows = await product_list(
            reader_for(context, needs),
            context.require_shop().id,
            wanted,
            after=decode_any(after),
            limit=size + 1,
            parts=parts,
        )
    except ValueError:
        raise bad_input("`after` is no cursor of this list.") from None
    keep_around(context, [(row.product, row.around) for row in rows], parts)
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: node(context, row.product),
        key=lambda row: row.key,
    )
