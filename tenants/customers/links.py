"""Signing in by a mailed link, which proves the address, and with it the orders that it names.

Whoever asks is answered alike at the same cost whatever the address is: a row is written and a mail
goes out, each time. Only following the link makes a customer of somebody.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.tenants.customers.identities import address_proven, customer_of_email
from keystall.tenants.customers.marks import LINK_PURPOSE, row_of, token_of
from keystall.tenants.customers.sessions import Customer, open_session
from keystall.tenants.errors import refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.identity.service import SignedIn, Visitor
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.writing import writing

LINK_LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class CustomerLinkView:
    """A mailed link that still works: whose address it proves, and its token. `customer_id`: who
    asked for it to make the address theirs, if that is what it is for."""

    email: str
    locale: str
    customer_id: UUID | None
    token: str


async def link_send(
    installation: Installation,
    shop: UUID,
    email: str,
    *,
    locale: str,
    customer: Customer | None = None,
) -> None:
    """Mails a link that signs in whoever reads mail to `email`. For a `customer` who is signed in
    and has no address yet it makes the address theirs. Refuses EMAIL_INVALID."""
    address = normalised_email(email)
    if email_problem(address):
        raise refuse("EMAIL_INVALID", "email")
    asking = customer.id if customer is not None and customer.email is None else None
    link, now = new_id(), clock.now()
    async with writing(installation, shop) as tx:
        await tx.execute(
            "insert into customer_links"
            " (shop_id, id, email, locale, customer_id, created_at, expires_at)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            shop, link, address, known_locale(locale), asking, now, now + LINK_LIFE,
        )  # fmt: skip
        await tx.post("mail.customer_link", link)


async def customer_link(
    db: Reads, installation: Installation, shop: UUID, token: str
) -> CustomerLinkView | None:
    """What the link with `token` would do; None where it was used, is too old or never was."""
    link = row_of(installation.keys, LINK_PURPOSE, shop, token)
    return None if link is None else await link_to_mail(db, installation, shop, link)


async def link_to_mail(
    db: Reads, installation: Installation, shop: UUID, link: UUID
) -> CustomerLinkView | None:
    """The link that a mail job is to send; None where it is not needed any more."""
    row = await db.row(
        "select email, locale, customer_id from customer_links"
        " where shop_id = $1 and id = $2 and used_at is null and expires_at > $3",
        shop, link, clock.now(),
    )  # fmt: skip
    if row is None:
        return None
    return CustomerLinkView(**row, token=token_of(installation.keys, LINK_PURPOSE, shop, link))


async def link_follow(
    installation: Installation,
    shop: UUID,
    token: str,
    *,
    customer: Customer | None = None,
    visitor: Visitor,
) -> SignedIn:
    """Uses up a link, proves its address and signs in, in place of `customer`'s session.

    A link that was asked for by a customer without an address makes it theirs only where that very
    customer follows it. Anybody else who reads the mail signs in by the address alone: else a
    stranger's request in your name would put your orders into what the stranger can open.

    Refuses LINK_INVALID for a link that was used, is too old or never was one.
    """
    link = row_of(installation.keys, LINK_PURPOSE, shop, token)
    async with writing(installation, shop) as tx:
        used = link and await tx.row(
            "update customer_links set used_at = $3"
            " where shop_id = $1 and id = $2 and used_at is null and expires_at > $3"
            " returning email, locale, customer_id",
            shop, link, clock.now(),
        )  # fmt: skip
        if not used:
            raise refuse("LINK_INVALID", "token")
        if customer is not None and customer.id == used["customer_id"]:
            proven = await address_proven(tx, shop, customer.id, used["email"], used["locale"])
        else:
            proven = await customer_of_email(tx, shop, used["email"], used["locale"])
        return await open_session(
            tx, shop, proven, opened_by="link", visitor=visitor, instead_of=customer
        )
