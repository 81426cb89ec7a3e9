"""Changing products: one call writes the product and everything on it, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.platform.markdown import render_markdown
from keystall.tenants.catalog.checks import product_errors
from keystall.tenants.catalog.input import (
    BuyerFieldInput,
    ProductChanges,
    ProductInput,
    ProductStatus,
    ProductTranslation,
)
from keystall.tenants.catalog.models import Category, Product, ProductImage
from keystall.tenants.catalog.queries import ProductView, product_by_id
from keystall.tenants.catalog.rehearsal import ProductRehearsal, differences, product_standing
from keystall.tenants.catalog.slugs import free_slug, take_turn
from keystall.tenants.catalog.terms import index_product
from keystall.tenants.catalog.variants import replace_variants
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.forbidden.listing import found, listed_texts, refusals, terms_held
from keystall.tenants.installation import Installation
from keystall.tenants.keeping import given
from keystall.tenants.shops.shop import Shop
from keystall.tenants.writing import Writing, writing

TOPIC = "catalog"
"""Announced whenever what a shop shows for sale has changed."""


async def product_create(
    installation: Installation, shop: Shop, asked: ProductInput
) -> ProductView:
    """Adds a product with its variants, prices, pictures, questions and translations.

    Refuses REQUIRED, TOO_LONG, INVALID, DUPLICATE, TOO_MANY, CURRENCY_UNAVAILABLE,
    LOCALE_UNAVAILABLE, AMOUNT_INVALID; TAKEN for a slug; NOT_FOUND for a category or picture that
    this shop does not have; FORBIDDEN_GOODS where it would go on sale with a forbidden term.
    """
    values = _checked(given(asked), shop)
    product = new_id()
    async with writing(installation, shop.id) as tx:
        await take_turn(tx, shop.id)
        await _check_references(tx, shop.id, values)
        slug = await free_slug(tx, "products", shop.id, product, asked=asked.slug, name=asked.name)
        columns = _columns(values) | {"slug": slug}
        await Product.create(id=product, shop_id=shop.id, **columns)
        return await _finish(tx, shop.id, product, values)


async def product_update(
    installation: Installation, shop: Shop, product: UUID, changes: ProductChanges
) -> ProductView:
    """Changes what was given, and answers the product as it is then.

    Refuses what `product_create` refuses; NOT_FOUND at `id` for a product that this shop does not
    have.
    """
    values = _checked(given(changes), shop)
    async with writing(installation, shop.id) as tx:
        return await _update(tx, shop.id, product, values)


async def product_rehearse(
    installation: Installation, shop: Shop, product: UUID, changes: ProductChanges
) -> ProductRehearsal:
    """What `product_update` would change. Refuses what it refuses, and changes nothing."""
    values = _checked(given(changes), shop)
    async with writing(installation, shop.id, rehearsal=True) as tx:
        before = await product_standing(tx, shop.id, product)
        await _update(tx, shop.id, product, values)
        after = await product_standing(tx, shop.id, product)
    return differences(before, after)


async def _update(tx: Writing, shop: UUID, product: UUID, values: Mapping[str, Any]) -> ProductView:
    await take_turn(tx, shop)
    before = await product_by_id(tx, shop, product)
    if before is None:
        raise refuse("NOT_FOUND", "id")
    await _check_references(tx, shop, values)
    columns = _columns(values) | {"updated_at": clock.now()}
    if "slug" in values:
        name = values.get("name", before.name)
        columns["slug"] = await free_slug(
            tx, "products", shop, product, asked=values["slug"], name=name
        )
    await Product.filter(shop_id=shop, id=product).update(**columns)
    return await _finish(tx, shop, product, values)


async def product_archive(installation: Installation, shop: Shop, product: UUID) -> ProductView:
    """Takes a product off sale for good; its codes and orders stay. Refuses NOT_FOUND."""
    return await _set_status(installation, shop, product, "archived")


async def product_publish(installation: Installation, shop: Shop, product: UUID) -> ProductView:
    """Puts a draft or an archived product on sale. Refuses NOT_FOUND; FORBIDDEN_GOODS at `status`
    where it has a forbidden term."""
    return await _set_status(installation, shop, product, "active")


async def _set_status(
    installation: Installation, shop: Shop, product: UUID, status: ProductStatus
) -> ProductView:
    return await product_update(installation, shop, product, ProductChanges(status=status))


def _checked(values: dict[str, Any], shop: Shop) -> dict[str, Any]:
    errors = product_errors(values, shop)
    if errors:
        raise Refused(*errors)
    return values


async def _check_references(tx: Writing, shop: UUID, values: Mapping[str, Any]) -> None:
    errors: list[UserError] = []
    category = values.get("category_id")
    if category is not None and not await Category.exists(shop_id=shop, id=category):
        errors.append(UserError("NOT_FOUND", ("category_id",)))
    uploads: Sequence[UUID] = values.get("upload_ids", ())
    rows = await tx.rows(
        "select id from files where shop_id = $1 and id = any ($2::uuid[]) and kind = 'picture'",
        shop, list(uploads),
    )  # fmt: skip
    pictures = {row["id"] for row in rows}
    errors += [
        UserError("NOT_FOUND", ("upload_ids", str(index)))
        for index, upload in enumerate(uploads)
        if upload not in pictures
    ]
    if errors:
        raise Refused(*errors)


async def _finish(tx: Writing, shop: UUID, product: UUID, values: Mapping[str, Any]) -> ProductView:
    if "variants" in values:
        await replace_variants(tx, shop, product, values["variants"])
    if "upload_ids" in values:
        await _replace_images(shop, product, values["upload_ids"])
    await _allow(tx, shop, product, values)
    await index_product(tx, shop, product)
    tx.announce(TOPIC)
    written = await product_by_id(tx, shop, product)
    if written is None:
        raise LookupError("a product vanished from the transaction that wrote it")
    return written


async def _allow(tx: Writing, shop: UUID, product: UUID, values: Mapping[str, Any]) -> None:
    """Lets nothing on sale that is forbidden, or be changed there; a draft may be anything, so that
    nothing typed is lost."""
    on_sale = await tx.value(
        "select status = 'active' from products where shop_id = $1 and id = $2", shop, product
    )
    if on_sale:
        texts = await listed_texts(tx, shop, product, values)
        errors = refusals(found(texts, await terms_held(tx)))
        if errors:
            raise Refused(*errors)
        await Product.filter(shop_id=shop, id=product).update(stopped_reason="")
    await tx.execute(
        "delete from forbidden_findings where shop_id = $1 and product_id = $2", shop, product
    )


async def _replace_images(shop: UUID, product: UUID, uploads: Sequence[UUID]) -> None:
    await ProductImage.filter(shop_id=shop, product_id=product).delete()
    await ProductImage.bulk_create(
        ProductImage(
            id=new_id(), shop_id=shop, product_id=product, file_id=upload, position=position
        )
        for position, upload in enumerate(uploads)
    )


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = {
        name: values[name] for name in ("category_id", "status", "position") if name in values
    }
    if "name" in values:
        columns["name"] = values["name"].strip()
    if "description" in values:
        columns["description"] = values["description"]
        columns["description_html"] = render_markdown(values["description"])
    if "buyer_fields" in values:
        columns["buyer_fields"] = [_question(field) for field in values["buyer_fields"]]
    if "translations" in values:
        columns["translations"] = {
            text.locale: _translated(text) for text in values["translations"]
        }
    return columns


def _question(field: BuyerFieldInput) -> dict[str, Any]:
    return {
        "key": field.key,
        "label": field.label.strip(),
        "required": field.required,
        "kind": field.kind,
        "placeholder": field.placeholder.strip(),
        "options": [option.strip() for option in field.options] if field.kind == "select" else [],
    }


def _translated(text: ProductTranslation) -> dict[str, str]:
    return {
        "name": text.name.strip(),
        "description": text.description,
        "description_html": render_markdown(text.description),
    }
