"""A person's passkeys: adding, naming and removing them, by who is signed in and says the password.

The first passkey of an account that was asked for nothing after the password switches the second
step on (docs/decisions/0051-passkeys.md), and brings recovery codes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from keystall.platform import clock, database
from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.platform.tokens import secret_hash
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.identity.ceremony import (
    CHALLENGE_SECONDS,
    Party,
    creation_options,
    new_challenge,
    new_user_handle,
    registered,
)
from keystall.tenants.identity.service import Viewer, password_confirm
from keystall.tenants.identity.totp import new_recovery_codes
from keystall.tenants.installation import Installation
from keystall.tenants.texts import text_errors
from keystall.tenants.writing import INSTALLATION, writing

MOST = 20
"""Passkeys of an account."""
LONGEST_NAME = 60
CHALLENGE_LIFE = timedelta(seconds=CHALLENGE_SECONDS)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner knows it; `last_used_at` None: never to sign in."""

    id: UUID
    credential_id: bytes
    name: str
    created_at: datetime
    last_used_at: datetime | None


async def passkeys_of(db: Reads, person: Viewer) -> list[Passkey]:
    """The person's passkeys, oldest first."""
    rows = await db.rows("select * from passkey_list($1)", person.secret_hash)
    return [Passkey(**row) for row in rows]


async def recovery_codes_left(db: Reads, person: Viewer) -> int:
    """How many of the person's recovery codes were not used yet."""
    left: int = await db.value("select recovery_codes_left($1)", person.secret_hash)
    return left


async def passkey_begin(
    installation: Installation, person: Viewer, *, name: str, password: str
) -> str:
    """What the browser is asked for a new passkey, as JSON; its answer comes to `passkey_add`
    within five minutes, once, from the same session.

    Refuses REQUIRED, TOO_LONG and INVALID at `name`; REQUIRED and PASSWORD_WRONG at `password`;
    LIMIT_REACHED.
    """
    _check_name(name)
    await password_confirm(installation, person, password)
    challenge = new_challenge()
    async with database.transaction(None) as tx:
        known = await passkeys_of(tx, person)
        if len(known) >= MOST:
            raise refuse("LIMIT_REACHED", limit=MOST)
        handle = await tx.value(
            "select passkey_user_handle($1, $2)", person.secret_hash, new_user_handle()
        )
        if handle is None:
            raise refuse("STEP_OVER")
        await tx.execute(
            "select passkey_challenge_put($1, 'add', $2, $3, $4, $5)",
            person.secret_hash, challenge, person.account_id, name.strip(),
            clock.now() + CHALLENGE_LIFE,
        )  # fmt: skip
    return creation_options(
        Party.of(installation.settings),
        challenge=challenge,
        user_handle=handle,
        email=person.email,
        known=[one.credential_id for one in known],
    )


async def passkey_add(installation: Installation, person: Viewer, answer: str) -> list[str]:
    """Keeps the passkey of a right answer and has the owner told. Answers recovery codes, which
    nobody can read again, where nothing was asked after the password before; else none.

    Refuses STEP_OVER where nothing is waited for any more; PASSKEY_REFUSED for whatever is wrong
    with the answer; LIMIT_REACHED. The challenge is used up in any case.
    """
    async with database.transaction(None) as tx:
        asked = await tx.row(
            "select * from passkey_challenge_take($1, $2)", person.secret_hash, ["add"]
        )
    if asked is None or asked["account_id"] != person.account_id:
        raise refuse("STEP_OVER")
    found = registered(Party.of(installation.settings), asked["challenge"], answer)
    if found is None:
        raise refuse("PASSKEY_REFUSED")
    codes = new_recovery_codes()
    async with writing(installation, INSTALLATION) as work:
        outcome: str | None = await work.value(
            "select passkey_put($1, $2, $3, $4, $5, $6, $7, $8)",
            person.secret_hash, new_id(), found.credential_id, found.public_key, found.sign_count,
            asked["name"], MOST, [secret_hash(one) for one in codes],
        )  # fmt: skip
        if outcome not in ("first", "added"):
            raise _not_put(outcome)
        await work.post("mail.passkey_added", person.account_id)
    return codes if outcome == "first" else []


async def passkey_rename(
    installation: Installation, person: Viewer, passkey: UUID, *, name: str, password: str
) -> None:
    """Refuses REQUIRED, TOO_LONG and INVALID at `name`; REQUIRED and PASSWORD_WRONG at `password`;
    NOT_FOUND."""
    _check_name(name)
    await password_confirm(installation, person, password)
    async with database.transaction(None) as tx:
        if not await tx.value(
            "select passkey_rename($1, $2, $3)", person.secret_hash, passkey, name.strip()
        ):
            raise refuse("NOT_FOUND", "id")


async def passkey_remove(
    installation: Installation, person: Viewer, passkey: UUID, *, password: str
) -> None:
    """Takes a passkey away and has the owner told. With the last one, where no app is set up, the
    second step ends, and the recovery codes with it.

    Refuses REQUIRED and PASSWORD_WRONG at `password`; NOT_FOUND.
    """
    await password_confirm(installation, person, password)
    async with writing(installation, INSTALLATION) as work:
        if not await work.value("select passkey_remove($1, $2)", person.secret_hash, passkey):
            raise refuse("NOT_FOUND", "id")
        await work.post("mail.passkey_removed", person.account_id)


def _not_put(outcome: str | None) -> Refused:
    if outcome == "full":
        return refuse("LIMIT_REACHED", limit=MOST)
    if outcome is None:
        return refuse("STEP_OVER")
    # What another account has is told like any other answer that does not do.
    return refuse("PASSKEY_REFUSED")


def _check_name(name: str) -> None:
    errors = text_errors(name, "name", limit=LONGEST_NAME, required=True)
    if errors:
        raise Refused(*errors)
