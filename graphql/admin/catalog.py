"""Products, variants and categories from their merchant's side."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Annotated

import strawberry

from keystall.graphql import loads
from keystall.graphql.admin.batches import Batch, batches_connection
from keystall.graphql.admin.codes import Code, CodeState, codes_connection
from keystall.graphql.admin.selling import Selling, selling, selling_rules
from keystall.graphql.context import Info, Needs, RequestContext
from keystall.graphql.describing import (
    about,
    derived,
    described,
    enum_type,
    list_resolver,
    loaded,
    object_type,
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
from keystall.graphql.relay import (
    After,
    Connection,
    First,
    connection,
    decode_place,
    page_size,
)
from keystall.graphql.scalars import URL, Money, money
from keystall.tenants.catalog.availability import Band
from keystall.tenants.catalog.queries import (
    CategoryView,
    ImageView,
    PriceView,
    ProductView,
    VariantView,
    category_list,
)
from keystall.tenants.stock.listing import StockCount
from keystall.tenants.stock.selling import SellingRules


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
    name: str = described("What it is called in this language.")


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
    id: strawberry.ID = row_id("Category")
    name: str = derived(
        attrgetter("view.name"), "The category's name in the shop's default language."
    )
    slug: str = derived(attrgetter("view.slug"), "The category's short name, as in its address.")
    position: int = derived(
        attrgetter("view.position"), "Its place among the categories, smallest first."
    )
    translations: list[NameTranslation] = derived(
        lambda of: _names(of.view), "Its name in the shop's other languages.", assumed=2
    )

    @loaded(loads.product_counts, "view.id")
    def product_count(self, _: RequestContext, found: int | None) -> int:
        """How many products stand on it, archived ones not counted."""
        return found or 0


@object_type
class Stock:
    """How many codes a variant has."""

    available: int = described("Free to be sold.")
    reserved: int = described("Held for unpaid orders.")
    sold: int = described("Codes that were delivered with a paid order.")
    expired: int = described("Free, and too near their expiry to be sold.")


@object_type
class Product(Node):
    """Something the shop sells."""

    view: strawberry.Private[ProductView]
    id: strawberry.ID = row_id("Product")
    name: str = derived(
        attrgetter("view.name"), "The product's name in the shop's default language."
    )
    slug: str = derived(attrgetter("view.slug"), "The product's short name, as in its address.")
    url: URL = shown(lambda product, context: _url(product.view, context), "Where buyers see it.")
    description: str = takes("description")(
        derived(
            attrgetter("view.description"),
            "The description in the shop's default language, as Markdown.",
        )
    )
    description_html: str = takes("description")(
        derived(
            attrgetter("view.description_html"),
            "The description as buyers will see it, as safe HTML.",
        )
    )
    status: ProductStatus = derived(
        lambda product: ProductStatus(product.view.status), "Whether it is on sale."
    )
    position: int = derived(
        attrgetter("view.position"), "Its place in the merchant's order, smallest first."
    )
    translations: list[ProductTranslation] = takes("description")(
        derived(
            lambda product: _texts(product.view),
            "Its texts in the shop's other languages.",
            assumed=2,
        )
    )
    stopped_reason: str | None = derived(
        lambda product: product.view.stopped_reason or None,
        "Why the operator of the installation took it off sale; null where that did not happen, or"
        " it is on sale again.",
    )
    created_at: datetime = takes("dates")(
        derived(attrgetter("view.created_at"), "When it was created.")
    )
    updated_at: datetime = takes("dates")(
        derived(attrgetter("view.updated_at"), "When it was last changed.")
    )

    @takes("buyer_fields")
    @list_resolver(assumed=3)
    def buyer_fields(self) -> list[BuyerField]:
        """What the buyer is asked for besides an email address."""
        return [buyer_field(stored) for stored in self.view.buyer_fields]

    @loaded(loads.categories, "view.category_id")
    def category(self, _: RequestContext, found: CategoryView | None) -> Category | None:
        """The shelf it stands on."""
        return category(found) if found else None

    @loaded(loads.images_of, "view.id", assumed=2)
    def images(self, context: RequestContext, found: Sequence[ImageView] | None) -> list[Image]:
        """Pictures, the main one first."""
        return [
            image(context, one.id, (one.width, one.height), self.view.name) for one in found or ()
        ]

    @loaded(loads.variants_of, "view.id", assumed=3)
    def variants(self, _: RequestContext, found: Sequence[VariantView] | None) -> list["Variant"]:
        """The kinds in which it is sold, in order."""
        return [variant(one) for one in found or ()]

    @loaded(loads.best_bands, "view.id")
    def availability(self, _: RequestContext, found: Band | None) -> Availability:
        """The best availability among its variants, as buyers see it."""
        return in_band(found)


@object_type
class Variant(Node):
    """One kind of a product, with its own price and stock."""

    view: strawberry.Private[VariantView]
    id: strawberry.ID = row_id("Variant")
    name: str = derived(
        attrgetter("view.name"), "The variant's name; empty where the product has only one."
    )
    min_quantity: int = derived(
        attrgetter("view.min_quantity"), "The fewest that can be bought at once."
    )
    max_quantity: int = derived(
        attrgetter("view.max_quantity"), "The most that can be bought at once."
    )
    position: int = derived(
        attrgetter("view.position"), "Its place among the product's variants, smallest first."
    )
    translations: list[NameTranslation] = derived(
        lambda of: _names(of.view), "Its name in the shop's other languages.", assumed=2
    )

    @loaded(loads.prices_of, "view.id", assumed=2)
    def prices(self, context: RequestContext, found: Sequence[PriceView] | None) -> list[Money]:
        """The price of one in every currency it is sold in."""
        return [money(price.amount, price.currency, context.locale) for price in found or ()]

    @loaded(loads.stock, "view.id")
    def stock(self, _: RequestContext, found: StockCount | None) -> Stock:
        """How many codes it has."""
        counted = found or StockCount()
        return Stock(
            available=counted.available,
            reserved=counted.reserved,
            sold=counted.sold,
            expired=counted.expired,
        )

    @loaded(selling_rules, "view.id")
    def selling(self, _: RequestContext, found: SellingRules | None) -> Selling:
        """How its codes are sold."""
        if found is None:
            raise LookupError("a variant without rules")
        return selling(found)

    @resolver
    async def batches(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[Batch]:
        """The batches that its codes came in, newest first."""
        return await batches_connection(
            info.context, self.view.id, first, after=after, needs=info.needs
        )

    @loaded(loads.bands, "view.id")
    def availability(self, _: RequestContext, found: Band | None) -> Availability:
        """Its availability as buyers see it."""
        return in_band(found)

    @loaded(loads.products, "view.product_id")
    def product(self, _: RequestContext, found: ProductView | None) -> Product:
        """The product it belongs to."""
        if found is None:
            raise LookupError("a variant without a product")
        return product(found)

    @resolver
    async def codes(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        state: Annotated[CodeState | None, about("Only those in this state.")] = None,
    ) -> Connection[Code]:
        """Its codes, newest first."""
        return await codes_connection(
            info.context, self.view.id, first, after=after, state=state, needs=info.needs
        )


def category(view: CategoryView) -> Category:
    """A category."""
    return Category(view=view)


def product(view: ProductView) -> Product:
    """A product."""
    return Product(view=view)


def variant(view: VariantView) -> Variant:
    """A variant."""
    return Variant(view=view)


def _url(view: ProductView, context: RequestContext) -> str:
    base = context.installation.settings.shop_url(context.require_shop().slug)
    return f"{base}/p/{view.slug}"


def _texts(view: ProductView) -> list[ProductTranslation]:
    return [
        ProductTranslation(
            locale=locale, name=texts.get("name", ""), description=texts.get("description", "")
        )
        for locale, texts in view.translations.items()
    ]


def _names(view: CategoryView | VariantView) -> list[NameTranslation]:
    return [
        NameTranslation(locale=locale, name=texts.get("name", ""))
        for locale, texts in view.translations.items()
    ]


async def categories_connection(
    context: RequestContext, first: int | None, *, after: str | None, needs: Needs
) -> Connection[Category]:
    """A page of shelves, in order."""
    size = page_size(first)
    rows = await category_list(
        context.once(needs), context.require_shop().id, after=decode_place(after), limit=size + 1
    )
    return connection(
        rows, size, after=after, node=category, key=lambda row: (row.position, str(row.id))
    )
