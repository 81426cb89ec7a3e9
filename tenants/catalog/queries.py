"""Reading the catalogue by id, a whole list of ids in one statement: what loaders call.

Every function answers a mapping by the ids it was given; what this shop does not have is missing
from it, and looks no different from what never was.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from keystall.platform.database import Reads, Row
from keystall.tenants.catalog.input import ProductStatus
from keystall.tenants.columns import NOTHING, UNREAD

Texts = Mapping[str, Mapping[str, str]]
"""`{locale: {field: text}}`."""

_PRODUCT_COLUMNS = (
    "products.id, products.slug, products.name, products.status, products.position,"
    " products.category_id, {dates}, products.stopped_reason"
)
_DATES = "products.created_at, products.updated_at"
_NO_DATES = "null::timestamptz as created_at, null::timestamptz as updated_at"
_TEXTS = ", products.translations, products.description, products.description_html"
_QUESTIONS = ", products.buyer_fields"
_NAMES = (
    ", case products.translations when '{}' then '{}' else ("
    "select jsonb_object_agg(locale, texts - '{description,description_html}'::text[])"
    " from jsonb_each(products.translations) as spoken (locale, texts)) end as translations"
)
_VARIANT_COLUMNS = (
    "id, product_id, name, translations, position, min_quantity, max_quantity, archived_at"
)
_CATEGORY_COLUMNS = "id, slug, name, translations, position"


class ProductView(NamedTuple):
    """A product, its values in the order of `product_columns`.

    Texts are in the shop's default language, `translations` has the others' `name`, `description`
    (Markdown) and `description_html`; `stopped_reason` says why the operator took it off sale,
    empty where that did not happen. Both descriptions are UNREAD, and missing from the
    translations, where nobody asked for them, and so is what is to be asked of the buyer; both
    dates are None then."""

    id: UUID
    slug: str
    name: str
    status: ProductStatus
    position: int
    category_id: UUID | None
    created_at: datetime
    updated_at: datetime
    stopped_reason: str
    translations: Texts
    description: str = UNREAD
    description_html: str = UNREAD
    buyer_fields: Sequence[Mapping[str, Any]] = UNREAD


class VariantView(NamedTuple):
    """One kind of a product; off sale where `archived_at` is set."""

    id: UUID
    product_id: UUID
    name: str
    translations: Texts
    position: int
    min_quantity: int
    max_quantity: int
    archived_at: datetime | None


class PriceView(NamedTuple):
    """What one costs, in minor units."""

    currency: str
    amount: int


class PriceSpan(NamedTuple):
    """The lowest and the highest price of a product's variants in one currency, in minor units."""

    lowest: int
    highest: int


class ImageView(NamedTuple):
    """A picture of a product; its id is the file's. Width and height in pixels."""

    id: UUID
    width: int
    height: int


class CategoryView(NamedTuple):
    """A shelf; `translations` has its `name` in the shop's other languages."""

    id: UUID
    slug: str
    name: str
    translations: Texts
    position: int


def product_columns(without: frozenset[str] = NOTHING) -> str:
    """What to select of `products` for a ProductView, in its order; `without` "dates" none of
    these, `without` "buyer_fields" none of these, and `without` "description", too, no
    descriptions."""
    short = _PRODUCT_COLUMNS.format(dates=_NO_DATES if "dates" in without else _DATES)
    if "buyer_fields" not in without:
        return short + _TEXTS + _QUESTIONS
    return short + (_NAMES if "description" in without else _TEXTS)


def product_width(without: frozenset[str] = NOTHING) -> int:
    """How many values of a row `product_columns` are."""
    least = len(ProductView._fields) - len(ProductView._field_defaults)
    if "buyer_fields" not in without:
        return len(ProductView._fields)
    return least if "description" in without else least + 2


def product_of(row: Row, width: int) -> ProductView:
    """The product of a row that begins with `product_columns`, `width` of them."""
    return ProductView(*islice(row.values(), width))


async def products_by_ids(
    db: Reads, shop: UUID, ids: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, ProductView]:
    """Products of any status."""
    rows = await db.rows(
        f"select {product_columns(without)} from products"  # noqa: S608 constant
        " where shop_id = $1 and id = any ($2::uuid[])",
        shop, list(ids),
    )  # fmt: skip
    return {row["id"]: ProductView(*row.values()) for row in rows}


async def product_by_id(db: Reads, shop: UUID, product: UUID) -> ProductView | None:
    """One product of any status."""
    return (await products_by_ids(db, shop, [product])).get(product)


async def variants_by_ids(db: Reads, shop: UUID, ids: Sequence[UUID]) -> dict[UUID, VariantView]:
    """Variants, archived ones included."""
    rows = await db.rows(
        f"select {_VARIANT_COLUMNS} from variants"  # noqa: S608 constant
        " where shop_id = $1 and id = any ($2::uuid[])",
        shop, list(ids),
    )  # fmt: skip
    return {row["id"]: VariantView(*row.values()) for row in rows}


async def variants_by_products(
    db: Reads, shop: UUID, products: Sequence[UUID]
) -> dict[UUID, list[VariantView]]:
    """The variants on sale of each product, in the merchant's order."""
    rows = await db.rows(
        f"select {_VARIANT_COLUMNS} from variants"  # noqa: S608 constant
        " where shop_id = $1 and product_id = any ($2::uuid[]) and archived_at is null"
        " order by position, id",
        shop, list(products),
    )  # fmt: skip
    found: defaultdict[UUID, list[VariantView]] = defaultdict(list)
    for row in rows:
        found[row["product_id"]].append(VariantView(*row.values()))
    return dict(found)


async def prices_by_variants(
    db: Reads, shop: UUID, variants: Sequence[UUID]
) -> dict[UUID, list[PriceView]]:
    """Every price of each variant, by currency code."""
    rows = await db.rows(
        "select variant_id, currency, amount from prices"
        " where shop_id = $1 and variant_id = any ($2::uuid[]) order by currency",
        shop, list(variants),
    )  # fmt: skip
    found: defaultdict[UUID, list[PriceView]] = defaultdict(list)
    for row in rows:
        found[row["variant_id"]].append(PriceView(row["currency"], row["amount"]))
    return dict(found)


async def price_spans(
    db: Reads, shop: UUID, products: Sequence[UUID], currency: str
) -> dict[UUID, PriceSpan]:
    """From which price to which each product is on sale; one without a price in the currency is
    missing."""
    rows = await db.rows(
        """
        select product_id, min(amount) as lowest, max(amount) as highest from variants
        join prices on prices.shop_id = $1 and prices.variant_id = variants.id and currency = $3
        where variants.shop_id = $1 and product_id = any ($2::uuid[]) and archived_at is null
        group by product_id
        """,
        shop, list(products), currency,
    )  # fmt: skip
    return {row["product_id"]: PriceSpan(row["lowest"], row["highest"]) for row in rows}


async def images_by_products(
    db: Reads, shop: UUID, products: Sequence[UUID]
) -> dict[UUID, list[ImageView]]:
    """The pictures of each product, the main one first."""
    rows = await db.rows(
        """
        select product_id, files.id, width, height from product_images
        join files on files.shop_id = $1 and files.id = file_id
        where product_images.shop_id = $1 and product_id = any ($2::uuid[])
        order by position, product_images.id
        """,
        shop, list(products),
    )  # fmt: skip
    found: defaultdict[UUID, list[ImageView]] = defaultdict(list)
    for row in rows:
        found[row["product_id"]].append(ImageView(row["id"], row["width"], row["height"]))
    return dict(found)


async def categories_by_ids(db: Reads, shop: UUID, ids: Sequence[UUID]) -> dict[UUID, CategoryView]:
    """Categories."""
    rows = await db.rows(
        f"select {_CATEGORY_COLUMNS} from categories"  # noqa: S608 constant
        " where shop_id = $1 and id = any ($2::uuid[])",
        shop, list(ids),
    )  # fmt: skip
    return {row["id"]: CategoryView(*row.values()) for row in rows}


async def category_by_slug(db: Reads, shop: UUID, slug: str) -> CategoryView | None:
    """One category by the short name in its address."""
    row = await db.row(
        f"select {_CATEGORY_COLUMNS} from categories"  # noqa: S608 constant
        " where shop_id = $1 and slug = $2",
        shop, slug,
    )  # fmt: skip
    return None if row is None else CategoryView(*row.values())


async def category_list(
    db: Reads, shop: UUID, *, after: tuple[int, UUID] | None, limit: int
) -> list[CategoryView]:
    """Categories in the merchant's order, `limit` at most, after (position, id)."""
    position, category = after or (-1, UUID(int=0))
    rows = await db.rows(
        f"select {_CATEGORY_COLUMNS} from categories"  # noqa: S608 constant
        " where shop_id = $1 and (position, id) > ($2::bigint, $3::uuid)"
        " order by position, id limit $4",
        shop, position, category, limit,
    )  # fmt: skip
    return [CategoryView(*row.values()) for row in rows]


async def product_counts(db: Reads, shop: UUID, categories: Sequence[UUID]) -> dict[UUID, int]:
    """How many products each category has, archived ones not counted; 0 is missing."""
    rows = await db.rows(
        "select category_id, count(*) as count from products where shop_id = $1"
        " and category_id = any ($2::uuid[]) and status <> 'archived' group by category_id",
        shop, list(categories),
    )  # fmt: skip
    return {row["category_id"]: row["count"] for row in rows}
