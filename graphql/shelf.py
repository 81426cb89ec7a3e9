"""Products with what is asked for around them, read by one statement where that is known before."""

from collections.abc import Iterable, Mapping
from typing import Any

from keystall.graphql import loads
from keystall.graphql.context import Batch, Needs, RequestContext
from keystall.platform.database import Reads
from keystall.tenants.catalog.around import Around, Part
from keystall.tenants.catalog.queries import ProductView
from keystall.tenants.columns import NOTHING

_PART: Mapping[Batch[Any, Any], Part] = {
    loads.categories: "category",
    loads.images_of: "images",
    loads.variants_of: "variants",
    loads.prices_of: "prices",
    loads.bands: "bands",
    loads.price_spans: "span",
    loads.best_bands: "best",
}
_BATCH: Mapping[Part, Batch[Any, Any]] = {part: batch for batch, part in _PART.items()}


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
    context: RequestContext,
    products: Iterable[ProductView],
    around: Around,
    without: frozenset[str],
) -> None:
    """Hands what was read of products and their surroundings to those who will ask for it; of
    products themselves, where nothing was left out."""
    for part, found in around.items():
        context.prime(_BATCH[part], found)
    if not without:
        context.prime(loads.products, {one.id: one for one in products})
