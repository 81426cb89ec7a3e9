"""What can be read of a shop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql import loads
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    list_resolver,
    object_type,
    public,
    resolver,
    subscription,
)
from keystall.graphql.ids import decode, row_of
from keystall.graphql.nouns import Id, Ids, Node, checked_ids
from keystall.graphql.products import products_connection
from keystall.graphql.relay import (
    After,
    Connection,
    First,
    connection,
    decode_place,
    page_size,
)
from keystall.graphql.schema import KeystallSchema
from keystall.graphql.shelf import keep_around, parts_for, reader_for, without_for
from keystall.graphql.storefront.cart import Cart, cart_of
from keystall.graphql.storefront.catalog import (
    Category,
    Product,
    ProductSort,
    Sort,
    Variant,
    category,
    product,
    variant,
)
from keystall.graphql.storefront.customers import (
    Customer,
    CustomerLink,
    customer,
    customer_link,
)
from keystall.graphql.storefront.mutations import Mutation
from keystall.graphql.storefront.order import ORDER_CHANGES, Order, order_of, row_of_token
from keystall.graphql.storefront.shop import Shop, shop
from keystall.tenants.catalog import queries
from keystall.tenants.catalog.around import product_on_sale
from keystall.tenants.catalog.lists import ProductFilter


@object_type
class Query:
    """What can be read of a shop."""

    @public
    @resolver
    def shop(self, info: Info) -> Shop:
        """The shop whose host was asked."""
        return shop(info.context)

    @public
    @resolver
    async def categories(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[Category]:
        """The shop's shelves, in the merchant's order."""
        size = page_size(first)
        rows = await queries.category_list(
            info.context.once(info.needs),
            info.context.require_shop().id,
            after=decode_place(after),
            limit=size + 1,
        )
        return connection(
            rows,
            size,
            after=after,
            node=category,
            key=lambda row: (row.position, str(row.id)),
        )

    @public
    @resolver
    async def category(
        self, info: Info, slug: Annotated[str, about("The category's short name.")]
    ) -> Category | None:
        """One shelf by the short name in its address."""
        found = await queries.category_by_slug(
            info.context.once(info.needs), info.context.require_shop().id, slug
        )
        return category(found) if found else None

    @public
    @resolver
    async def products(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        query: Annotated[
            str | None,
            about(
                "Only those whose name or description has these words; Chinese works from two"
                " characters on."
            ),
        ] = None,
        category_slug: Annotated[str | None, about("Only those on this shelf.")] = None,
        sort: Sort = ProductSort.FEATURED,
    ) -> Connection[Product]:
        """The shop's products."""
        wanted = ProductFilter(
            sort=(sort or ProductSort.FEATURED).value,
            currency=info.context.currency,
            category_slug=category_slug,
            query=query,
        )
        return await products_connection(
            info.context, wanted, first, after, node=product, kind=Product, needs=info.needs
        )

    @public
    @resolver
    async def product(
        self, info: Info, slug: Annotated[str, about("The product's short name.")]
    ) -> Product | None:
        """One product by the short name in its address."""
        context, without = info.context, without_for(Product, info.needs)
        found = await product_on_sale(
            reader_for(context, info.needs),
            context.require_shop().id,
            slug,
            parts=parts_for(info.needs),
            without=without,
            currency=context.currency,
        )
        if found is None:
            return None
        keep_around(context, found[:1], found[1], without)
        return product(found[0])

    @resolver
    async def cart(
        self, info: Info, id: Annotated[strawberry.ID, about("The cart's id.")]
    ) -> Cart | None:
        """A cart by its id."""
        return await cart_of(info.context, row_of("Cart", id))

    @resolver
    async def order(
        self, info: Info, token: Annotated[str, about("The order's token, from the order's link.")]
    ) -> Order | None:
        """An order by its unguessable token."""
        row = row_of_token(info.context, token)
        return await order_of(info.context, row) if row else None

    @resolver
    def customer(self, info: Info) -> Customer | None:
        """Who is signed in; null for a guest, who can buy all the same."""
        return customer(info.context)

    @resolver
    async def customer_link(
        self, info: Info, token: Annotated[str, about("The token in the mailed link.")]
    ) -> CustomerLink | None:
        """What a link to sign in would do; null where it was used, is too old or never was one."""
        return await customer_link(info.context, token)

    @resolver
    async def node(self, info: Info, id: Id) -> Node | None:
        """A product, variant, category, cart or the shop by its id; null where there is none."""
        return await _node(info.context, id)

    @list_resolver(counted_by="ids")
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        """Several of them at once, in the order asked for, null where there is none; 100 at
        most."""
        return await asyncio.gather(*(_node(info.context, one) for one in checked_ids(ids)))


async def _node(context: RequestContext, wanted: str) -> Node | None:
    kind, row = decode(wanted)
    found = _NODES.get(kind)
    return await found(context, row) if found else None


async def _product(context: RequestContext, row: UUID) -> Product | None:
    found = await context.load(loads.products, row)
    return product(found) if found and found.status == "active" else None


async def _variant(context: RequestContext, row: UUID) -> Variant | None:
    found = await context.load(loads.variants, row)
    if found is None or found.archived_at is not None:
        return None
    return variant(found) if await _product(context, found.product_id) else None


async def _category(context: RequestContext, row: UUID) -> Category | None:
    found = await context.load(loads.categories, row)
    return category(found) if found else None


async def _shop(context: RequestContext, row: UUID) -> Shop | None:
    return shop(context) if context.require_shop().id == row else None


_NODES: dict[str, Callable[[RequestContext, UUID], Awaitable[Node | None]]] = {
    "Product": _product,
    "Variant": _variant,
    "Category": _category,
    "Cart": cart_of,
    "Shop": _shop,
}


@object_type
class Subscription:
    """What can be followed of a shop. Each answer is read when something has changed, and once at
    the start; one that is the same as the last is not sent."""

    @subscription(ORDER_CHANGES)
    async def order_changed(
        self, info: Info, token: Annotated[str, about("The order's token, from the order's link.")]
    ) -> Order | None:
        """An order by its unguessable token, again whenever it changes: paid, delivered, refunded.
        Null where the token opens none, and then it is over."""
        row = row_of_token(info.context, token)
        return await order_of(info.context, row) if row else None


schema = KeystallSchema(Query, Mutation, Subscription, suggestions=True)
