"""Fills an empty database with one big shop: `python -m bench.seed FILE`, settings by environment.

Through the services, as a merchant would: a thousand products with codes, half of them with a
picture, and one with a thousand codes for a flash sale. FILE becomes `{"slug", "variants": [opaque
ids], "flash": opaque id, "merchant": {"email", "password"}}`.
"""

import asyncio
import io
import json
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from PIL import Image

from keystall.graphql import ids
from keystall.platform import database
from keystall.platform.logs import configure_logs
from keystall.platform.settings import Settings, load_settings
from keystall.tenants.catalog.categories import category_create
from keystall.tenants.catalog.input import CategoryInput, PriceInput, ProductInput, VariantInput
from keystall.tenants.catalog.queries import variants_by_products
from keystall.tenants.catalog.service import product_create
from keystall.tenants.files.service import picture_upload
from keystall.tenants.identity.operators import account_create_confirmed
from keystall.tenants.identity.service import Visitor, sign_in, viewer
from keystall.tenants.installation import Installation, installed
from keystall.tenants.migrating import migrate
from keystall.tenants.schema import connect
from keystall.tenants.shops.input import ShopChanges, ShopInput
from keystall.tenants.shops.service import shop_create, shop_update
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock.import_work import import_codes
from keystall.tenants.stock.imports import codes_import

SLUG = "bench"
PRODUCTS = 1000
CODES_EACH = 20
CODES_OF_FLASH_SALE = 1000
AT_ONCE = 4
CATEGORIES = ("Games", "Software", "Gift cards", "Courses")
TEXT = "A digital licence delivered by email at once after payment. Works world-wide, one "
TEXT += "activation, no expiry. "


async def fill(settings: Settings) -> dict[str, object]:
    await connect(settings)
    try:
        async with installed(settings) as installation:
            merchant = {"email": "merchant@bench.example.com", "password": secrets.token_hex(12)}
            shop = await _shop(installation, **merchant)
            *variants, flash = await _products(installation, shop)
            told = {"slug": shop.slug, "variants": variants, "flash": flash}
            return {**told, "merchant": merchant}
    finally:
        await database.disconnect()


async def _shop(installation: Installation, email: str, password: str) -> Shop:
    await account_create_confirmed(installation.settings.owner_database_url, email, password)
    signed_in = await sign_in(installation, email, password, visitor=Visitor())
    async with database.transaction(None) as db:
        merchant = await viewer(db, signed_in.secret)
    assert merchant is not None
    shop = await shop_create(installation, merchant, ShopInput("Bench & Co", SLUG, "en", "USD"))
    # All the buyers come from this machine.
    return await shop_update(installation, shop.id, ShopChanges(unpaid_per_address=100_000))


async def _products(installation: Installation, shop: Shop) -> list[str]:
    shelves = [
        (await category_create(installation, shop, CategoryInput(name))).id for name in CATEGORIES
    ]
    few = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> str:
        async with few:
            shelf = shelves[number % len(shelves)]
            return await _product(installation, shop, number, shelf=shelf)

    return await asyncio.gather(*(one(number) for number in range(1, PRODUCTS + 2)))


async def _product(installation: Installation, shop: Shop, number: int, *, shelf: UUID) -> str:
    pictures = []
    if number % 2:
        pictures = [(await picture_upload(installation, shop.id, "p.png", _picture(number))).id]
    product = await product_create(
        installation,
        shop,
        ProductInput(
            name=f"Product {number}",
            slug=f"product-{number}",
            description=f"{TEXT * 2}Number {number}.",
            category_id=shelf,
            position=number,
            upload_ids=pictures,
            variants=[VariantInput(prices=[PriceInput(f"{5 + number % 60}.00", "USD")])],
        ),
    )
    async with database.transaction(shop.id) as db:
        ((variant,),) = (await variants_by_products(db, shop.id, [product.id])).values()
    codes = CODES_EACH if number <= PRODUCTS else CODES_OF_FLASH_SALE
    await _stock(installation, shop, variant.id, codes)
    return ids.encode("Variant", variant.id)


async def _stock(installation: Installation, shop: Shop, variant: UUID, codes: int) -> None:
    text = "\n".join(secrets.token_hex(10).upper() for _ in range(codes))
    job = await codes_import(
        installation, shop.id, variant, text=text, idempotency_key=secrets.token_urlsafe(16)
    )
    async with database.transaction(shop.id) as db:
        item = await db.value(
            "select id from outbox where shop_id = $1 and subject_id = $2", shop.id, job
        )
    await import_codes(installation, shop.id, item)


async def _picture(number: int) -> AsyncIterator[bytes]:
    encoded = io.BytesIO()
    Image.new("RGB", (32, 20), (number % 256, 90, 140)).save(encoded, "PNG")
    yield encoded.getvalue()


def main() -> None:
    settings = load_settings()
    configure_logs(settings)
    asyncio.run(migrate(settings.owner_database_url))
    Path(sys.argv[1]).write_text(json.dumps(asyncio.run(fill(settings))))


if __name__ == "__main__":
    main()
