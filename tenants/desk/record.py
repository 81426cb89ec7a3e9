"""The record of what operators did: written by the functions that do it, read here."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.identity.service import Viewer


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One thing done by the operator `email`, or, where that is empty, at the server itself.
    `subject` is what it was done to, where that is no shop; `count` of how many rows."""

    id: int
    email: str
    action: str
    shop_id: UUID | None
    shop_slug: str | None
    shop_name: str | None
    subject: str
    note: str
    count: int
    at: datetime


async def operator_actions(
    db: Reads, viewer: Viewer, *, after: int | None, limit: int
) -> list[OperatorAction]:
    """What was done, newest first, `limit` at most, before `after`."""
    rows = await db.rows(
        "select * from operator_record($1, $2, $3)", viewer.secret_hash, after, limit
    )
    return [OperatorAction(**row) for row in rows]
