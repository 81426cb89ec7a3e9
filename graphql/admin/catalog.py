"""Products, variants and categories from their merchant's side."""

import asyncio
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.batches import Batch, batches_connection
from keystall.graphql.admin.codes import Code, CodeState, codes_connection
from keystall.graphql.admin.selling import Selling, selling, selling_rules
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    enum_type,
    list_resolver,
    object_type,
    resolver,
    value,
)
from keystall.graphql.ids import encode
from keystall.graphql.nouns import Availability, BuyerField, Image, Node, buyer_field, image
from keystall.graphql.relay import (
    After,
    Connection,
    First,
    connection,
    decode_place,
    page_size,
)
from keystall.graphql.scalars import URL, Money, money
from keystall.tenants.catalog.availability import best_band
from keystall.tenants.catalog.queries import (
    CategoryView,
    ProductView,
    VariantView,
    category_list,
)
from keystall.tenants.stock.listing import StockCount


@enum_type
class ProductStatus(Enum):
    """Whether a product is on sale."""

    DRAFT = value("draft", "Being prepared: buyers do not see it.")
    ACTIVE = value("active", "On sale.")
    ARCHIVED = value("archived", "Taken off for good; its past orders stay.")


@enum_type
class ProductSort(Enum):
    """How a list of products is ordered."""

    FEATURED = value("featured", "As arranged by hand.")
    NEWEST = value("newest", "Newest first.")
    NAME = value("name", "By name.")


@object_type
class NameTranslation:
    """A name in one language."""

    locale: str = described("The language.")
    name: str = described("The name.")


@object_type
class ProductTranslation:
    """A product's texts in one language."""

    locale: str = described("The language.")
    name: str = described("The product's name.")
    description: str = described("The description, as Markdown.")


@object_type
class Category(Node):
    """A shelf of the shop."""

    view: strawberry.Private[CategoryView]
    name: str = described("The category's name in the shop's default language.")
    slug: str = described("The category's short name, as in its address.")
    position: int = described("Its place among the categories, smallest first.")
    translations: list[NameTranslation] = described(
        "Its name in the shop's other languages.", assumed=2
    )

    @resolver
    async def product_count(self, info: Info) -> int:
        """How many products stand on it, archived ones not counted."""
        return await info.context.load(loads.product_counts, self.view.id) or 0


@object_type
class Stock:
    """How many codes a variant has."""

    available: int = described("Free to be sold.")
    reserved: int = described("Held for unpaid orders.")
    sold: int = described("Sold.")
    expired: int = described("Free, and too near their expiry to be sold.")


@object_type
class Product(Node):
    """Something the shop sells."""

    view: strawberry.Private[ProductView]
    name: str = described("The product's name in the shop's default language.")
    slug: str = described("The product's short name, as in its address.")
    url: URL = described("Where buyers see it.")
    description: str = described("The description in the shop's default language, as Markdown.")
    description_html: str = described("The description as buyers will see it, as safe HTML.")
    status: ProductStatus = described("Whether it is on sale.")
    position: int = described("Its place in the merchant's order, smallest first.")
    buyer_fields: list[BuyerField] = described(
        "What the buyer is asked for besides an email address.", assumed=3
    )
    translations: list[ProductTranslation] = described(
        "Its texts in the shop's other languages.", assumed=2
    )
    stopped_reason: str | None = described(
        "Why the operator of the installation took it off sale; null where that did not happen, or"
        " it is on sale again."
    )
    created_at: datetime = described("When it was created.")
    updated_at: datetime = described("When it was last changed.")

    @resolver
    async def category(self, info: Info) -> Category | None:
        """The shelf it stands on."""
        if self.view.category_id is None:
            return None
        found = await info.context.load(loads.categories, self.view.category_id)
        return category(found) if found else None

    @list_resolver(assumed=2)
    async def images(self, info: Info) -> list[Image]:
        """Pictures, the main one first."""
        found = await info.context.load(loads.images_of, self.view.id) or []
        return [image(info.context, one.id, (one.width, one.height), self.name) for one in found]

    @list_resolver(assumed=3)
    async def variants(self, info: Info) -> list["Variant"]:
        """The kinds in which it is sold, in order."""
        found = await info.context.load(loads.variants_of, self.view.id) or []
        return [variant(one) for one in found]

    @resolver
    async def availability(self, info: Info) -> Availability:
        """The best availability among its variants, as buyers see it."""
        variants = await info.context.load(loads.variants_of, self.view.id) or []
        bands = await asyncio.gather(*(info.context.load(loads.bands, one.id) for one in variants))
        return Availability(best_band(band for band in bands if band is not None))


@object_type
class Variant(Node):
    """One kind of a product, with its own price and stock."""

    view: strawberry.Private[VariantView]
    name: str = described("The variant's name; empty where the product has only one.")
    min_quantity: int = described("The fewest that can be bought at once.")
    max_quantity: int = described("The most that can be bought at once.")
    position: int = described("Its place among the product's variants, smallest first.")
    translations: list[NameTranslation] = described(
        "Its name in the shop's other languages.", assumed=2
    )

    @list_resolver(assumed=2)
    async def prices(self, info: Info) -> list[Money]:
        """The price of one in every currency it is sold in."""
        found = await info.context.load(loads.prices_of, self.view.id) or []
        return [money(price.amount, price.currency, info.context.locale) for price in found]

    @resolver
    async def stock(self, info: Info) -> Stock:
        """How many codes it has."""
        found = await info.context.load(loads.stock, self.view.id) or StockCount()
        return Stock(
            available=found.available,
            reserved=found.reserved,
            sold=found.sold,
            expired=found.expired,
        )

    @resolver
    async def selling(self, info: Info) -> Selling:
        """How its codes are sold."""
        found = await info.context.load(selling_rules, self.view.id)
        if found is None:
            raise LookupError("a variant without rules")
        return selling(found)

    @resolver
    async def batches(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[Batch]:
        """The batches that its codes came in, newest first."""
        return await batches_connection(info.context, self.view.id, first, after=after)

    @resolver
    async def availability(self, info: Info) -> Availability:
        """Its availability as buyers see it."""
        return Availability(await info.context.load(loads.bands, self.view.id) or "sold_out")

    @resolver
    async def product(self, info: Info) -> Product:
        """The product it belongs to."""
        found = await info.context.load(loads.products, self.view.product_id)
        if found is None:
            raise LookupError("a variant without a product")
        return product(info.context, found)

    @resolver
    async def codes(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        state: Annotated[CodeState | None, about("Only those in this state.")] = None,
    ) -> Connection[Code]:
        """Its codes, newest first."""
        return await codes_connection(info.context, self.view.id, first, after=after, state=state)


def category(view: CategoryView) -> Category:
    """A category."""
    return Category(
        id=encode("Category", view.id),
        view=view,
        name=view.name,
        slug=view.slug,
        position=view.position,
        translations=_names(view),
    )


def product(context: RequestContext, view: ProductView) -> Product:
    """A product."""
    base = context.installation.settings.shop_url(context.require_shop().slug)
    return Product(
        id=encode("Product", view.id),
        view=view,
        name=view.name,
        slug=view.slug,
        url=URL(f"{base}/p/{view.slug}"),
        description=view.description,
        description_html=view.description_html,
        status=ProductStatus(view.status),
        position=view.position,
        buyer_fields=[buyer_field(stored) for stored in view.buyer_fields],
        translations=[
            ProductTranslation(
                locale=locale,
                name=texts.get("name", ""),
                description=texts.get("description", ""),
            )
            for locale, texts in view.translations.items()
        ],
        stopped_reason=view.stopped_reason or None,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )


def variant(view: VariantView) -> Variant:
    """A variant."""
    return Variant(
        id=encode("Variant", view.id),
        view=view,
        name=view.name,
        min_quantity=view.min_quantity,
        max_quantity=view.max_quantity,
        position=view.position,
        translations=_names(view),
    )


def _names(view: CategoryView | VariantView) -> list[NameTranslation]:
    return [
        NameTranslation(locale=locale, name=texts.get("name", ""))
        for locale, texts in view.translations.items()
    ]


async def categories_connection(
    context: RequestContext, first: int | None, *, after: str | None
) -> Connection[Category]:
    """A page of shelves, in order."""
    size = page_size(first)
    rows = await category_list(
        context.reader, context.require_shop().id, after=decode_place(after), limit=size + 1
    )
    return connection(
        rows, size, after=after, node=category, key=lambda row: (row.position, str(row.id))
    )
