"""Writing the variants of a product: kept by id, added, taken off sale."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.platform.money import parse_amount
from keystall.tenants.catalog.input import VariantInput
from keystall.tenants.catalog.models import Price, Variant
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.writing import Writing


async def replace_variants(
    tx: Writing, shop: UUID, product: UUID, asked: Sequence[VariantInput]
) -> None:
    """Makes `asked`, already checked, the variants on sale, in this order.

    One that is not named leaves the sale and keeps its codes, prices and orders; naming it again
    brings it back. Refuses NOT_FOUND at the id of a variant that is not the product's.
    """
    rows = await tx.rows(
        "select id from variants where shop_id = $1 and product_id = $2", shop, product
    )
    _check_known({row["id"] for row in rows}, asked)
    kept = [variant.id for variant in asked if variant.id is not None]
    leaving = Variant.filter(shop_id=shop, product_id=product, archived_at=None, id__not_in=kept)
    await leaving.update(archived_at=clock.now())
    await Price.filter(shop_id=shop, variant_id__in=kept).delete()
    prices: list[Price] = []
    for position, variant in enumerate(asked):
        row_id = await _write(shop, product, position, variant)
        prices += [
            Price(
                shop_id=shop, variant_id=row_id, currency=price.currency_code,
                amount=parse_amount(price.amount, price.currency_code),
            )
            for price in variant.prices
        ]  # fmt: skip
    await Price.bulk_create(prices)


async def _write(shop: UUID, product: UUID, position: int, asked: VariantInput) -> UUID:
    columns: dict[str, Any] = {
        "name": asked.name.strip(),
        "position": position,
        "min_quantity": asked.min_quantity,
        "max_quantity": asked.max_quantity,
        "archived_at": None,
    }
    if asked.translations is not None:
        columns["translations"] = {
            locale: {"name": name.strip()} for locale, name in asked.translations.items()
        }
    if asked.id is not None:
        await Variant.filter(shop_id=shop, id=asked.id).update(**columns)
        return asked.id
    created = await Variant.create(id=new_id(), shop_id=shop, product_id=product, **columns)
    return created.id


def _check_known(known: set[UUID], asked: Sequence[VariantInput]) -> None:
    errors = [
        UserError("NOT_FOUND", ("variants", str(index), "id"))
        for index, variant in enumerate(asked)
        if variant.id is not None and variant.id not in known
    ]
    if errors:
        raise Refused(*errors)
