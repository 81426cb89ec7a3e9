"""Products with what is asked for around them, read by one statement where that is known before."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from keystall.graphql import loads
from keystall.graphql.context import Batch, Needs, RequestContext
from keystall.platform.database import Reads
from keystall.tenants.catalog.around import Around, Part
from keystall.tenants.catalog.availability import best_band
from keystall.tenants.catalog.queries import UNREAD, ProductView

_PART: Mapping[Batch[Any, Any], Part] = {
    loads.categories: "category",
    loads.images_of: "images",
    loads.variants_of: "variants",
    loads.prices_of: "prices",
    loads.prices_of_products: "prices",
    loads.bands: "bands",
    loads.bands_of_products: "bands",
}


_TEXTS = frozenset({"Product.descriptionHtml", "Product.summary"})
"""What is made of products' descriptions."""


def texts_for(needs: Needs) -> bool:
    """Whether descriptions of products are going to be asked for. They are long, so that they are
    not read where it is known that they are not."""
    return needs.fields is None or bool(needs.fields & _TEXTS) or loads.products in needs.batches


def parts_for(needs: Needs) -> frozenset[Part]:
    """What of products' surroundings is going to be asked for."""
    return frozenset(_PART[batch] for batch in needs.batches if batch in _PART)


def reader_for(context: RequestContext, needs: Needs) -> Reads:
    """Where products with these `needs` are read: by one lone statement, where that is all that the
    whole document reads."""
    alone = needs.alone and needs.batches <= _PART.keys() | {loads.products}
    return context.reader.lone() if alone else context.reader


def keep_around(
    context: RequestContext, found: Collection[tuple[ProductView, Around]], parts: Collection[Part]
) -> None:
    """Hands what was read of products' surroundings to those who will ask for it."""
    kept: dict[Batch[Any, Any], dict[UUID, Any]] = {batch: {} for batch in _PART}
    for product, around in found:
        if product.category_id is not None:
            kept[loads.categories][product.category_id] = around.category
        kept[loads.images_of][product.id] = around.images
        kept[loads.variants_of][product.id] = around.variants
        prices = around.prices
        kept[loads.prices_of].update(prices)
        kept[loads.prices_of_products][product.id] = [
            price for of_variant in prices.values() for price in of_variant
        ]
        kept[loads.bands].update(around.bands)
        kept[loads.bands_of_products][product.id] = best_band(around.bands.values())
    for batch, part in _PART.items():
        if part in parts:
            context.prime(batch, kept[batch])
    whole = {product.id: product for product, _ in found if product.description is not UNREAD}
    context.prime(loads.products, whole)
