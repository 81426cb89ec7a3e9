"""What stands around a product, read by the statement that reads the product itself: its shelf,
pictures, variants, and their prices and bands.

Lists are read so where it is known beforehand what of it is wanted: one statement, whatever the
list's length, instead of one for each kind of thing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from keystall.platform.database import Reads
from keystall.platform.ids import told_id
from keystall.tenants.catalog.availability import LOW, Band, band
from keystall.tenants.catalog.queries import (
    PRODUCT_COLUMNS,
    CategoryView,
    ImageView,
    PriceView,
    ProductView,
    VariantView,
)

Part = Literal["category", "images", "variants", "prices", "bands"]

_VARIANTS = (
    "from variants where variants.shop_id = $1 and variants.product_id = products.id"
    " and variants.archived_at is null"
)
_SQL: Mapping[Part, str] = {
    "category": "(select json_build_array(id, slug, name, translations, position) from categories"
    " where categories.shop_id = $1 and categories.id = products.category_id)",
    "images": "(select json_agg(json_build_array(files.id, width, height)"
    " order by product_images.position, product_images.id)"
    " from product_images join files on files.shop_id = $1 and files.id = file_id"
    " where product_images.shop_id = $1 and product_images.product_id = products.id)",
    "variants": "(select json_agg(json_build_array(id, name, translations, position, min_quantity,"
    f" max_quantity) order by position, id) {_VARIANTS})",
    "prices": "(select json_agg(json_build_array(variants.id, (select json_agg(json_build_array("  # noqa: S608
    "currency, amount) order by currency) from prices where prices.shop_id = $1"
    f" and variant_id = variants.id)) order by variants.position, variants.id) {_VARIANTS})",
    "bands": "(select json_agg(json_build_array(id, (select count(*) from (select from codes"  # noqa: S608
    " where codes.shop_id = $1 and codes.variant_id = variants.id and state = 'available'"
    f" and sellable_until > now() limit {LOW + 1}) few)) order by position, id) {_VARIANTS})",
}


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
    db: Reads, shop: UUID, slug: str, *, parts: Collection[Part] = ()
) -> tuple[ProductView, Around] | None:
    """One product on sale, by the short name in its address, and the `parts` of what is around."""
    row = await db.row(
        f"select {PRODUCT_COLUMNS}{part_columns(parts)} from products"  # noqa: S608 constants
        " where products.shop_id = $1 and products.slug = $2 and products.status = 'active'",
        shop, slug,
    )  # fmt: skip
    if row is None:
        return None
    values = dict(row)
    around = take_around(values, parts)
    return ProductView(**values), around


def part_columns(parts: Collection[Part]) -> str:
    """Columns to select beside those of `products`, `$1` being the shop."""
    return "".join(f", {_SQL[part]} as {part}" for part in sorted(parts))


def take_around(values: dict[str, Any], parts: Collection[Part]) -> Around:
    """What a row's `part_columns` tell, taken out of its values."""
    found = Around()
    product: UUID = values["id"]
    for part in parts:
        told: Sequence[Any] | None = values.pop(part)
        if told is None:
            continue
        if part == "category":
            found.category = CategoryView(told_id(told[0]), *told[1:])
        elif part == "images":
            found.images = [ImageView(told_id(one), *size) for one, *size in told]
        elif part == "variants":
            found.variants = [_variant(product, *one) for one in told]
        elif part == "prices":
            found.prices = {
                told_id(one): [PriceView(*price) for price in prices or ()] for one, prices in told
            }
        else:
            found.bands = {told_id(one): band(free) for one, free in told}
    return found


def _variant(  # one row of the statement above, in its order
    product: UUID, row: str, name: str, translations: Any, position: int, *quantities: int
) -> VariantView:
    least, most = quantities
    return VariantView(told_id(row), product, name, translations, position, least, most, None)
