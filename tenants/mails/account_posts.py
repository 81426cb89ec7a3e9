"""What mails about somebody's account say."""

from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.identity.links import account_link_to_mail
from keystall.tenants.identity.service import CONFIRM_LIFE, RESET_LIFE
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.mails.port import (
    AccountConfirm,
    AccountReset,
    Letter,
    PasskeyChanged,
    RecoveryCodesLow,
    SecondStepSwitched,
    StaffInvitation,
)
from keystall.tenants.mails.posts import Post, stall_told
from keystall.tenants.staff.invitations import LIFE as INVITATION_LIFE
from keystall.tenants.staff.invitations import invitation_to_mail


async def account_mail(
    db: Reads, installation: Installation, shop: UUID, token_id: UUID
) -> list[Post]:
    """Nothing for a link that was used or is too old."""
    link = await account_link_to_mail(db, installation.keys, token_id)
    if link is None:
        return []
    public_url = installation.settings.public_url
    letter: Letter
    if link.purpose == "confirm":
        letter = AccountConfirm(public_url, link.token, days=CONFIRM_LIFE.days)
    else:
        letter = AccountReset(public_url, link.token, hours=RESET_LIFE.seconds // 3600)
    return [Post(link.email, known_locale(link.locale), letter)]


async def totp_on(db: Reads, installation: Installation, shop: UUID, account: UUID) -> list[Post]:
    letter = SecondStepSwitched(installation.settings.public_url, on=True)
    return [Post(email, locale, letter) for email, locale, _ in await _owner(db, account)]


async def totp_off(db: Reads, installation: Installation, shop: UUID, account: UUID) -> list[Post]:
    guarded = await _guarded(db, account)
    letter = SecondStepSwitched(installation.settings.public_url, on=False, guarded=guarded)
    return [Post(email, locale, letter) for email, locale, _ in await _owner(db, account)]


async def recovery_codes_low(
    db: Reads, installation: Installation, shop: UUID, account: UUID
) -> list[Post]:
    public_url = installation.settings.public_url
    return [
        Post(email, locale, RecoveryCodesLow(public_url, left))
        for email, locale, left in await _owner(db, account)
    ]


async def passkey_added(
    db: Reads, installation: Installation, shop: UUID, account: UUID
) -> list[Post]:
    letter = PasskeyChanged(installation.settings.public_url, "added", guarded=True)
    return [Post(email, locale, letter) for email, locale, _ in await _owner(db, account)]


async def passkey_removed(
    db: Reads, installation: Installation, shop: UUID, account: UUID
) -> list[Post]:
    guarded = await _guarded(db, account)
    letter = PasskeyChanged(installation.settings.public_url, "removed", guarded=guarded)
    return [Post(email, locale, letter) for email, locale, _ in await _owner(db, account)]


async def passkey_refused(
    db: Reads, installation: Installation, shop: UUID, account: UUID
) -> list[Post]:
    letter = PasskeyChanged(installation.settings.public_url, "refused", guarded=True)
    return [Post(email, locale, letter) for email, locale, _ in await _owner(db, account)]


async def staff_invitation(
    db: Reads, installation: Installation, shop: UUID, invitation: UUID
) -> list[Post]:
    """Nothing for an invitation that was withdrawn, accepted or is too old."""
    found = await invitation_to_mail(db, installation, shop, invitation)
    if found is None:
        return []
    letter = StaffInvitation(
        stall=await stall_told(db, installation, shop),
        invited_by=found.invited_by,
        role=found.role,
        token=found.token,
        days=INVITATION_LIFE.days,
    )
    return [Post(found.email, known_locale(found.locale), letter)]


async def _guarded(db: Reads, account: UUID) -> bool:
    """Whether something is asked of the account after the password."""
    guarded: bool = await db.value("select account_takes_two_steps($1)", account)
    return guarded


async def _owner(db: Reads, account: UUID) -> list[tuple[str, str, int]]:
    """Address and language of an account's owner, and their recovery codes left; nobody where the
    account is gone."""
    rows = await db.rows("select * from second_step_reader($1)", account)
    return [(row["email"], known_locale(row["locale"]), row["codes_left"]) for row in rows]
