"""Lists of products, a page at a time by keyset: a page costs the same wherever it lies."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from keystall.platform.database import Reads, Row
from keystall.tenants.catalog.around import Around, Part, take_around, with_parts
from keystall.tenants.catalog.input import ProductStatus
from keystall.tenants.catalog.queries import ProductView, product_columns, product_of, product_width
from keystall.tenants.columns import NOTHING
from keystall.tenants.search.terms import query_terms

ProductSort = Literal["featured", "newest", "price_asc", "price_desc", "name"]

Key = tuple[str | int, ...]
"""Where a product stands in a list: the value it is sorted by, where there is one, and its id."""

_DEAREST = 2**63 - 1
_WRONG_PLACE = "a place in another kind of list"

# What a list is sorted by, of which type, and in which direction.
_ORDERS: dict[ProductSort, tuple[str | None, str, str]] = {
    "featured": ("products.position", "bigint", "asc"),
    "newest": (None, "", "desc"),
    "price_asc": (f"coalesce(cheapest.amount, {_DEAREST})", "bigint", "asc"),
    "price_desc": ("coalesce(cheapest.amount, 0)", "bigint", "desc"),
    "name": ("products.name", "text", "asc"),
}
_CHEAPEST = """
 cross join lateral (
  select min(prices.amount) as amount from variants
  join prices on prices.shop_id = $1 and prices.variant_id = variants.id
  where variants.shop_id = $1 and variants.product_id = products.id
    and variants.archived_at is null and prices.currency = {currency}) cheapest"""


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products, in which order.

    `currency` prices the spans and the price orders, in which products without such a price come
    last; `query` are words that must all be found; a text without any word finds nothing.
    """

    statuses: Sequence[ProductStatus] = ("active",)
    sort: ProductSort = "featured"
    currency: str = ""
    category_id: UUID | None = None
    category_slug: str | None = None
    query: str | None = None


class ListedProduct(NamedTuple):
    """A product, and what its list is sorted by, where that is anything but its id."""

    product: ProductView
    sorted_by: Key

    @property
    def key(self) -> Key:
        """Its place in the list."""
        return (*self.sorted_by, str(self.product.id))


async def product_list(
    db: Reads,
    shop: UUID,
    wanted: ProductFilter,
    *,
    after: Key | None,
    limit: int,
    parts: Collection[Part] = (),
    without: frozenset[str] = NOTHING,
) -> tuple[list[ListedProduct], Around]:
    """Up to `limit` products after the place `after`, and the `parts` of what is around them, by
    one statement; `without`: see `product_columns`.

    Raises ValueError for a place in another kind of list.
    """
    listing = _listing(
        _Statement(shop), wanted, after=after, limit=limit, parts=parts, without=without
    )
    if listing is None:
        return [], {}
    rows = await db.rows(listing.sql, *listing.arguments)
    return [listing.listed(row) for row in rows], take_around(rows, parts)


async def products_of_categories(
    db: Reads,
    shop: UUID,
    wanted: ProductFilter,
    categories: Sequence[UUID],
    *,
    after: Key | None,
    limit: int,
    parts: Collection[Part] = (),
    without: frozenset[str] = NOTHING,
) -> tuple[dict[UUID, list[ListedProduct]], Around]:
    """The same of each of the categories, by one statement for all; one without any is missing."""
    statement = _Statement(shop)
    statement.conditions.append("products.category_id = wanted.category_id")
    listing = _listing(statement, wanted, after=after, limit=limit, parts=parts, without=without)
    if listing is None:
        return {}, {}
    rows = await db.rows(
        f"select page.* from unnest({statement.parameter(list(categories))}::uuid[])"  # noqa: S608
        f" as wanted (category_id) cross join lateral ({listing.sql}) page",
        *listing.arguments,
    )
    pages: defaultdict[UUID, list[ListedProduct]] = defaultdict(list)
    for row in rows:
        pages[row["category_id"]].append(listing.listed(row))
    return dict(pages), take_around(rows, parts)


@dataclass(frozen=True, slots=True)
class _Listing:
    """A statement that lists products, and how its rows are read: the first `width` values are the
    product's own."""

    sql: str
    arguments: Sequence[object]
    width: int
    sorted_by: bool

    def listed(self, row: Row) -> ListedProduct:
        sorted_by: Key = (row["sorted_by"],) if self.sorted_by else ()
        return ListedProduct(product_of(row, self.width), sorted_by)


def _listing(
    statement: "_Statement",
    wanted: ProductFilter,
    *,
    after: Key | None,
    limit: int,
    parts: Collection[Part],
    without: frozenset[str],
) -> _Listing | None:
    """None where nothing can be found. Raises ValueError for a place in another kind of list."""
    words = query_terms(wanted.query) if wanted.query is not None else None
    if words == []:
        return None
    by, kind, direction = _ORDERS[wanted.sort]
    tables = "products"
    if wanted.sort in ("price_asc", "price_desc"):
        tables += _CHEAPEST.format(currency=statement.parameter(wanted.currency))
    _narrow(statement, wanted, words)
    if after is not None:
        _go_on(statement, wanted.sort, after)
    columns = product_columns(without)
    columns += f", {by}::{kind} as sorted_by" if by else ""
    order = f"{by} {direction}, products.id {direction}" if by else f"products.id {direction}"
    sql = (
        f"select {columns} from {tables} where {' and '.join(statement.conditions)}"  # noqa: S608
        f" order by {order} limit {limit:d}"
    )
    currency = statement.parameter(wanted.currency) if "span" in parts else ""
    sql = with_parts(sql, parts, currency=currency)
    return _Listing(sql, statement.arguments, product_width(without), by is not None)


class _Statement:
    """Conditions and their arguments, `$1` being the shop."""

    def __init__(self, shop: UUID) -> None:
        self.arguments: list[object] = [shop]
        self.conditions = ["products.shop_id = $1"]

    def parameter(self, value: object) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def where(self, condition: str, *values: object) -> None:
        self.conditions.append(condition.format(*map(self.parameter, values)))


def _narrow(statement: _Statement, wanted: ProductFilter, words: list[str] | None) -> None:
    if list(wanted.statuses) == ["active"]:
        # Spelt out, for the partial index of what is on sale to serve.
        statement.where("products.status = 'active'")
    else:
        statement.where("products.status = any ({}::text[])", list(wanted.statuses))
    if wanted.category_id is not None:
        statement.where("products.category_id = {}", wanted.category_id)
    if wanted.category_slug is not None:
        statement.where(
            "products.category_id = (select id from categories where shop_id = $1 and slug = {})",
            wanted.category_slug,
        )
    if words is not None:
        statement.where(
            "products.id in (select product_id from search_terms where shop_id = $1"
            " and term = any ({}::text[]) group by product_id having count(*) = {}::int)",
            words, len(words),
        )  # fmt: skip


def _go_on(statement: _Statement, sort: ProductSort, after: Key) -> None:
    by, kind, direction = _ORDERS[sort]
    sign = ">" if direction == "asc" else "<"
    *values, product = after
    if len(values) != (by is not None) or not all(_fits(value, kind) for value in values):
        raise ValueError(_WRONG_PLACE)
    try:
        last = UUID(str(product))
    except ValueError:
        raise ValueError(_WRONG_PLACE) from None
    if by is None:
        statement.where(f"products.id {sign} {{}}::uuid", last)
    else:
        statement.where(f"({by}, products.id) {sign} ({{}}::{kind}, {{}}::uuid)", *values, last)


def _fits(value: str | int, kind: str) -> bool:
    if kind == "bigint":
        return isinstance(value, int) and abs(value) <= _DEAREST
    return isinstance(value, str) and "\x00" not in value
