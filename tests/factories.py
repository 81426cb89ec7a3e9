"""Accounts, shops, products and codes, made the way people make them: through the services."""

import itertools

from keystall.platform import database
from keystall.tenants.identity.operators import account_create_confirmed, operator_create
from keystall.tenants.identity.service import Viewer, Visitor, sign_in, viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.input import ShopInput
from keystall.tenants.shops.service import shop_create
from keystall.tenants.shops.shop import Shop

PASSWORD = "plum tree 19"
_numbers = itertools.count(1)


async def a_viewer(installation: Installation, *, operator: bool = False) -> Viewer:
    """A signed-in person with an address of their own."""
    create = operator_create if operator else account_create_confirmed
    email = f"person{next(_numbers)}@keystall.test"
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
