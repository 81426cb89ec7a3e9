"""Products with what is asked for around them, read by one statement where that is known before."""

from collections.abc import Collection, Mapping
from typing import Any

from keystall.graphql import loads
from keystall.graphql.context import Batch, Needs, RequestContext
from keystall.platform.database import Reads
from keystall.tenants.catalog.around import Around, Part
from keystall.tenants.catalog.queries import ProductView
from keystall.tenants.columns import NOTHING, UNREAD

_PART: Mapping[Batch[Any, Any], Part] = {
    loads.categories: "category",
    loads.images_of: "images",
    loads.variants_of: "variants",
    loads.prices_of: "prices",
    loads.bands: "bands",
    loads.price_spans: "span",
    loads.best_bands: "best",
}


def without_for(kind: type, needs: Needs) -> frozenset[str]:
    """What of products' own columns is not going to be asked for, in a list of things of type
    `kind`: nothing where any product may be asked for whole."""
    return NOTHING if loads.products in needs.batches else needs.without(kind)


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
    if "category" in parts:
        context.prime(
            loads.categories,
            {product.category_id: around.category for product, around in found
             if product.category_id is not None},
        )  # fmt: skip
    if "images" in parts:
        context.prime(loads.images_of, {product.id: around.images for product, around in found})
    if "variants" in parts:
        context.prime(loads.variants_of, {product.id: around.variants for product, around in found})
    if "span" in parts:
        context.prime(loads.price_spans, {product.id: around.span for product, around in found})
    if "best" in parts:
        context.prime(loads.best_bands, {product.id: around.best for product, around in found})
    for _, around in found:
        if "prices" in parts:
            context.prime(loads.prices_of, around.prices)
        if "bands" in parts:
            context.prime(loads.bands, around.bands)
    whole = {product.id: product for product, _ in found if product.buyer_fields is not UNREAD}
    context.prime(loads.products, whole)
