"""Signing in by a passkey: alone, or as the second step after the password.

A passkey that verified its user is two factors (something held, and a finger, a face or a PIN): it
opens a session by itself, whatever else the account takes.
"""

from dataclasses import dataclass
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.platform.tokens import new_secret, secret_hash
from keystall.tenants.errors import refuse
from keystall.tenants.identity.ceremony import (
    Party,
    asserted,
    new_challenge,
    read_assertion,
    request_options,
)
from keystall.tenants.identity.links import SESSION_PREFIX
from keystall.tenants.identity.passkeys import CHALLENGE_LIFE
from keystall.tenants.identity.second_step import second_step_of
from keystall.tenants.identity.service import SESSION_LIFE, SignedIn, Visitor
from keystall.tenants.installation import Installation
from keystall.tenants.writing import INSTALLATION, writing

_ATTEMPT_PREFIX = "ks_attempt_"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the browser holds while it asks for a passkey, and what it asks, as JSON."""

    secret: str
    options: str


async def passkey_attempt(installation: Installation) -> Attempt:
    """Begins a sign-in by any passkey that the browser finds; five minutes, one answer."""
    secret, challenge = new_secret(_ATTEMPT_PREFIX), new_challenge()
    await _ask(secret, "sign_in", challenge, None)
    return Attempt(secret, request_options(Party.of(installation.settings), challenge=challenge))


async def passkey_step(installation: Installation, step: str) -> str:
    """The same for a second step: asks for the account's own passkeys.

    Refuses STEP_OVER, and CONFLICT for an account without passkeys.
    """
    async with database.transaction(None) as tx:
        found = await second_step_of(tx, step)
    if found is None:
        raise refuse("STEP_OVER")
    if not found.passkeys:
        raise refuse("CONFLICT")
    challenge = new_challenge()
    await _ask(step, "second_step", challenge, found.account_id)
    return request_options(
        Party.of(installation.settings), challenge=challenge, allowed=found.passkeys
    )


def named(answer: str) -> str:
    """Which credential an answer says that it is of, proven or not; empty for what is no answer."""
    read = read_assertion(answer)
    return read.id if read else ""


async def passkey_sign_in(
    installation: Installation, secret: str, answer: str, *, visitor: Visitor
) -> SignedIn:
    """Opens a session for a right answer to what `secret` was asked, an attempt's or a step's.

    Refuses STEP_OVER where nothing is waited for any more; PASSKEY_REFUSED for a passkey that
    nobody has, or somebody else, and for whatever is wrong with the answer. One whose count went
    back is refused likewise, and its owner written to. The challenge is used up in any case.
    """
    passkey, count = await _shown(installation, secret, answer)
    signed_in = SignedIn(new_secret(SESSION_PREFIX), clock.now() + SESSION_LIFE)
    async with writing(installation, INSTALLATION) as work:
        outcome: str | None = await work.value(
            "select passkey_pass($1, $2, $3, $4, $5, $6, $7, $8)",
            passkey.step_hash, passkey.id, count,
            secret_hash(signed_in.secret), new_id(), signed_in.expires_at, *visitor.noted,
        )  # fmt: skip
        if outcome == "count":
            await work.post("mail.passkey_refused", passkey.account_id)
    if outcome != "opened":
        raise refuse("PASSKEY_REFUSED")
    return signed_in


@dataclass(frozen=True, slots=True)
class _Shown:
    """A passkey whose answer was right; `step_hash` None: to sign in by it alone."""

    id: UUID
    account_id: UUID
    step_hash: bytes | None


async def _shown(installation: Installation, secret: str, answer: str) -> tuple[_Shown, int]:
    """Which passkey has answered what `secret` was asked, and its count of signatures."""
    held = secret_hash(secret)
    read = read_assertion(answer)
    async with database.transaction(None) as tx:
        asked = await tx.row(
            "select * from passkey_challenge_take($1, $2)", held, ["sign_in", "second_step"]
        )
        known = await tx.row("select * from passkey_find($1)", read.raw_id) if read else None
    if asked is None:
        raise refuse("STEP_OVER")
    if read is None or known is None or not _is_of(known, asked, read.response.user_handle):
        raise refuse("PASSKEY_REFUSED")
    party = Party.of(installation.settings)
    count = asserted(party, asked["challenge"], read, known["public_key"])
    if count is None:
        raise refuse("PASSKEY_REFUSED")
    step = held if asked["purpose"] == "second_step" else None
    return _Shown(known["id"], known["account_id"], step), count


def _is_of(known: Row, asked: Row, handle: bytes | None) -> bool:
    """Whether the passkey is of whoever was asked. An authenticator that was asked for nobody's in
    particular has to name the account (WebAuthn, 7.2, step 6)."""
    if asked["purpose"] == "sign_in":
        return handle is not None and handle == known["user_handle"]
    return handle in (None, known["user_handle"]) and known["account_id"] == asked["account_id"]


async def _ask(secret: str, purpose: str, challenge: bytes, account: UUID | None) -> None:
    async with database.transaction(None) as tx:
        await tx.execute(
            "select passkey_challenge_put($1, $2, $3, $4, null, $5)",
            secret_hash(secret), purpose, challenge, account, clock.now() + CHALLENGE_LIFE,
        )  # fmt: skip
