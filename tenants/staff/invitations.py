"""Inviting people to work for a shop, by mail.

The mailed link proves the address: whoever follows it and is signed in with that address, or makes
an account for it there, works for the shop. An invitation is answered alike whether or not its
address has an account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.platform.passwords import hash_password, password_problem
from keystall.platform.tokens import secret_hash
from keystall.tenants.errors import refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.identity.links import INVITATION_PURPOSE, link_token, link_tokens
from keystall.tenants.identity.service import SignedIn, Viewer, Visitor, open_session
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.staff.deciding import MAX_STAFF, problem_of_invitation
from keystall.tenants.staff.members import members_locked
from keystall.tenants.staff.roles import Role
from keystall.tenants.writing import Writing, writing

LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation that nobody has accepted yet; it may have ended."""

    id: UUID
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """What a mailed link offers to whoever it was mailed to."""

    shop_id: UUID
    shop_name: str
    shop_slug: str
    email: str
    role: Role
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class InvitationMail:
    """What the mail of an invitation says, its token included."""

    email: str
    role: Role
    locale: str
    invited_by: str
    token: str


async def invitations_of(db: Reads, shop: UUID) -> list[InvitationView]:
    """The shop's invitations, newest first."""
    rows = await db.rows(
        "select id, email, role, created_at, expires_at from invitations where shop_id = $1"
        " order by created_at desc, id",
        shop,
    )
    return [InvitationView(**row) for row in rows]


async def member_invite(
    installation: Installation, shop: UUID, person: Viewer, email: str, role: Role, *, locale: str
) -> InvitationView:
    """Mails an invitation in `locale`. Whoever was invited before is invited anew: the older link
    ends.

    Refuses EMAIL_INVALID and MEMBER_ALREADY at `email`; LIMIT_REACHED; CONFLICT to whoever is no
    owner any more.
    """
    address = normalised_email(email)
    if email_problem(address):
        raise refuse("EMAIL_INVALID", "email")
    async with writing(installation, shop) as tx:
        members = await members_locked(tx, shop)
        invited = [one.email for one in await invitations_of(tx, shop)]
        match problem_of_invitation(members, invited, person.account_id, address):
            case "MEMBER_ALREADY":
                raise refuse("MEMBER_ALREADY", "email")
            case "LIMIT_REACHED":
                raise refuse("LIMIT_REACHED", limit=MAX_STAFF)
            case str(problem):
                raise refuse(problem)
        link = new_id()
        row = await tx.value(
            """
            insert into invitations (shop_id, id, email, role, link, secret_hash, invited_by,
                                     locale, expires_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (shop_id, email) do update
            set role = excluded.role, link = excluded.link, secret_hash = excluded.secret_hash,
                invited_by = excluded.invited_by, locale = excluded.locale,
                expires_at = excluded.expires_at
            returning id
            """,
            shop, new_id(), address, role, link, _hash(installation, link), person.email,
            known_locale(locale), clock.now() + LIFE,
        )  # fmt: skip
        await tx.post("mail.invitation", row)
        return await _view(tx, shop, row)


async def invitation_resend(installation: Installation, shop: UUID, row: UUID) -> InvitationView:
    """Mails an invitation again, for seven more days; the older link ends. Refuses NOT_FOUND."""
    link = new_id()
    async with writing(installation, shop) as tx:
        if not await tx.execute(
            "update invitations set link = $3, secret_hash = $4, expires_at = $5"
            " where shop_id = $1 and id = $2",
            shop, row, link, _hash(installation, link), clock.now() + LIFE,
        ):  # fmt: skip
            raise refuse("NOT_FOUND", "id")
        await tx.post("mail.invitation", row)
        return await _view(tx, shop, row)


async def invitation_withdraw(installation: Installation, shop: UUID, row: UUID) -> None:
    """Ends an invitation at once. Refuses NOT_FOUND, also for one that was accepted."""
    async with writing(installation, shop) as tx:
        if not await tx.execute(
            "delete from invitations where shop_id = $1 and id = $2", shop, row
        ):
            raise refuse("NOT_FOUND", "id")


async def invitation_offer(db: Reads, token: str) -> Offer | None:
    """What the link with `token` offers; None where it was used or withdrawn, or is too old."""
    row = await db.row("select * from invitation_offer($1)", secret_hash(token))
    return None if row is None else Offer(**row)


async def invitation_accept(installation: Installation, person: Viewer, token: str) -> Offer:
    """Makes the signed-in person a member of the shop that the link is of; answers what it offered.

    Refuses LINK_INVALID; OTHER_PERSON where the link was mailed to another address.
    """
    offer = await _offer(token)
    if offer.email != person.email:
        raise refuse("OTHER_PERSON", email=offer.email)
    async with writing(installation, offer.shop_id) as tx:
        if not await tx.value(
            "select invitation_accept($1, $2)", secret_hash(token), person.secret_hash
        ):
            raise refuse("LINK_INVALID", "token")
    return offer


async def invitation_sign_up(
    token: str, password: str, *, locale: str, visitor: Visitor
) -> SignedIn:
    """Makes an account for the address that the link was mailed to, which confirms it, and opens a
    session. It does not accept the invitation yet.

    An account whose address was never confirmed may be a stranger's try: it gets this password.
    Refuses LINK_INVALID; ACCOUNT_EXISTS where somebody signs in with the address already;
    PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG and PASSWORD_TOO_COMMON.
    """
    problem = password_problem(password)
    if problem is not None:
        raise refuse(problem, "password")
    await _offer(token)
    hashed = await hash_password(password)
    async with database.transaction(None) as tx:
        account: UUID | None = await tx.value(
            "select account_create_invited($1, $2, $3, $4)",
            secret_hash(token), new_id(), hashed, known_locale(locale),
        )  # fmt: skip
        if account is None:
            raise refuse("ACCOUNT_EXISTS")
        return await open_session(tx, account, visitor)


async def invitation_to_mail(
    db: Reads, installation: Installation, shop: UUID, row: UUID
) -> InvitationMail | None:
    """What to mail of an invitation; None where it was withdrawn, accepted or is too old."""
    found: Any = await db.row(
        "select * from invitations where shop_id = $1 and id = $2 and expires_at > now()",
        shop, row,
    )  # fmt: skip
    if found is None:
        return None
    for token in link_tokens(installation.keys, INVITATION_PURPOSE, found["link"]):
        if secret_hash(token) == found["secret_hash"]:
            return InvitationMail(
                email=found["email"],
                role=found["role"],
                locale=found["locale"],
                invited_by=found["invited_by"],
                token=token,
            )
    return None


async def _offer(token: str) -> Offer:
    async with database.transaction(None) as tx:
        offer = await invitation_offer(tx, token)
    if offer is None:
        raise refuse("LINK_INVALID", "token")
    return offer


async def _view(tx: Writing, shop: UUID, row: UUID) -> InvitationView:
    found: Sequence[InvitationView] = await invitations_of(tx, shop)
    return next(one for one in found if one.id == row)


def _hash(installation: Installation, link: UUID) -> bytes:
    return secret_hash(link_token(installation.keys, INVITATION_PURPOSE, link))
