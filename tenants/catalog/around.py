"""What stands around a product, read by the statement that reads the product itself: its shelf,
pictures, variants, and their prices and bands.

Lists are read so where it is known beforehand what of it is wanted: one statement, whatever the
list's length, instead of one for each kind of thing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from keystall.platform.database import Reads
from keystall.platform.ids import told_id
from keystall.tenants.catalog.availability import LOW, Band, band
from keystall.tenants.catalog.queries import (
    CategoryView,
    ImageView,
    PriceView,
    ProductView,
    VariantView,
    product_columns,
    product_view,
)

Part = Literal["category", "images", "variants", "prices", "bands"]

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
    "bands": "(select count(*) from (select from codes where codes.shop_id = $1"  # noqa: S608
    " and codes.variant_id = variants.id and state = 'available' and sellable_until > now()"
    f" limit {LOW + 1}) few)",
}
"""What is told of each variant after its id, in this order."""


@dataclass(slots=True)
class Around:
    """What was asked for of a product's surroundings; empty where it was not, or is not there.

    `prices` and `bands` are by variant, in the merchant's order, those on sale only.
    """

    category: CategoryView | None = None
    images: list[ImageView] = field(default_factory=list)
    variants: list[VariantView] = field(default_factory=list)
    prices: dict[UUID, list[PriceView]] = field(default_factory=dict)
    bands: dict[UUID, Band] = field(default_factory=dict)


async def product_on_sale(
    db: Reads, shop: UUID, slug: str, *, parts: Collection[Part] = (), texts: bool = True
) -> tuple[ProductView, Around] | None:
    """One product on sale, by the short name in its address, and the `parts` of what is around;
    without `texts` its description is not read."""
    row = await db.row(
        f"select {product_columns(texts=texts)}{part_columns(parts)} from products"  # noqa: S608
        " where products.shop_id = $1 and products.slug = $2 and products.status = 'active'",
        shop, slug,
    )  # fmt: skip
    if row is None:
        return None
    values = dict(row)
    around = take_around(values, parts)
    return product_view(values), around


def part_columns(parts: Collection[Part]) -> str:
    """Columns to select beside those of `products`, `$1` being the shop."""
    columns = [_CATEGORY] if "category" in parts else []
    if "images" in parts:
        columns.append(_IMAGES)
    if told := [sql for part, sql in _OF_VARIANTS.items() if part in parts]:
        columns.append(
            f"(select json_agg(json_build_array(id, {', '.join(told)}) order by position, id)"  # noqa: S608
            " from variants where variants.shop_id = $1 and variants.product_id = products.id"
            " and variants.archived_at is null) as around_variants"
        )
    return "".join(f", {column}" for column in columns)


def take_around(values: dict[str, Any], parts: Collection[Part]) -> Around:
    """What a row's `part_columns` tell, taken out of its values."""
    found = Around()
    if category := values.pop("around_category", None):
        row, *texts = category
        found.category = CategoryView(told_id(row), *texts)
    for row, width, height in values.pop("around_images", None) or ():
        found.images.append(ImageView(told_id(row), width, height))
    for told in values.pop("around_variants", None) or ():
        rest: Iterator[Any] = iter(told)
        variant = told_id(next(rest))
        if "variants" in parts:
            name, words, position, least, most = islice(rest, 5)
            view = VariantView(variant, values["id"], name, words, position, least, most, None)
            found.variants.append(view)
        if "prices" in parts:
            found.prices[variant] = [PriceView(*price) for price in next(rest) or ()]
        if "bands" in parts:
            found.bands[variant] = band(next(rest))
    return found
