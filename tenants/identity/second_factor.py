"""Setting up the second step, and ending it: what a signed-in person does.

Nothing is asked at sign-in before a first right code was said: a secret that never reached an app
locks nobody out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.database import Reads, Row
from keystall.platform.ids import new_id
from keystall.platform.tokens import secret_hash
from keystall.tenants.errors import refuse
from keystall.tenants.identity.second_step import Said, what_was_said
from keystall.tenants.identity.service import CONFIRMED_LIFE, Viewer, password_confirm
from keystall.tenants.identity.totp import (
    in_groups,
    new_recovery_codes,
    new_totp_secret,
    time_step,
    totp_place,
    totp_uri,
)
from keystall.tenants.installation import Installation
from keystall.tenants.key_locks import wrap_with_ring
from keystall.tenants.writing import INSTALLATION, writing

SETUP_LIFE = timedelta(minutes=10)
"""How long a secret is shown that waits for its first code."""


@dataclass(frozen=True, slots=True)
class TotpSetup:
    """A secret on its way into an app: as text to type, and as the address that a QR code says."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class TotpStanding:
    """`since` None: off. `codes_left` of the recovery codes; `setup` where one is under way."""

    since: datetime | None = None
    codes_left: int = 0
    setup: TotpSetup | None = None


async def totp_standing(db: Reads, installation: Installation, person: Viewer) -> TotpStanding:
    """How it stands. The secret is told only while it waits for its first code, and to a session
    whose password was said within ten minutes."""
    row = await db.row("select * from totp_standing($1)", person.secret_hash)
    if row is None:
        return TotpStanding()
    if row["confirmed_at"] is not None:
        return TotpStanding(since=row["confirmed_at"], codes_left=row["codes_left"])
    if not _runs(row):
        return TotpStanding()
    secret = _secret(installation, row)
    return TotpStanding(setup=TotpSetup(in_groups(secret), totp_uri(secret, person.email)))


async def totp_begin(installation: Installation, person: Viewer, password: str) -> None:
    """Makes a secret, in place of one that was never confirmed; switches nothing on yet.

    Refuses REQUIRED and PASSWORD_WRONG at `password`; CONFLICT where it is on.
    """
    await password_confirm(installation, person, password)
    async with writing(installation, INSTALLATION) as tx:
        wrapped = await wrap_with_ring(
            tx, installation.keys, new_totp_secret().encode(), totp_place(person.account_id)
        )
        if not await tx.value(
            "select totp_begin($1, $2, $3)", person.secret_hash, new_id(), wrapped
        ):
            raise refuse("CONFLICT")


async def totp_confirm(installation: Installation, person: Viewer, code: str) -> list[str]:
    """Switches it on, for a first right code; answers the recovery codes, which nobody can read
    again, and has the owner told.

    Refuses STEP_OVER where the setup took too long; CONFLICT where it is on or none was
    begun; REQUIRED and STEP_CODE_WRONG at `code`.
    """
    if not code.strip():
        raise refuse("REQUIRED", "code")
    codes = new_recovery_codes()
    async with writing(installation, INSTALLATION) as tx:
        row = await tx.row("select * from totp_standing($1)", person.secret_hash)
        if row is None or row["confirmed_at"] is not None:
            raise refuse("CONFLICT")
        if not _runs(row):
            raise refuse("STEP_OVER")
        step = time_step(_secret(installation, row), code, clock.now())
        if step is None:
            raise refuse("STEP_CODE_WRONG", "code")
        if not await tx.value(
            "select totp_confirm($1, $2, $3, $4)",
            person.secret_hash, row["id"], step, [secret_hash(one) for one in codes],
        ):  # fmt: skip
            raise refuse("CONFLICT")
        await tx.post("mail.totp_on", person.account_id)
    return codes


async def totp_end(installation: Installation, person: Viewer, *, password: str, code: str) -> None:
    """Switches it off and has the owner told. Refuses REQUIRED and PASSWORD_WRONG at `password`;
    REQUIRED and STEP_CODE_WRONG at `code`; CONFLICT where it is off."""
    totp, said = await _shown(installation, person, password, code)
    if totp is None:
        raise refuse("CONFLICT")
    async with writing(installation, INSTALLATION) as tx:
        if not await tx.value(
            "select totp_end($1, $2, $3, $4)",
            person.secret_hash, totp, said.time_step, said.code_hash,
        ):  # fmt: skip
            raise refuse("STEP_CODE_WRONG", "code")
        await tx.post("mail.totp_off", person.account_id)


async def recovery_codes_renew(
    installation: Installation, person: Viewer, *, password: str, code: str
) -> list[str]:
    """Ten new recovery codes in place of all earlier ones. Refuses as `totp_end`; CONFLICT only
    where nothing is asked after the password. An account with passkeys alone says one of the codes
    that it has."""
    totp, said = await _shown(installation, person, password, code)
    codes = new_recovery_codes()
    async with database.transaction(None) as tx:
        if not await tx.value(
            "select recovery_codes_renew($1, $2, $3, $4, $5)",
            person.secret_hash, totp, said.time_step, said.code_hash,
            [secret_hash(one) for one in codes],
        ):  # fmt: skip
            raise refuse("STEP_CODE_WRONG", "code")
    return codes


async def _shown(
    installation: Installation, person: Viewer, password: str, code: str
) -> tuple[UUID | None, Said]:
    """The secret's id, where an app is set up, and what was said, of somebody who knows the
    password, too."""
    if not code.strip():
        raise refuse("REQUIRED", "code")
    await password_confirm(installation, person, password)
    async with database.transaction(None) as tx:
        row = await tx.row("select * from totp_standing($1)", person.secret_hash)
        guarded = await tx.value("select account_takes_two_steps($1)", person.account_id)
    if not guarded:
        raise refuse("CONFLICT")
    app = row if row is not None and row["confirmed_at"] is not None else None
    wrapped = app["wrapped"] if app else None
    said = what_was_said(installation.keys, person.account_id, wrapped, code)
    if said is None:
        raise refuse("STEP_CODE_WRONG", "code")
    return app["id"] if app else None, said


def _runs(row: Row) -> bool:
    """Whether a setup is under way, in a session whose password was said lately."""
    begun: datetime = row["begun_at"]
    said: datetime | None = row["said_at"]
    now = clock.now()
    return begun + SETUP_LIFE > now and said is not None and said + CONFIRMED_LIFE > now


def _secret(installation: Installation, row: Row) -> str:
    return installation.keys.unwrap(row["wrapped"], totp_place(row["account_id"])).decode()
