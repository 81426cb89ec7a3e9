"""Who a customer is at a provider, and how customers become one when an address is proven.

Everything here runs within the transaction of whoever calls it.
"""

from collections.abc import Sequence
from uuid import UUID

from keystall.platform.ids import new_id
from keystall.platform.oauth.port import Identity, ProviderName
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.writing import Writing


async def customer_of_email(tx: Writing, shop: UUID, email: str, locale: str) -> UUID:
    """The customer of a proven address, made where there was none."""
    customer: UUID = await tx.value(
        "insert into customers (shop_id, id, email, locale) values ($1, $2, $3, $4)"
        " on conflict (shop_id, email) do update set seen_at = excluded.seen_at returning id",
        shop, new_id(), email, locale,
    )  # fmt: skip
    return customer


async def address_proven(tx: Writing, shop: UUID, customer: UUID, email: str, locale: str) -> UUID:
    """Gives a proven address to a customer who has none; answers who the customer is from now on.

    Where the address is another customer's, that one takes over what the provider says of the
    first, who is gone then. A customer who has an address keeps it.
    """
    before = await tx.row(
        "select email from customers where shop_id = $1 and id = $2 for update", shop, customer
    )
    if before is None:
        return await customer_of_email(tx, shop, email, locale)
    if before["email"] is not None:
        return customer
    owner: UUID | None = await tx.value(
        "select id from customers where shop_id = $1 and email = $2 for update", shop, email
    )
    if owner is None:
        await tx.execute(
            "update customers set email = $3 where shop_id = $1 and id = $2", shop, customer, email
        )
        return customer
    await tx.execute(
        "update customer_identities set customer_id = $3 where shop_id = $1 and customer_id = $2",
        shop, customer, owner,
    )  # fmt: skip
    await tx.execute("delete from customers where shop_id = $1 and id = $2", shop, customer)
    return owner


async def customer_of_identity(
    tx: Writing, shop: UUID, provider: ProviderName, identity: Identity, locale: str
) -> UUID:
    """The customer that a provider vouches for, made where there was none. An address that the
    provider has verified counts as proven."""
    email = normalised_email(identity.email or "")
    proven = "" if email_problem(email) else email
    # One at a time for each person, so that two browsers do not make two customers.
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))",
        f"{shop}:{provider}:{identity.subjects[-1]}",
    )
    known = await _known(tx, shop, provider, identity.subjects)
    if known is not None:
        customer = await address_proven(tx, shop, known, proven, locale) if proven else known
    elif proven:
        customer = await customer_of_email(tx, shop, proven, locale)
    else:
        customer = new_id()
        await tx.execute(
            "insert into customers (shop_id, id, locale) values ($1, $2, $3)",
            shop, customer, locale,
        )  # fmt: skip
    await tx.execute(
        "insert into customer_identities (shop_id, provider, subject, customer_id)"
        " select $1, $2, subject, $4 from unnest($3::text[]) subject on conflict do nothing",
        shop, provider, list(identity.subjects), customer,
    )  # fmt: skip
    return customer


async def _known(
    tx: Writing, shop: UUID, provider: ProviderName, subjects: Sequence[str]
) -> UUID | None:
    """Whom the widest name that is known of somebody belongs to."""
    customer: UUID | None = await tx.value(
        "select customer_id from customer_identities"
        " where shop_id = $1 and provider = $2 and subject = any($3::text[])"
        " order by array_position($3::text[], subject) limit 1",
        shop, provider, list(subjects),
    )  # fmt: skip
    return customer
