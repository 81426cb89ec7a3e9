"""How a variant's codes are sold: in which order, how long before their expiry, and what is few.

The order of sale is that of `position`. An import gives its codes positions by their lines, or at
random where the variant is sold so; a merchant who changes between the two has what is on the shelf
numbered anew, which takes seconds for a million codes. Newest first reads backwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.stock.low_stock import stock_has_risen
from keystall.tenants.stock.packs import alone_with_packs
from keystall.tenants.writing import Writing, writing

SaleOrder = Literal["first_in", "random", "newest_first"]

MAX_MARGIN_HOURS = 8760
MAX_LOW_STOCK = 100_000


@dataclass(frozen=True, slots=True)
class SellingRules:
    """`low_stock`: as many codes or fewer are few; 0 never tells."""

    sale_order: SaleOrder
    expiry_margin_hours: int
    low_stock: int


async def selling_rules(
    db: Reads, shop: UUID, variants: Sequence[UUID]
) -> dict[UUID, SellingRules]:
    """The rules of those of the variants that the shop has."""
    rows = await db.rows(
        "select id, sale_order, expiry_margin_hours, low_stock from variants"
        " where shop_id = $1 and id = any ($2::uuid[])",
        shop, list(variants),
    )  # fmt: skip
    return {
        row["id"]: SellingRules(row["sale_order"], row["expiry_margin_hours"], row["low_stock"])
        for row in rows
    }


async def selling_rules_update(
    installation: Installation, shop: UUID, variant: UUID, rules: SellingRules
) -> None:
    """Sets all of them, for the codes on the shelf as for those to come.

    Refuses NOT_FOUND and, at their fields, INVALID (margin of 0 to 8,760 hours, low stock of 0 to
    100,000).
    """
    problems = [
        UserError("INVALID", (field,))
        for field, value, most in (
            ("expiry_margin_hours", rules.expiry_margin_hours, MAX_MARGIN_HOURS),
            ("low_stock", rules.low_stock, MAX_LOW_STOCK),
        )
        if not 0 <= value <= most
    ]
    if problems:
        raise Refused(*problems)
    async with writing(installation, shop) as tx:
        # Before the variant, as does an order that is paid late. What an order holds of them now
        # gets the new margin when it comes back (`allocation.free`).
        await alone_with_packs(tx, shop, [variant])
        before = await tx.row(
            "select sale_order, expiry_margin_hours, low_stock from variants"
            " where shop_id = $1 and id = $2 for no key update",
            shop, variant,
        )  # fmt: skip
        if before is None:
            raise refuse("NOT_FOUND", "variant_id")
        await tx.execute(
            "update variants set sale_order = $3, expiry_margin_hours = $4, low_stock = $5"
            " where shop_id = $1 and id = $2",
            shop, variant, rules.sale_order, rules.expiry_margin_hours, rules.low_stock,
        )  # fmt: skip
        if before["expiry_margin_hours"] != rules.expiry_margin_hours:
            for sellable in _SELLABLE:
                await tx.execute(sellable, shop, variant, rules.expiry_margin_hours)
        if (before["sale_order"] == "random") != (rules.sale_order == "random"):
            await _number_anew(tx, shop, variant, shuffled=rules.sale_order == "random")
        await stock_has_risen(tx, shop, [variant])


# Passing over rows that an order holds, which may be waiting for the packs.
_FREE = """
  select id, 1 as codes from codes
  where shop_id = $1 and variant_id = $2 and state = 'available' {} for update skip locked"""
_SELLABLE = (
    f"""
    update codes set sellable_until = expires_at - make_interval(hours => $3)
    from ({_FREE.format("and expires_at is not null")}) free
    where codes.shop_id = $1 and codes.id = free.id
    """,  # noqa: S608  (a constant)
    "update code_packs set sellable_until = expires_at - make_interval(hours => $3)"
    " where shop_id = $1 and variant_id = $2 and expires_at is not null",
)
_BY_ID = "sum(codes) over (order by id) - codes + 1"


async def _number_anew(tx: Writing, shop: UUID, variant: UUID, *, shuffled: bool) -> None:
    # Ids grow with the lines of a file and from one import to the next; the numbers stay below
    # those of imports to come, and a pack has as many as it has codes. By chance they are drawn
    # from as far as `packs.drawn` does: codes of an opened pack come among all others, not behind.
    place = "(random() * (1::bigint << 56))::bigint" if shuffled else _BY_ID
    await tx.execute(
        f"""
        with singly as ({_FREE.format("")}), numbered as (
          select id, {place} as place from (
            select id, codes from singly
            union all
            select id, codes from code_packs
            where shop_id = $1 and variant_id = $2) free
        ), packs as (
          update code_packs set position = numbered.place from numbered
          where code_packs.shop_id = $1 and code_packs.id = numbered.id)
        update codes set position = numbered.place from numbered
        where codes.shop_id = $1 and codes.id = numbered.id
        """,  # noqa: S608  (one of two constants)
        shop, variant,
    )  # fmt: skip
