"""What stands around a product, read by the statement that reads the product itself: its shelf,
pictures, variants, and their prices and bands.

Lists are read so where it is known beforehand what of it is wanted: one statement, whatever the
list's length, instead of one for each kind of thing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, TypeAlias
from uuid import UUID

from keystall.platform.database import Reads, Row
from keystall.platform.ids import told_id
from keystall.tenants.catalog.availability import FREE, Band, band
from keystall.tenants.catalog.queries import (
    CategoryView,
    ImageView,
    PriceSpan,
    PriceView,
    ProductView,
    VariantView,
    product_columns,
    product_of,
    product_width,
)
from keystall.tenants.columns import NOTHING

Part = Literal["category", "images", "variants", "prices", "bands", "span", "best"]
"""`prices` and `bands` are of each variant; `span` of prices and the `best` band of the product."""

_CATEGORY = (
    "(select json_build_array(id, slug, name, translations, position) from categories"
    " where categories.shop_id = $1 and categories.id = products.category_id) as around_category"
)
_IMAGES = (
    "(select json_agg(json_build_array(files.id, width, height)"
    " order by product_images.position, product_images.id)"
    " from product_images join files on files.shop_id = $1 and files.id = file_id"
    " where product_images.shop_id = $1 and product_images.product_id = products.id)"
    " as around_images"
)
_OF_VARIANTS: Mapping[Part, str] = {
    "variants": "name, translations, position, min_quantity, max_quantity",
    "prices": "(select json_agg(json_build_array(currency, amount) order by currency) from prices"
    " where prices.shop_id = $1 and prices.variant_id = variants.id)",
    "bands": FREE,
}
"""What is told of each variant after its id, in this order."""
_OF_ALL_VARIANTS: Mapping[Part, str] = {
    "span": "min(prices.amount) as around_lowest, max(prices.amount) as around_highest",
    "best": f"max({FREE}) as around_best",
}
"""What is told of all variants of a product together."""
_ON_SALE = (
    " where variants.shop_id = $1 and variants.product_id = products.id"
    " and variants.archived_at is null"
)
Around: TypeAlias = Mapping[Part, Mapping[UUID, Any]]
"""What was asked for of products' surroundings. By products: their pictures, variants, span and
best band; shelves by their own ids; prices and bands by variants, in the merchant's order, those on
sale only. None where there is nothing."""


async def product_on_sale(
    db: Reads,
    shop: UUID,
    slug: str,
    *,
    parts: Collection[Part] = (),
    without: frozenset[str] = NOTHING,
    currency: str = "",
) -> tuple[ProductView, Around] | None:
    """One product on sale, by the short name in its address, and the `parts` of what is around, the
    span of its prices in `currency`; `without`: see `product_columns`."""
    arguments: list[object] = [shop, slug]
    sql = (
        f"select {product_columns(without)} from products"  # noqa: S608 constant
        " where products.shop_id = $1 and products.slug = $2 and products.status = 'active'"
    )
    if "span" in parts:
        arguments.append(currency)
    row = await db.row(with_parts(sql, parts, currency="$3"), *arguments)
    if row is None:
        return None
    return product_of(row, product_width(without)), take_around([row], parts)


def with_parts(sql: str, parts: Collection[Part], *, currency: str) -> str:
    """A statement that answers products, `$1` being the shop, with what is around each of them: in
    the same order, and of no others than it answers. `currency` is the parameter for the span."""
    columns = [_CATEGORY] if "category" in parts else []
    if "images" in parts:
        columns.append(_IMAGES)
    if told := [of for part, of in _OF_VARIANTS.items() if part in parts]:
        columns.append(
            f"(select json_agg(json_build_array(id, {', '.join(told)}) order by position, id)"  # noqa: S608
            f" from variants{_ON_SALE}) as around_variants"
        )
    beside = ""
    if told := [of for part, of in _OF_ALL_VARIANTS.items() if part in parts]:
        columns.append("together.*")
        prices = (
            " left join prices on prices.shop_id = $1 and prices.variant_id = variants.id"
            f" and prices.currency = {currency}"
        )
        beside = (
            f" cross join lateral (select {', '.join(told)} from variants"  # noqa: S608
            f"{prices if 'span' in parts else ''}{_ON_SALE}) together"
        )
    if not columns:
        return sql
    return f"select products.*, {', '.join(columns)} from ({sql}) products{beside}"  # noqa: S608


def take_around(rows: Sequence[Row], parts: Collection[Part]) -> Around:
    """What the rows of products tell of their `parts`."""
    found: dict[Part, Mapping[UUID, Any]] = {}
    if "category" in parts:
        found["category"] = {
            row["category_id"]: _category(row["around_category"])
            for row in rows if row["category_id"] is not None
        }  # fmt: skip
    if "images" in parts:
        found["images"] = {
            row["id"]: [ImageView(told_id(file), *size) for file, *size in row["around_images"]]
            if row["around_images"] else ()
            for row in rows
        }  # fmt: skip
    if "span" in parts:
        found["span"] = {
            row["id"]: None if row["around_lowest"] is None
            else PriceSpan(row["around_lowest"], row["around_highest"])
            for row in rows
        }  # fmt: skip
    if "best" in parts:
        found["best"] = {row["id"]: band(row["around_best"] or 0) for row in rows}
    if not _OF_VARIANTS.keys().isdisjoint(parts):
        _take_variants(found, rows, parts)
    return found


def _category(told: Sequence[Any] | None) -> CategoryView | None:
    return CategoryView(told_id(told[0]), *told[1:]) if told else None


def _take_variants(
    found: dict[Part, Mapping[UUID, Any]], rows: Sequence[Row], parts: Collection[Part]
) -> None:
    variants: dict[UUID, list[VariantView]] = {}
    prices: dict[UUID, list[PriceView]] = {}
    bands: dict[UUID, Band] = {}
    for row in rows:
        product = row["id"]
        views = variants[product] = []
        for one in row["around_variants"] or ():
            rest: Iterator[Any] = iter(one)
            variant = told_id(next(rest))
            if "variants" in parts:
                name, words, position, least, most = islice(rest, 5)
                view = VariantView(variant, product, name, words, position, least, most, None)
                views.append(view)
            if "prices" in parts:
                prices[variant] = [PriceView(*price) for price in next(rest) or ()]
            if "bands" in parts:
                bands[variant] = band(next(rest))
    told: Around = {"variants": variants, "prices": prices, "bands": bands}
    found.update((part, of) for part, of in told.items() if part in parts)
