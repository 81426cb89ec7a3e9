"""Customers of shops, made the way they come: by a mailed link."""

from uuid import UUID

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.customers.links import link_follow, link_send
from keystall.tenants.customers.marks import LINK_PURPOSE, token_of
from keystall.tenants.customers.sessions import Customer, customer_of_secret
from keystall.tenants.identity.service import Visitor
from keystall.tenants.installation import Installation
from keystall.tenants.orders.numbers import new_order_number
from keystall.tenants.shops.shop import Shop

HERE = Visitor(address="192.0.2.7", user_agent="Firefox")


async def mailed_token(
    installation: Installation, shop: Shop, email: str, *, customer: Customer | None = None
) -> str:
    """Asks for a link and reads it where the mail job would."""
    await link_send(installation, shop.id, email, locale="en", customer=customer)
    async with database.transaction(shop.id) as tx:
        link = await tx.value(
            "select subject_id from outbox where shop_id = $1 and kind = 'mail.customer_link'"
            " order by id desc limit 1",
            shop.id,
        )  # fmt: skip
    return token_of(installation.keys, LINK_PURPOSE, shop.id, link)


async def signed_in(installation: Installation, shop: Shop, email: str) -> tuple[Customer, str]:
    """A customer of the shop by that address, and the secret of their session."""
    token = await mailed_token(installation, shop, email)
    opened = await link_follow(installation, shop.id, token, visitor=HERE)
    return await holder(shop, opened.secret), opened.secret


async def holder(shop: Shop, secret: str) -> Customer:
    """Who holds a session of this shop that works."""
    found = await known(shop, secret)
    assert found is not None
    return found


async def known(shop: Shop, secret: str) -> Customer | None:
    """Who holds a session of this shop, if anybody."""
    async with database.transaction(shop.id) as tx:
        return await customer_of_secret(tx, shop.id, secret)


async def an_order(shop: Shop, email: str) -> UUID:
    """An order that somebody placed with that address."""
    order = new_id()
    async with database.transaction(shop.id) as tx:
        await tx.execute(
            "insert into orders (shop_id, id, number, email, locale, currency, total, status,"
            " expires_at) values ($1, $2, $3, $4, 'en', 'CNY', 990, 'expired', now())",
            shop.id, order, new_order_number(), email,
        )  # fmt: skip
    return order
