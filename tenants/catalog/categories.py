"""Changing categories."""

from typing import Any
from uuid import UUID

from keystall.platform.ids import new_id
from keystall.tenants.catalog.checks import category_errors
from keystall.tenants.catalog.input import CategoryChanges, CategoryInput
from keystall.tenants.catalog.models import Category, Product
from keystall.tenants.catalog.queries import CategoryView, categories_by_ids
from keystall.tenants.catalog.service import TOPIC
from keystall.tenants.catalog.slugs import free_slug, take_turn
from keystall.tenants.catalog.terms import index_product
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.keeping import given
from keystall.tenants.shops.shop import Shop
from keystall.tenants.writing import Writing, writing


async def category_create(
    installation: Installation, shop: Shop, asked: CategoryInput
) -> CategoryView:
    """Adds a category, last where no position is given.

    Refuses REQUIRED, TOO_LONG, INVALID, DUPLICATE, LOCALE_UNAVAILABLE; TAKEN for a slug.
    """
    values = _checked(given(asked), shop)
    category = new_id()
    async with writing(installation, shop.id) as tx:
        await take_turn(tx, shop.id)
        columns = _columns(values)
        columns["slug"] = await free_slug(
            tx, "categories", shop.id, category, asked=asked.slug, name=asked.name
        )
        if asked.position is None:
            columns["position"] = await tx.value(
                "select coalesce(max(position) + 1, 0) from categories where shop_id = $1", shop.id
            )
        await Category.create(id=category, shop_id=shop.id, **columns)
        return await _finish(tx, shop.id, category)


async def category_update(
    installation: Installation, shop: Shop, category: UUID, changes: CategoryChanges
) -> CategoryView:
    """Changes what was given. Refuses what `category_create` refuses; NOT_FOUND at `id`."""
    values = _checked(given(changes), shop)
    async with writing(installation, shop.id) as tx:
        await take_turn(tx, shop.id)
        before = (await categories_by_ids(tx, shop.id, [category])).get(category)
        if before is None:
            raise refuse("NOT_FOUND", "id")
        columns = _columns(values)
        if "slug" in values:
            name = values.get("name", before.name)
            columns["slug"] = await free_slug(
                tx, "categories", shop.id, category, asked=values["slug"], name=name
            )
        if columns:
            await Category.filter(shop_id=shop.id, id=category).update(**columns)
        if "name" in values or "translations" in values:
            for product in await _products(tx, shop.id, category):
                await index_product(tx, shop.id, product)
        return await _finish(tx, shop.id, category)


async def category_delete(installation: Installation, shop: Shop, category: UUID) -> None:
    """Deletes a category; its products stay, without a shelf. Refuses NOT_FOUND at `id`."""
    async with writing(installation, shop.id) as tx:
        await take_turn(tx, shop.id)
        products = await _products(tx, shop.id, category)
        await Product.filter(shop_id=shop.id, category_id=category).update(category_id=None)
        if not await Category.filter(shop_id=shop.id, id=category).delete():
            raise refuse("NOT_FOUND", "id")
        for product in products:
            await index_product(tx, shop.id, product)
        tx.announce(TOPIC)


def _checked(values: dict[str, Any], shop: Shop) -> dict[str, Any]:
    errors = category_errors(values, shop)
    if errors:
        raise Refused(*errors)
    return values


async def _products(tx: Writing, shop: UUID, category: UUID) -> list[UUID]:
    rows = await tx.rows(
        "select id from products where shop_id = $1 and category_id = $2", shop, category
    )
    return [row["id"] for row in rows]


async def _finish(tx: Writing, shop: UUID, category: UUID) -> CategoryView:
    tx.announce(TOPIC)
    return (await categories_by_ids(tx, shop, [category]))[category]


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if "name" in values:
        columns["name"] = values["name"].strip()
    if values.get("position") is not None:
        columns["position"] = values["position"]
    if "translations" in values:
        columns["translations"] = {
            text.locale: {"name": text.name.strip()} for text in values["translations"]
        }
    return columns
