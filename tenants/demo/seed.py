"""Filling an empty installation with the demo's shops, as their merchants would have."""

import secrets
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from keystall.platform import database
from keystall.tenants.catalog.categories import category_create
from keystall.tenants.catalog.input import (
    BuyerFieldInput,
    CategoryInput,
    CategoryTranslation,
    PriceInput,
    ProductInput,
    ProductTranslation,
    VariantInput,
)
from keystall.tenants.catalog.queries import variants_by_products
from keystall.tenants.catalog.service import product_create
from keystall.tenants.demo.pictures import product_picture
from keystall.tenants.files.service import picture_upload
from keystall.tenants.identity.operators import account_create_confirmed, operator_create
from keystall.tenants.identity.service import Viewer, Visitor, sign_in, viewer
from keystall.tenants.installation import Installation
from keystall.tenants.keeping import KEEP
from keystall.tenants.shops.input import ShopChanges, ShopInput, ShopTranslation
from keystall.tenants.shops.service import shop_create, shop_update
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from keystall.tenants.stock.import_work import import_codes
from keystall.tenants.stock.imports import codes_import

OPERATOR = "operator@keystall.example.com"
_SHOPS = Path(__file__).parent / "shops.toml"
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class _Seeding:
    installation: Installation
    password: str


async def seed(installation: Installation, *, password: str) -> dict[str, Any]:
    """Makes the operator, three merchants and their shops; all sign in with `password`.

    Answers `{"operator": {…}, "shops": [{"name", "slug", "admin_token", "merchant"}]}`. The
    database must be connected, and empty.
    """
    seeding = _Seeding(installation, password)
    owner_url = installation.settings.owner_database_url
    await operator_create(owner_url, OPERATOR, password)
    shops = tomllib.loads(_SHOPS.read_text("utf-8"))["shop"]
    return {
        "operator": {"email": OPERATOR, "password": password},
        "shops": [await _shop(seeding, shop) for shop in shops],
    }


async def _shop(seeding: _Seeding, told: Mapping[str, Any]) -> dict[str, Any]:
    installation = seeding.installation
    merchant = await _merchant(seeding, told["merchant"], told["locales"][0])
    shop = await shop_create(
        installation,
        merchant,
        ShopInput(told["name"], told["slug"], told["locales"][0], told["currencies"][0]),
    )
    shop = await shop_update(installation, shop.id, _changes(told))
    categories = {
        category["slug"]: await _category(installation, shop, category)
        for category in told["category"]
    }
    for position, product in enumerate(told["product"]):
        await _product(installation, shop, categories, product | {"position": position})
    _, secret = await api_token_create(installation, shop.id, "Demo")
    return {
        "name": shop.name,
        "slug": shop.slug,
        "admin_token": secret,
        "merchant": {"email": told["merchant"], "password": seeding.password},
    }


async def _merchant(seeding: _Seeding, email: str, locale: str) -> Viewer:
    installation = seeding.installation
    owner_url = installation.settings.owner_database_url
    await account_create_confirmed(owner_url, email, seeding.password, locale=locale)
    signed_in = await sign_in(installation, email, seeding.password, visitor=Visitor())
    async with database.transaction(None) as db:
        person = await viewer(db, signed_in.secret)
    if person is None:
        raise LookupError("a session vanished while the demo was made")
    return person


def _changes(told: Mapping[str, Any]) -> ShopChanges:
    return ShopChanges(
        contact=told["contact"],
        notice=told["notice"],
        policies=told["policies"].strip(),
        icp_number=told["icp_number"] or None,
        locales=told["locales"],
        currencies=told["currencies"],
        theme_preset=told["theme"],
        hold_minutes=told.get("hold_minutes", KEEP),
        translations=[
            ShopTranslation(locale, texts["notice"], texts["policies"].strip())
            for locale, texts in told["translations"].items()
        ],
    )


async def _category(installation: Installation, shop: Shop, told: Mapping[str, str]) -> UUID:
    translations = [
        CategoryTranslation(locale, told[locale]) for locale in shop.locales if locale in told
    ]
    made = await category_create(
        installation, shop, CategoryInput(told["name"], told["slug"], translations=translations)
    )
    return made.id


async def _product(
    installation: Installation,
    shop: Shop,
    categories: Mapping[str, UUID],
    told: Mapping[str, Any],
) -> None:
    motif, *colours = told["art"]
    picture = await picture_upload(
        installation, shop.id, f"{told['slug']}.png",
        _whole(product_picture(told["slug"], motif, (colours[0], colours[1], colours[2]))),
    )  # fmt: skip
    made = await product_create(
        installation,
        shop,
        ProductInput(
            name=told["name"],
            slug=told["slug"],
            description=told["description"].strip(),
            category_id=categories[told["category"]],
            position=told["position"],
            upload_ids=[picture.id],
            variants=[_variant(shop, variant) for variant in told["variants"]],
            buyer_fields=[BuyerFieldInput(**field) for field in told.get("buyer_field", [])],
            translations=_translations(shop, told),
        ),
    )
    async with database.transaction(shop.id) as db:
        variants = (await variants_by_products(db, shop.id, [made.id]))[made.id]
    for variant, asked in zip(variants, told["variants"], strict=True):
        if asked["codes"]:
            await _stock(installation, shop, variant.id, asked["codes"])


def _variant(shop: Shop, told: Mapping[str, Any]) -> VariantInput:
    return VariantInput(
        name=told["name"],
        prices=[PriceInput(told[currency], currency) for currency in shop.currencies],
        max_quantity=told["max"],
        translations={locale: told[locale] for locale in shop.locales[1:] if locale in told},
    )


def _translations(shop: Shop, told: Mapping[str, Any]) -> list[ProductTranslation]:
    prefix = shop.locales[1].partition("-")[0]
    name, description = told[f"{prefix}_name"], told[f"{prefix}_description"]
    return [ProductTranslation(shop.locales[1], name, description.strip())]


async def _stock(installation: Installation, shop: Shop, variant: UUID, count: int) -> None:
    text = "\n".join(_code() for _ in range(count))
    job = await codes_import(
        installation, shop.id, variant, text=text, skip_bad=False,
        idempotency_key=secrets.token_urlsafe(16),
    )  # fmt: skip
    async with database.transaction(shop.id) as db:
        item = await db.value(
            "select id from outbox where shop_id = $1 and subject_id = $2", shop.id, job
        )
    await import_codes(installation, shop.id, item)


def _code() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
