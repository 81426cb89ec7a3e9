"""The list of products, which buyers and merchants read by the same cursors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from keystall.graphql.context import Needs, RequestContext
from keystall.graphql.errors import bad_input
from keystall.graphql.relay import Connection, connection, decode_any, page_size
from keystall.graphql.shelf import keep_around, parts_for, reader_for, without_for
from keystall.tenants.catalog.around import Part
from keystall.tenants.catalog.lists import (
    ListedProduct,
    ProductFilter,
    product_list,
    products_of_categories,
)
from keystall.tenants.catalog.queries import ProductView

Product = TypeVar("Product")


async def products_connection(
    context: RequestContext,
    wanted: ProductFilter,
    first: int | None,
    after: str | None,
    *,
    node: Callable[[ProductView], Product],
    kind: type[Product],
    needs: Needs,
) -> Connection[Product]:
    """A page of products, each made by `node` of the type `kind`, in the order that `wanted` names.

    `needs` are those of the field that answers the list. Raises ApiError for a page that cannot be.
    """
    page = _Page(wanted, page_size(first), after, parts_for(needs), without_for(kind, needs))
    with page.right_place():
        rows, around = await product_list(
            reader_for(context, needs),
            context.require_shop().id,
            wanted,
            after=decode_any(after),
            limit=page.size + 1,
            parts=page.parts,
            without=page.without,
        )
    keep_around(context, (row.product for row in rows), around, page.without)
    return page.connection(rows, node)


async def category_products_connection(
    context: RequestContext,
    category: UUID,
    wanted: ProductFilter,
    first: int | None,
    after: str | None,
    *,
    node: Callable[[ProductView], Product],
    kind: type[Product],
    needs: Needs,
) -> Connection[Product]:
    """The same of one category: those of all categories that are asked for at one moment are read
    by one statement."""
    page = _Page(wanted, page_size(first), after, parts_for(needs), without_for(kind, needs))
    with page.right_place():
        rows = await context.load(page, category)
    return page.connection(rows or [], node)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of products; called, what categories have on it, for `context.load`."""

    wanted: ProductFilter
    size: int
    after: str | None
    parts: frozenset[Part]
    without: frozenset[str]

    async def __call__(
        self, context: RequestContext, categories: Sequence[UUID]
    ) -> Mapping[UUID, list[ListedProduct]]:
        pages, around = await products_of_categories(
            context.reader,
            context.require_shop().id,
            self.wanted,
            categories,
            after=decode_any(self.after),
            limit=self.size + 1,
            parts=self.parts,
            without=self.without,
        )
        products = (row.product for page in pages.values() for row in page)
        keep_around(context, products, around, self.without)
        return pages

    @contextmanager
    def right_place(self) -> Iterator[None]:
        """A cursor of another list is the client's mistake."""
        try:
            yield
        except ValueError:
            raise bad_input("`after` is no cursor of this list.") from None

    def connection(
        self, rows: Sequence[ListedProduct], node: Callable[[ProductView], Product]
    ) -> Connection[Product]:
        return connection(
            rows,
            self.size,
            after=self.after,
            node=lambda row: node(row.product),
            key=lambda row: row.key,
        )
