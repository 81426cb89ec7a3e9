"""Passwords of customers, for those who want one. It opens nothing that a mailed link did not prove
before: only a customer with a proven address can have one."""

from uuid import UUID

from keystall.platform import database
from keystall.platform.passwords import (
    hash_password,
    password_problem,
    verify_password,
    verify_unknown,
)
from keystall.tenants.customers.sessions import Customer, open_session
from keystall.tenants.errors import refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.identity.service import SignedIn, Visitor
from keystall.tenants.installation import Installation
from keystall.tenants.writing import writing


async def password_sign_in(
    installation: Installation,
    shop: UUID,
    email: str,
    password: str,
    *,
    customer: Customer | None = None,
    visitor: Visitor,
) -> SignedIn:
    """Opens a session for whoever knows the password, in place of `customer`'s.

    Refuses CREDENTIALS_WRONG at the same cost whatever was wrong: no such customer, one without a
    password, another password.
    """
    address = normalised_email(email)
    async with database.transaction(shop) as tx:
        known = await tx.row(
            "select id, password_hash from customers where shop_id = $1 and email = $2",
            shop, "" if email_problem(address) else address,
        )  # fmt: skip
    if known is None or known["password_hash"] is None:
        await verify_unknown(password)
        raise refuse("CREDENTIALS_WRONG")
    if not await verify_password(known["password_hash"], password):
        raise refuse("CREDENTIALS_WRONG")
    async with writing(installation, shop) as work:
        return await open_session(
            work, shop, known["id"], opened_by="password", visitor=visitor, instead_of=customer
        )


async def password_set(
    installation: Installation, shop: UUID, customer: Customer, current: str, password: str
) -> None:
    """Sets a password, or another one, and ends every other session of the customer.

    Whoever came by a mailed link a moment ago need not know the one before: that is how a forgotten
    one is replaced. Refuses REQUIRED and CREDENTIALS_WRONG at `current`; the problems of a password
    at `password`; LINK_NEEDED where nothing but an old session vouches for the customer, or no
    address is proven.
    """
    if customer.email is None or not (customer.fresh or customer.has_password):
        raise refuse("LINK_NEEDED")
    if not customer.fresh and not current:
        raise refuse("REQUIRED", "current")
    problem = password_problem(password)
    if problem is not None:
        raise refuse(problem, "password")
    async with database.transaction(shop) as tx:
        before: str | None = await tx.value(
            "select password_hash from customers where shop_id = $1 and id = $2", shop, customer.id
        )
    if not customer.fresh and not await verify_password(before or "", current):
        raise refuse("CREDENTIALS_WRONG", "current")
    hashed = await hash_password(password)
    async with writing(installation, shop) as work:
        if not await work.execute(
            "update customers set password_hash = $3 where shop_id = $1 and id = $2"
            " and password_hash is not distinct from $4",
            shop, customer.id, hashed, before,
        ):  # fmt: skip
            raise refuse("CREDENTIALS_WRONG", "current")
        await work.execute(
            "delete from customer_sessions"
            " where shop_id = $1 and customer_id = $2 and id <> $3",
            shop, customer.id, customer.session_id,
        )  # fmt: skip
