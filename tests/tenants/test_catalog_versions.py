"""The version of what the public sees: what moves it, and what must not."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.graphql.executor import execute
from keystall.platform import database
from keystall.tenants.audit.acting import Act, acting
from keystall.tenants.catalog.categories import category_create, category_delete, category_update
from keystall.tenants.catalog.input import (
    CategoryChanges,
    CategoryInput,
    PriceInput,
    ProductChanges,
    VariantInput,
)
from keystall.tenants.catalog.service import product_archive, product_publish, product_update
from keystall.tenants.catalog.standing import catalog_versions
from keystall.tenants.installation import Installation
from keystall.tenants.payments.accounts import payment_account_set_enabled
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.operating import shop_look, shop_resume, shop_suspend
from keystall.tenants.shops.service import checklist_dismiss, shop_close, shop_update
from keystall.tenants.shops.shop import Shop
from keystall.tenants.stock.selling import SellingRules, selling_rules_update
from keystall.themes.engine import Cache
from keystall.themes.engine.documents import load_document
from keystall.themes.storefront.pages import PAGES
from tests.factories import (
    a_picture,
    a_product,
    a_shop,
    a_viewer,
    some_codes,
    the_variant,
    variants_of,
)
from tests.graphql.asking import CountingReader, buyer
from tests.tenants.purchases import Purchase

_IN_BANDS = "what is in stock is told in bands, and orders must move no version"
UNWATCHED = {"codes": _IN_BANDS, "code_packs": _IN_BANDS}
"""Tables that visitors' pages are made of and that move no version, each for its reason."""


async def version(shop: UUID) -> int:
    return (await catalog_versions(database.single(), [shop]))[shop]


async def moved(shop: Shop, deed: Awaitable[Any]) -> bool:
    """Whether the deed moved the version of the shop."""
    before = await version(shop.id)
    await deed
    after = await version(shop.id)
    assert after >= before
    return after > before


async def test_whatever_visitors_see_moves_the_version(installation: Installation) -> None:
    shop = await a_shop(installation)
    logo = await a_picture(installation, shop)
    shelf = await category_create(installation, shop, CategoryInput("Games"))
    product = await a_product(installation, shop, category_id=shelf.id)
    variant = await the_variant(shop, product)
    account = await _account(shop)
    dearer = [VariantInput(id=variant.id, prices=[PriceInput("10.00", "CNY")])]
    operator = await a_viewer(installation, operator=True)
    deeds: dict[str, Callable[[], Awaitable[Any]]] = {
        "a product more": lambda: a_product(installation, shop, "Another"),
        "its price": lambda: product_update(
            installation, shop, product.id, ProductChanges(variants=dearer)
        ),
        "its words": lambda: product_update(
            installation, shop, product.id, ProductChanges(description="New")
        ),
        "its picture": lambda: product_update(
            installation, shop, product.id, ProductChanges(upload_ids=[logo.id])
        ),
        "off sale": lambda: product_archive(installation, shop, product.id),
        "on sale": lambda: product_publish(installation, shop, product.id),
        "a shelf's name": lambda: category_update(
            installation, shop, shelf.id, CategoryChanges(name="Cards")
        ),
        "a shelf less": lambda: category_delete(installation, shop, shelf.id),
        "a way to pay": lambda: payment_account_set_enabled(
            installation, shop.id, account, enabled=False
        ),
        "the notice": lambda: shop_update(installation, shop.id, ShopChanges(notice="Holiday")),
        "the logo": lambda: shop_update(installation, shop.id, ShopChanges(logo_upload_id=logo.id)),
        "the look": lambda: shop_update(installation, shop.id, ShopChanges(theme_preset="arcade")),
        # No visitor sees it, but whoever orders is held to the shop that is known from memory.
        "how long goods are held": lambda: shop_update(
            installation, shop.id, ShopChanges(hold_minutes=30)
        ),
        "closed": lambda: shop_close(installation, shop.id),
        "suspended": lambda: shop_suspend(installation, operator, shop.id, reason="bad"),
        "resumed": lambda: shop_resume(installation, operator, shop.id),
    }
    assert [name for name, deed in deeds.items() if not await moved(shop, deed())] == []


async def test_what_neither_visitors_see_nor_orders_go_by_moves_nothing(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    other = await a_shop(installation)
    product = await a_product(installation, shop)
    variant = await the_variant(shop, product)
    operator = await a_viewer(installation, operator=True)
    deeds: dict[str, Callable[[], Awaitable[Any]]] = {
        "another shop's product": lambda: a_product(installation, other),
        "the order of sale": lambda: selling_rules_update(
            installation, shop.id, variant.id, SellingRules("newest_first", 48, 5)
        ),
        "the checklist": lambda: checklist_dismiss(installation, shop.id),
        "that an operator looked": lambda: shop_look(installation, operator, shop.id),
        "an upload nobody names": lambda: a_picture(installation, shop),
        "what was there already": lambda: shop_update(
            installation, shop.id, ShopChanges(contact="")
        ),
    }
    assert [name for name, deed in deeds.items() if await moved(shop, deed())] == []


async def test_orders_write_no_version_from_the_cart_to_the_refund(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    purchase = Purchase(installation, shop)
    await purchase.stock("A", "B", "C")

    async def trade() -> None:
        sold = await purchase.order()
        await purchase.pay(sold)
        await purchase.expire(await purchase.order())
        wrong = await purchase.order()
        await purchase.pay(wrong, amount=1)

    assert not await moved(shop, trade())


async def test_a_change_that_is_undone_moves_nothing(installation: Installation) -> None:
    shop = await a_shop(installation)
    before = await version(shop.id)

    async def change_of_mind() -> None:
        async with database.transaction(shop.id) as tx:
            await tx.execute("update shops set notice = 'New' where id = $1", shop.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_of_mind()
    assert await version(shop.id) == before


async def test_the_request_role_cannot_move_a_version_by_itself(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)

    async def by_hand() -> None:
        async with database.transaction(shop.id) as tx:
            await tx.execute("update shops set catalog_version = 0 where id = $1", shop.id)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await by_hand()


async def test_moving_the_version_leaves_no_line_in_the_activity(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    with acting(Act("account", owner.account_id, owner.email, "categoryCreate", "category")):
        await category_create(installation, shop, CategoryInput("Games"))
    async with database.transaction(shop.id) as tx:
        kinds = await tx.rows(
            "select distinct kind from audit_changes where shop_id = $1 and entry_id ="
            " (select id from audit_entries where operation = 'categoryCreate')",
            shop.id,
        )  # fmt: skip
    assert [row["kind"] for row in kinds] == ["category"]


async def test_every_table_that_a_kept_page_reads_moves_the_version_or_says_why_not(
    installation: Installation, owner_url: str
) -> None:
    shop = await _a_shop_with_everything(installation)
    read: set[str] = {"shops", "hosts"}  # how the shop itself is found
    for page in PAGES:
        if page.cache is Cache.EVERYONE:
            read |= {table for sql in await _statements(installation, shop, page.name)
                     for table in re.findall(r"\b(?:from|join) ([a-z_]+)", sql)}  # fmt: skip
    connection = await asyncpg.connect(owner_url)
    try:
        tables = {row["name"] for row in await connection.fetch(
            "select relname as name from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind = 'r'")}  # fmt: skip
        watched = {row["name"] for row in await connection.fetch(
            "select tgrelid::regclass::text as name from pg_trigger"
            " where tgname = 'catalog_updated'")}  # fmt: skip
    finally:
        await connection.close()
    # Ways to pay are asked for by programs, and the documents themselves by every answer.
    assert read & tables == watched - {"payment_accounts", "trusted_documents"} | set(UNWATCHED)


async def _statements(installation: Installation, shop: Shop, name: str) -> list[str]:
    page = next(page for page in PAGES if page.name == name)
    query = load_document(page).query
    assert query is not None
    assert query.name is not None
    context = buyer(installation, shop)
    reader = CountingReader(context.reader)
    given: dict[str, Any] = {"category": {"slug": "games"}, "search": {"q": "steam"}}
    given["product"] = {"slug": "steam-card"}
    answer = await execute(
        "storefront", load_document(page).text(query.name.value), query.name.value,
        given.get(name, {}), replace(context, reader=reader),
    )  # fmt: skip
    await reader.finish()
    assert answer.errors == ()
    assert answer.data is not None
    assert None not in answer.data.values()
    return reader.statements


async def _a_shop_with_everything(installation: Installation) -> Shop:
    shop = await a_shop(installation)
    picture = await a_picture(installation, shop)
    shelf = await category_create(installation, shop, CategoryInput("Games"))
    product = await a_product(
        installation, shop, category_id=shelf.id, upload_ids=[picture.id], description="Steam"
    )
    for variant in await variants_of(shop, product):
        await some_codes(installation, shop, variant.id, 1)
    return await shop_update(installation, shop.id, ShopChanges(logo_upload_id=picture.id))


async def _account(shop: Shop) -> UUID:
    async with database.transaction(shop.id) as tx:
        account: UUID = await tx.value("select id from payment_accounts")
    return account
