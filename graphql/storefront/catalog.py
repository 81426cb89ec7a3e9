"""What a shop sells, as its buyers see it: only what is on sale."""

import html
import re
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Annotated

import strawberry

from keystall.graphql import loads
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    derived,
    enum_type,
    list_resolver,
    loaded,
    object_type,
    public,
    resolver,
    shown,
    takes,
    value,
)
from keystall.graphql.nouns import (
    Availability,
    BuyerField,
    Image,
    Node,
    buyer_field,
    image,
    in_band,
    row_id,
)
from keystall.graphql.products import category_products_connection
from keystall.graphql.relay import (
    After,
    Connection,
    First,
)
from keystall.graphql.scalars import Money, money
from keystall.tenants.catalog.availability import Band
from keystall.tenants.catalog.lists import ProductFilter
from keystall.tenants.catalog.queries import (
    CategoryView,
    ImageView,
    PriceSpan,
    PriceView,
    ProductView,
    VariantView,
)

SUMMARY_LENGTH = 160
_SHORT = 1_000
"""As long as this at most is a description whose summary is remembered: shelves are asked for again
and again, and a process holds a few megabytes of them at most."""
_TAG = re.compile(r"<[^>]*>")


@enum_type
class ProductSort(Enum):
    """How a list of products is ordered."""

    FEATURED = value("featured", "As the merchant arranged them.")
    NEWEST = value("newest", "Newest first.")
    PRICE_ASC = value(
        "price_asc", "Cheapest first, by the lowest price in the currency of the request."
    )
    PRICE_DESC = value(
        "price_desc", "Dearest first, by the lowest price in the currency of the request."
    )


Sort = Annotated[ProductSort | None, about("The order of the list.")]


@public
@object_type
class PriceRange:
    """Lowest and highest price."""

    span: strawberry.Private[PriceSpan]

    min: Money = shown(
        lambda prices, context: money(prices.span.lowest, context.currency, context.locale),
        "The lowest price.",
    )
    max: Money = shown(
        lambda prices, context: money(prices.span.highest, context.currency, context.locale),
        "The highest price.",
    )


@public
@object_type
class Category(Node):
    """A shelf of the shop."""

    view: strawberry.Private[CategoryView]
    id: strawberry.ID = row_id("Category")
    name: str = shown(
        lambda category, context: _name(category.view, context),
        "The category's name in the language of the request.",
    )
    slug: str = derived(attrgetter("view.slug"), "The category's short name, as in its address.")

    @resolver
    async def products(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        sort: Sort = ProductSort.FEATURED,
    ) -> Connection["Product"]:
        """The products on this shelf."""
        wanted = ProductFilter(
            sort=(sort or ProductSort.FEATURED).value, currency=info.context.currency
        )
        return await category_products_connection(
            info.context,
            self.view.id,
            wanted,
            first,
            after,
            node=product,
            kind=Product,
            needs=info.needs,
        )


@public
@object_type
class Product(Node):
    """Something the shop sells."""

    view: strawberry.Private[ProductView]
    id: strawberry.ID = row_id("Product")
    name: str = shown(
        lambda product, context: _name(product.view, context),
        "The product's name in the language of the request.",
    )
    slug: str = derived(attrgetter("view.slug"), "The product's short name, as in its address.")
    description_html: str = takes("description")(
        shown(
            lambda product, context: _description(product.view, context),
            "The description as safe HTML in the language of the request.",
        )
    )
    created_at: datetime = takes("dates")(
        derived(attrgetter("view.created_at"), "When it was created.")
    )

    summary: str = takes("description")(
        shown(
            lambda product, context: _summary(_description(product.view, context)),
            "The description's first words as plain text, 160 characters at most.",
        )
    )

    @loaded(loads.images_of, "view.id", assumed=2)
    def images(self, context: RequestContext, found: Sequence[ImageView] | None) -> list[Image]:
        """Pictures, the main one first."""
        if not found:
            return []
        name = _name(self.view, context)
        return [image(context, one.id, (one.width, one.height), name) for one in found]

    @loaded(loads.variants_of, "view.id", assumed=3)
    def variants(
        self, context: RequestContext, found: Sequence[VariantView] | None
    ) -> list["Variant"]:
        """The kinds in which the product is sold, in the merchant's order."""
        return [variant(one) for one in found or ()]

    @takes("buyer_fields")
    @list_resolver(assumed=3)
    def buyer_fields(self) -> list[BuyerField]:
        """What the buyer is asked for besides an email address."""
        return [buyer_field(stored) for stored in self.view.buyer_fields]

    @loaded(loads.price_spans, "view.id")
    def price_range(self, _: RequestContext, found: PriceSpan | None) -> PriceRange | None:
        """Lowest and highest price in the currency of the request; null where it has no price in
        it."""
        return PriceRange(span=found) if found else None

    @loaded(loads.best_bands, "view.id")
    def availability(self, _: RequestContext, found: Band | None) -> Availability:
        """The best availability among the variants."""
        return in_band(found)

    @loaded(loads.categories, "view.category_id")
    def category(self, _: RequestContext, found: CategoryView | None) -> Category | None:
        """The shelf it stands on, where it stands on one."""
        return category(found) if found else None


@public
@object_type
class Variant(Node):
    """One kind of a product, with its own price and stock."""

    view: strawberry.Private[VariantView]
    id: strawberry.ID = row_id("Variant")
    name: str = shown(
        lambda variant, context: _name(variant.view, context),
        "The variant's name in the language of the request; empty where the product has only one.",
    )
    min_quantity: int = derived(
        attrgetter("view.min_quantity"), "The fewest that can be bought at once."
    )
    max_quantity: int = derived(
        attrgetter("view.max_quantity"), "The most that can be bought at once."
    )

    @loaded(loads.prices_of, "view.id")
    def price(self, context: RequestContext, found: Sequence[PriceView] | None) -> Money | None:
        """The price of one, in the currency of the request; null where it has no price in it."""
        wanted = context.currency
        price = next((one for one in found or () if one.currency == wanted), None)
        return money(price.amount, price.currency, context.locale) if price else None

    @loaded(loads.prices_of, "view.id", assumed=2)
    def prices(self, context: RequestContext, found: Sequence[PriceView] | None) -> list[Money]:
        """The price of one in every currency it is sold in."""
        return [money(price.amount, price.currency, context.locale) for price in found or ()]

    @loaded(loads.bands, "view.id")
    def availability(self, _: RequestContext, found: Band | None) -> Availability:
        """How much is left, in bands."""
        return in_band(found)

    @loaded(loads.products, "view.product_id")
    def product(self, _: RequestContext, found: ProductView | None) -> Product:
        """The product it belongs to."""
        if found is None:
            raise LookupError("a variant without a product")
        return product(found)


def category(view: CategoryView) -> Category:
    """A category."""
    return Category(view=view)


def product(view: ProductView) -> Product:
    """A product."""
    return Product(view=view)


def variant(view: VariantView) -> Variant:
    """A variant."""
    return Variant(view=view)


def _name(view: CategoryView | ProductView | VariantView, context: RequestContext) -> str:
    """A name for the reader's language, else in the shop's default one."""
    texts = view.translations.get(context.locale)
    return (texts and texts.get("name")) or view.name


def _description(view: ProductView, context: RequestContext) -> str:
    """The same of a description, as HTML."""
    texts = view.translations.get(context.locale)
    return (texts and texts.get("description_html")) or view.description_html


def _summary(description: str) -> str:
    return _remembered(description) if len(description) <= _SHORT else _summed_up(description)


def _summed_up(description: str) -> str:
    text = " ".join(html.unescape(_TAG.sub(" ", description)).split())
    if len(text) <= SUMMARY_LENGTH:
        return text
    return text[: SUMMARY_LENGTH - 1].rstrip() + "…"


_remembered = lru_cache(maxsize=1024)(_summed_up)
