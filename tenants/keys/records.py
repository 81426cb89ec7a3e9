"""What is written down about rotations, so that one that was killed is known to be under way."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from keystall.platform.ids import new_id

Scope = Literal["installation", "shops"]


class StillUsed(Exception):
    """A key that was to be destroyed still guards something; nothing was destroyed."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """One that is under way. `version`: the ring's key that it is about; None for shops."""

    id: UUID
    version: int | None
    started_at: datetime


async def rotation_begun(
    connection: asyncpg.Connection, scope: Scope, version: int | None = None
) -> Rotation:
    """The rotation of `scope` that is under way, or a new one to `version`."""
    row = await connection.fetchrow(
        "select id, version, started_at from key_rotations"
        " where scope = $1 and finished_at is null order by started_at desc limit 1",
        scope,
    )
    if row is None:
        row = await connection.fetchrow(
            "insert into key_rotations (id, scope, version) values ($1, $2, $3)"
            " returning id, version, started_at",
            new_id(), scope, version,
        )  # fmt: skip
    return Rotation(**row)


async def rotation_finished(connection: asyncpg.Connection, rotation: Rotation) -> None:
    """Writes down its end."""
    await connection.execute(
        "update key_rotations set finished_at = now() where id = $1", rotation.id
    )
