"""Who is signed in at a shop: sessions of its customers, opened, found and ended.

A session's secret is the browser's alone; the database has its hash, under the shop's wall. So a
secret of one shop opens nothing in another, whoever holds it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.platform.tokens import new_secret, secret_hash
from keystall.tenants.identity.service import SignedIn, Visitor
from keystall.tenants.installation import Installation
from keystall.tenants.writing import Writing, writing

SESSION_PREFIX = "ks_customer_"
SESSION_LIFE = timedelta(days=30)
FRESH_LIFE = timedelta(minutes=15)
"""How long a session that a mailed link opened may set a password without the one before."""

OpenedBy = Literal["link", "password", "provider"]
_LONGEST_NOTE = 300


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who is signed in at the shop. `email` None: no address is proven yet.

    `fresh`: signed in a moment ago by more than a password, and may set another one.
    """

    id: UUID
    session_id: UUID
    email: str | None
    has_password: bool
    fresh: bool


async def customer_of_secret(db: Reads, shop: UUID, secret: str) -> Customer | None:
    """Who holds a session of this shop; None where it ended or never was one."""
    if not secret.startswith(SESSION_PREFIX):
        return None
    row = await db.row(
        """
        select customers.id, customer_sessions.id as session_id, email,
               password_hash is not null as has_password,
               opened_by <> 'password' and customer_sessions.created_at > $3 as fresh
        from customer_sessions
        join customers on customers.shop_id = $1 and customers.id = customer_id
        where customer_sessions.shop_id = $1 and secret_hash = $2 and expires_at > $4
        """,
        shop, secret_hash(secret), clock.now() - FRESH_LIFE, clock.now(),
    )  # fmt: skip
    return None if row is None else Customer(**row)


async def open_session(
    tx: Writing,
    shop: UUID,
    customer: UUID,
    *,
    opened_by: OpenedBy,
    visitor: Visitor,
    instead_of: Customer | None = None,
) -> SignedIn:
    """A new session, in place of the one that the browser had."""
    if instead_of is not None:
        await _end(tx, shop, instead_of.session_id)
    signed_in = SignedIn(new_secret(SESSION_PREFIX), clock.now() + SESSION_LIFE)
    await tx.execute(
        "insert into customer_sessions (shop_id, id, customer_id, secret_hash, opened_by, address,"
        " user_agent, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        shop, new_id(), customer, secret_hash(signed_in.secret), opened_by,
        visitor.address[:_LONGEST_NOTE], visitor.user_agent[:_LONGEST_NOTE], clock.now(),
        signed_in.expires_at,
    )  # fmt: skip
    await tx.execute(
        "update customers set seen_at = $3 where shop_id = $1 and id = $2",
        shop, customer, clock.now(),
    )  # fmt: skip
    return signed_in


async def sign_out(installation: Installation, shop: UUID, customer: Customer) -> None:
    """Ends the session at hand; one that has ended already is no matter."""
    async with writing(installation, shop) as tx:
        await _end(tx, shop, customer.session_id)


async def sign_out_everywhere(installation: Installation, shop: UUID, customer: Customer) -> int:
    """Ends every session of the customer, the one at hand too; answers how many."""
    async with writing(installation, shop) as tx:
        return await tx.execute(
            "delete from customer_sessions where shop_id = $1 and customer_id = $2",
            shop, customer.id,
        )  # fmt: skip


async def _end(tx: Writing, shop: UUID, session: UUID) -> None:
    await tx.execute("delete from customer_sessions where shop_id = $1 and id = $2", shop, session)
