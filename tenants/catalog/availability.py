"""How much of a variant is left, told in bands."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.stock.free_codes import free_codes

Band = Literal["in_stock", "low", "sold_out"]

LOW = 10
"""As many or fewer free codes are few."""


def band(available: int) -> Band:
    """The band of so many free codes."""
    if available == 0:
        return "sold_out"
    return "low" if available <= LOW else "in_stock"


FREE = free_codes("variants.id", LOW + 1)
"""How many free codes each of `variants` has, counted no further than its band needs; `$1` is the
shop."""


async def bands_by_variants(db: Reads, shop: UUID, variants: Sequence[UUID]) -> dict[UUID, Band]:
    """The band of each variant; ids of no variant here are sold out like any other.

    Counts no further than the band needs, whatever the stock.
    """
    rows = await db.rows(
        f"select variant_id, {free_codes('wanted.variant_id', LOW + 1)} as free"  # noqa: S608
        " from unnest($2::uuid[]) as wanted (variant_id)",
        shop, list(variants),
    )  # fmt: skip
    return {row["variant_id"]: band(row["free"]) for row in rows}


async def best_bands(db: Reads, shop: UUID, products: Sequence[UUID]) -> dict[UUID, Band]:
    """The best band among the variants on sale of each product; one without any is missing."""
    rows = await db.rows(
        f"select product_id, max({FREE}) as free from variants"  # noqa: S608 constant
        " where shop_id = $1 and product_id = any ($2::uuid[]) and archived_at is null"
        " group by product_id",
        shop, list(products),
    )  # fmt: skip
    return {row["product_id"]: band(row["free"]) for row in rows}


async def low_stock(db: Reads, shop: UUID, *, limit: int) -> list[UUID]:
    """Variants on sale with as many free codes as their threshold or fewer, the emptiest first."""
    rows = await db.rows(
        f"""
        select variants.id from variants
        join products on products.shop_id = $1 and products.id = variants.product_id
        cross join lateral (
          select {free_codes("variants.id", "variants.low_stock + 1")} as free) counted
        where variants.shop_id = $1 and products.status = 'active'
          and variants.archived_at is null and free <= variants.low_stock
        order by free, variants.id limit $2
        """,  # noqa: S608  (a constant)
        shop, limit,
    )  # fmt: skip
    return [row["id"] for row in rows]
