"""Where a person is signed in, ending it, and a new password for the one that is known."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Reads
from keystall.platform.passwords import hash_password, password_problem, verify_password
from keystall.tenants.errors import refuse
from keystall.tenants.identity.service import Viewer


@dataclass(frozen=True, slots=True)
class SessionView:
    """A browser that is signed in: since when, and from where it was."""

    id: UUID
    created_at: datetime
    address: str
    user_agent: str
    is_current: bool


async def sessions_of(db: Reads, person: Viewer) -> list[SessionView]:
    """The person's sessions that still work: the one at hand first, then the newest first."""
    rows = await db.rows("select * from session_list($1)", person.secret_hash)
    return [SessionView(**row) for row in rows]


async def session_revoke(person: Viewer, session: UUID) -> None:
    """Ends another session of the person at once.

    Refuses NOT_FOUND, also for the session at hand, which is ended by signing out.
    """
    async with database.transaction(None) as tx:
        if not await tx.value("select session_end_others($1, $2)", person.secret_hash, session):
            raise refuse("NOT_FOUND", "id")


async def sessions_end_others(person: Viewer) -> int:
    """Ends every session of the person but the one at hand; answers how many."""
    async with database.transaction(None) as tx:
        ended: int = await tx.value("select session_end_others($1, null)", person.secret_hash)
        return ended


async def password_change(person: Viewer, current: str, password: str) -> None:
    """Sets a new password and ends every other session of the person.

    Refuses REQUIRED and PASSWORD_WRONG at `current`; PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG and
    PASSWORD_TOO_COMMON at `password`.
    """
    if not current:
        raise refuse("REQUIRED", "current")
    problem = password_problem(password)
    if problem is not None:
        raise refuse(problem, "password")
    async with database.transaction(None) as tx:
        row = await tx.row("select password_hash from account_for_sign_in($1)", person.email)
    if row is None or not await verify_password(row["password_hash"], current):
        raise refuse("PASSWORD_WRONG", "current")
    hashed = await hash_password(password)
    async with database.transaction(None) as tx:
        if not await tx.value(
            "select account_password_change($1, $2, $3)",
            person.secret_hash, row["password_hash"], hashed,
        ):  # fmt: skip
            raise refuse("PASSWORD_WRONG", "current")
