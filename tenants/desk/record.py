"""The record of what operators did: written by the functions that do it, read here."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, columns
from keystall.tenants.identity.service import Viewer


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One thing done by the operator `email`, or, where that is empty, at the server itself.
    `subject` is what it was done to, where that is no shop; `count` of how many rows. What has a
    default may be UNREAD."""

    id: int
    action: str
    subject: str
    count: int
    at: datetime
    email: str = UNREAD
    shop_id: UUID | None = UNREAD
    shop_slug: str | None = UNREAD
    shop_name: str | None = UNREAD
    note: str = UNREAD


async def operator_actions(
    db: Reads,
    viewer: Viewer,
    *,
    after: int | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[OperatorAction]:
    """What was done, newest first, `limit` at most, before `after`."""
    rows = await db.rows(
        f"select {columns(OperatorAction, without)} from operator_record($1, $2, $3, $4)",  # noqa: S608
        viewer.secret_hash, after, limit, list(without),
    )  # fmt: skip
    return [OperatorAction(**row) for row in rows]
