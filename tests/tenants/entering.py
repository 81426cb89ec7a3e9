"""Signing in and being refused, as tests about passkeys do it."""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.tenants.errors import Refused
from keystall.tenants.identity.passkey_sign_in import (
    Attempt,
    passkey_sign_in,
)
from keystall.tenants.identity.passkeys import (
    Passkey,
    passkeys_of,
    recovery_codes_left,
)
from keystall.tenants.identity.service import (
    SignedIn,
    StepBegun,
    Viewer,
    Visitor,
    sign_in,
    viewer,
)
from keystall.tenants.installation import Installation
from keystall.tenants.writing import INSTALLATION
from tests.factories import PASSWORD

VISITOR = Visitor("203.0.113.7")
OTHER_PASSWORD = "cherry tree 20"


async def refused(call: Awaitable[object], code: str, *path: str) -> None:
    with pytest.raises(Refused) as refusal:
        await call
    assert [(error.code, error.path) for error in refusal.value.errors] == [(code, path)]


async def outcome(call: Awaitable[object]) -> str:
    """The code that a call is refused with; "done" where it is not."""
    try:
        await call
    except Refused as refusal:
        return " ".join(error.code for error in refusal.errors)
    return "done"


async def kept(person: Viewer) -> list[Passkey]:
    async with database.transaction(None) as tx:
        return await passkeys_of(tx, person)


async def codes_left(person: Viewer) -> int:
    async with database.transaction(None) as tx:
        return await recovery_codes_left(tx, person)


async def who(secret: str) -> Viewer | None:
    async with database.transaction(None) as tx:
        return await viewer(tx, secret)


async def letters(account: UUID) -> list[str]:
    """What the account's owner is written to about, oldest first."""
    async with database.transaction(INSTALLATION) as tx:
        rows = await tx.rows("select kind from outbox where subject_id = $1 order by id", account)
    return [row["kind"] for row in rows]


async def told(owner_url: str, text: str, *given: object) -> Any:
    connection = await asyncpg.connect(owner_url)
    try:
        return await connection.fetchval(text, *given)
    finally:
        await connection.close()


async def enters(installation: Installation, attempt: Attempt, answer: str) -> SignedIn:
    return await passkey_sign_in(installation, attempt.secret, answer, visitor=VISITOR)


async def half_way(
    installation: Installation, person: Viewer, password: str = PASSWORD
) -> StepBegun:
    begun = await sign_in(installation, person.email, password, visitor=VISITOR)
    assert isinstance(begun, StepBegun)
    return begun
