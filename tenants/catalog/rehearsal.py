"""What a change to a product would come to: how it stands before and after, and the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads

_OWN = (
    "name", "slug", "description", "category_id", "status", "position", "buyer_fields",
    "translations",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceChange:
    """What one of a variant costs in a currency, before and after, in minor units; None where it is
    not sold in it. `variant_id` is None for a variant that would be new."""

    variant_id: UUID | None
    variant_name: str
    currency: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class ProductRehearsal:
    """`changed` are the fields of `ProductChanges` that would have another value; `prices` those
    that would be others, variants in their order and currencies by the alphabet."""

    changed: Sequence[str]
    prices: Sequence[PriceChange]


@dataclass(frozen=True, slots=True)
class ProductStanding:
    """A product as it stands. `variants` are those on sale, in order, without their prices;
    `prices` theirs, in minor units by variant and currency."""

    own: Mapping[str, Any] = field(default_factory=dict)
    uploads: Sequence[UUID] = ()
    variants: Mapping[UUID, Mapping[str, Any]] = field(default_factory=dict)
    prices: Mapping[tuple[UUID, str], int] = field(default_factory=dict)


async def product_standing(db: Reads, shop: UUID, product: UUID) -> ProductStanding:
    """How a product stands; an empty standing for one that the shop does not have."""
    own = await db.row(
        f"select {', '.join(_OWN)} from products where shop_id = $1 and id = $2",  # noqa: S608 constant
        shop, product,
    )  # fmt: skip
    if own is None:
        return ProductStanding()
    images = await db.rows(
        "select file_id from product_images where shop_id = $1 and product_id = $2"
        " order by position, id",
        shop, product,
    )  # fmt: skip
    variants = await db.rows(
        "select id, name, position, min_quantity, max_quantity, translations from variants"
        " where shop_id = $1 and product_id = $2 and archived_at is null order by position, id",
        shop, product,
    )  # fmt: skip
    prices = await db.rows(
        "select variant_id, currency, amount from prices"
        " where shop_id = $1 and variant_id = any ($2::uuid[])",
        shop, [row["id"] for row in variants],
    )  # fmt: skip
    return ProductStanding(
        dict(own),
        [row["file_id"] for row in images],
        {row["id"]: dict(row) for row in variants},
        {(row["variant_id"], row["currency"]): row["amount"] for row in prices},
    )


def differences(before: ProductStanding, after: ProductStanding) -> ProductRehearsal:
    """What is not the same any more. Pure."""
    changed = [name for name in _OWN if before.own.get(name) != after.own.get(name)]
    prices = _prices(before, after)
    if prices or list(before.variants.items()) != list(after.variants.items()):
        changed.append("variants")
    if before.uploads != after.uploads:
        changed.append("upload_ids")
    return ProductRehearsal(changed, prices)


def _prices(before: ProductStanding, after: ProductStanding) -> list[PriceChange]:
    variants = {**after.variants, **before.variants}
    order = [*after.variants, *(one for one in before.variants if one not in after.variants)]
    currencies = sorted({currency for _, currency in (*before.prices, *after.prices)})
    return [
        PriceChange(
            variant if variant in before.variants else None,
            (after.variants.get(variant) or variants[variant])["name"],
            currency,
            before.prices.get((variant, currency)),
            after.prices.get((variant, currency)),
        )
        for variant in order
        for currency in currencies
        if before.prices.get((variant, currency)) != after.prices.get((variant, currency))
    ]
