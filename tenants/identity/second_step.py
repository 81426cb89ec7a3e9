"""The second step of signing in, where an account takes one: a code of the app, or a recovery code;
or a passkey (see passkey_sign_in.py).

A code works once. Which one was used is decided by the database, in the statement that notes it
(`second_step_spend`): of two requests with the same code one wins.
"""

from dataclasses import dataclass
from uuid import UUID

from keystall.platform import clock
from keystall.platform.crypto import KeyRing, Unreadable
from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.platform.tokens import new_secret, secret_hash
from keystall.tenants.errors import refuse
from keystall.tenants.identity.links import SESSION_PREFIX
from keystall.tenants.identity.service import SESSION_LIFE, SignedIn, Visitor
from keystall.tenants.identity.totp import read_recovery_code, time_step, totp_place
from keystall.tenants.installation import Installation
from keystall.tenants.writing import INSTALLATION, Writing, writing

FEW_CODES = 3
"""With so many recovery codes left, or fewer, whoever uses one is written to."""


@dataclass(frozen=True, slots=True)
class SecondStep:
    """A step that still runs: whose, and what ends it: an app, where there is one, and the
    account's passkeys by their credentials' ids."""

    account_id: UUID
    email: str
    totp_id: UUID | None
    wrapped: bytes | None
    passkeys: list[bytes]


@dataclass(frozen=True, slots=True)
class Said:
    """A code that may do, as the database takes it: of a time step, or a recovery code's hash."""

    time_step: int | None = None
    code_hash: bytes | None = None


async def second_step_of(db: Reads, secret: str) -> SecondStep | None:
    """The step that the browser's secret is of; None where it is over or never was."""
    row = await db.row("select * from second_step_ways($1)", secret_hash(secret))
    return None if row is None else SecondStep(**row)


async def second_step_pass(
    installation: Installation, secret: str, code: str, *, visitor: Visitor
) -> SignedIn:
    """Opens a session for the right code. Refuses STEP_OVER; REQUIRED and STEP_CODE_WRONG at
    `code`, also for one that was used before."""
    if not code.strip():
        raise refuse("REQUIRED", "code")
    signed_in = SignedIn(new_secret(SESSION_PREFIX), clock.now() + SESSION_LIFE)
    async with writing(installation, INSTALLATION) as tx:
        step = await second_step_of(tx, secret)
        if step is None:
            raise refuse("STEP_OVER")
        said = what_was_said(installation.keys, step.account_id, step.wrapped, code)
        if said is None:
            raise refuse("STEP_CODE_WRONG", "code")
        left: int | None = await tx.value(
            "select second_step_pass($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            secret_hash(secret), step.totp_id, said.time_step, said.code_hash,
            secret_hash(signed_in.secret), new_id(), signed_in.expires_at, *visitor.noted,
        )  # fmt: skip
        if left is None:
            raise refuse("STEP_CODE_WRONG", "code")
        await warn_of_few(tx, step.account_id, said, left)
    return signed_in


def what_was_said(keys: KeyRing, account: UUID, wrapped: bytes | None, code: str) -> Said | None:
    """What a typed code may be; None for what is neither a code of about now nor a recovery code.

    No secret, or one that cannot be read any more (its key is gone), leaves the recovery codes.
    """
    try:
        secret = keys.unwrap(wrapped, totp_place(account)).decode() if wrapped else ""
    except Unreadable:
        secret = ""
    step = time_step(secret, code, clock.now()) if secret else None
    if step is not None:
        return Said(time_step=step)
    recovery = read_recovery_code(code)
    return None if recovery is None else Said(code_hash=secret_hash(recovery))


async def warn_of_few(tx: Writing, account: UUID, said: Said, left: int) -> None:
    """Has the owner told, after a recovery code was used, that few are left."""
    if said.code_hash is not None and left <= FEW_CODES:
        await tx.post("mail.recovery_codes_low", account)
