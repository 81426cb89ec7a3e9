"""Accounts, shops, products and codes, made the way people make them: through the services."""

import io
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any
from unittest.mock import patch
from uuid import UUID

from PIL import Image

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.catalog.input import PriceInput, ProductInput, VariantInput
from keystall.tenants.catalog.queries import ProductView, VariantView, variants_by_products
from keystall.tenants.catalog.service import product_create
from keystall.tenants.files.queries import FileView
from keystall.tenants.files.service import picture_upload
from keystall.tenants.identity.operators import account_create_confirmed, operator_create
from keystall.tenants.identity.service import Viewer, Visitor, sign_in, viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.input import ShopInput
from keystall.tenants.shops.service import shop_create
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock import packs
from keystall.tenants.stock.insertion import Batch, add_codes, begin_batch
from keystall.tenants.stock.sealing import shop_cipher
from keystall.tenants.stock.steps import NewCodes
from keystall.tenants.writing import writing

PASSWORD = "plum tree 19"
_numbers = itertools.count(1)


async def a_viewer(
    installation: Installation, *, operator: bool = False, email: str = ""
) -> Viewer:
    """A signed-in person, with an address of their own unless one is given."""
    create = operator_create if operator else account_create_confirmed
    email = email or f"person{next(_numbers)}@keystall.test"
    await create(installation.settings.owner_database_url, email, PASSWORD)
    signed_in = await sign_in(installation, email, PASSWORD, visitor=Visitor())
    async with database.transaction(None) as db:
        found = await viewer(db, signed_in.secret)
    assert found is not None
    return found


async def a_shop(
    installation: Installation,
    owner: Viewer | None = None,
    *,
    name: str = "Lulu Cards",
    locale: str = "en",
    currency: str = "CNY",
) -> Shop:
    """An open shop at a new address."""
    slug = f"shop-{next(_numbers)}"
    return await shop_create(
        installation,
        owner or await a_viewer(installation),
        ShopInput(name=name, slug=slug, locale=locale, currency=currency),
    )


def a_variant_input(name: str = "", *, id: UUID | None = None, **prices: str) -> VariantInput:
    """A variant with prices by currency: `a_variant_input("Big", CNY="9.90")`; 9.90 CNY if none."""
    asked = prices or {"CNY": "9.90"}
    return VariantInput(
        id=id,
        name=name,
        prices=[PriceInput(amount, currency) for currency, amount in asked.items()],
    )


async def a_product(
    installation: Installation,
    shop: Shop,
    name: str = "Steam Card",
    *,
    variants: Sequence[VariantInput] | None = None,
    **fields: Any,
) -> ProductView:
    """A product on sale, with one variant at 9.90 CNY unless others are given."""
    asked = ProductInput(name=name, variants=variants or [a_variant_input()], **fields)
    return await product_create(installation, shop, asked)


async def variants_of(shop: Shop, product: ProductView) -> list[VariantView]:
    """The product's variants on sale."""
    async with database.transaction(shop.id) as db:
        return (await variants_by_products(db, shop.id, [product.id])).get(product.id, [])


async def the_variant(shop: Shop, product: ProductView) -> VariantView:
    """The product's only variant."""
    (variant,) = await variants_of(shop, product)
    return variant


async def some_codes(
    installation: Installation, shop: Shop, variant: UUID, codes: Sequence[str] | int
) -> list[str]:
    """Codes in stock, sold in this order: the given ones, or so many new ones."""
    texts = [f"CODE-{new_id().hex}" for _ in range(codes)] if isinstance(codes, int) else [*codes]
    async with database.transaction(shop.id) as tx:
        cipher = await shop_cipher(tx, installation.keys, shop.id)
        batch = new_id()
        await tx.execute(
            "insert into batches (shop_id, id, variant_id, source, currency)"
            " values ($1, $2, $3, 'paste', 'CNY')",
            shop.id, batch, variant,
        )  # fmt: skip
        for text in texts:
            code = new_id()
            await tx.execute(
                "insert into codes"
                " (shop_id, id, variant_id, batch_id, state, sealed, key_version, lookup)"
                " values ($1, $2, $3, $4, 'available', $5, $6, $7)",
                shop.id, code, variant, batch, cipher.seal_code(variant, code, text),
                cipher.version, cipher.lookup(variant, text),
            )  # fmt: skip
    return texts


async def a_pack(
    installation: Installation, shop: Shop, variant: UUID, codes: Sequence[str]
) -> UUID:
    """Codes in stock that rest in a pack of their own, sold after `some_codes`: the pack's id, and
    its first code's."""
    texts = [text.encode() for text in codes]
    batch = Batch(new_id(), variant, "paste", currency="CNY")
    async with writing(installation, shop.id) as tx:
        cipher = await shop_cipher(tx, installation.keys, shop.id)
        await begin_batch(tx, shop.id, batch)
        lookups = list(map(cipher.for_import(variant).lookup, texts))
        with patch.object(packs, "PACK", len(codes)):
            await add_codes(
                tx, shop.id, batch, cipher, NewCodes(list(range(1, len(codes) + 1)), texts, lookups)
            )
        pack: UUID = await tx.value("select id from code_packs where batch_id = $1", batch.id)
    return pack


async def a_picture(installation: Installation, shop: Shop) -> FileView:
    """An uploaded picture, 3 by 2 pixels."""
    encoded = io.BytesIO()
    Image.new("RGB", (3, 2), "teal").save(encoded, "PNG")
    return await picture_upload(installation, shop.id, "card.png", chunks_of(encoded.getvalue()))


async def chunks_of(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """`data` as an upload comes in."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
