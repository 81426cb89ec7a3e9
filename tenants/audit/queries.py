"""Reading the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, columns

_RECENT = 1000


@dataclass(frozen=True, slots=True)
class EntryView:
    """A deed; `actor_name` is empty for the operator and the system. Lists may leave `user_agent`
    UNREAD."""

    id: UUID
    position: int
    actor_kind: str
    actor_id: UUID | None
    actor_name: str
    operation: str
    object_kind: str
    object_id: UUID | None
    address: str
    at: datetime
    user_agent: str = UNREAD


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A row that a deed changed: its changed values before and after, by column."""

    entry_id: UUID
    kind: str
    object_id: UUID | None
    label: str
    change: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who did something here; `id` None for the operator and the system."""

    kind: str
    id: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries: of whom, about what kind of thing. `actor` is a kind and an id."""

    actor: tuple[str, UUID | None] | None = None
    object_kind: str | None = None


async def audit_list(
    db: Reads,
    shop: UUID,
    wanted: EntryFilter,
    *,
    after: int | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[EntryView]:
    """The shop's entries, newest first, `limit` at most, from before the position `after`."""
    kind, actor = wanted.actor if wanted.actor is not None else (None, None)
    rows = await db.rows(
        f"""
        select {columns(EntryView, without)} from audit_entries
        where shop_id = $1 and ($2::bigint is null or position < $2)
          and ($3::text is null or actor_kind = $3) and ($4::uuid is null or actor_id = $4)
          and ($5::text is null or object_kind = $5)
        order by position desc limit $6
        """,  # noqa: S608  (constants)
        shop, after, kind, actor, wanted.object_kind, limit,
    )  # fmt: skip
    return [EntryView(**row) for row in rows]


async def changes_of(
    db: Reads, shop: UUID, entries: Sequence[UUID]
) -> Mapping[UUID, list[ChangeView]]:
    """What each of the entries changed, in the order in which it did. Asks nothing where nothing is
    asked."""
    if not entries:
        return {}
    rows = await db.rows(
        """
        select entry_id, kind, object_id, label, change, before, after from audit_changes
        where shop_id = $1 and entry_id = any ($2::uuid[]) order by position
        """,
        shop, list(entries),
    )  # fmt: skip
    found: dict[UUID, list[ChangeView]] = {entry: [] for entry in entries}
    for row in rows:
        found[row["entry_id"]].append(ChangeView(**row))
    return found


async def names_of(db: Reads, shop: UUID, ids: Sequence[UUID]) -> Mapping[str, str]:
    """The names that categories and variants have now, by their id as values say it; what is
    deleted is missing. Asks nothing where nothing is asked."""
    if not ids:
        return {}
    rows = await db.rows(
        """
        select id, name from categories where shop_id = $1 and id = any ($2::uuid[])
        union all
        select variants.id, concat_ws(' · ', products.name, nullif(variants.name, ''))
        from variants join products
          on products.shop_id = variants.shop_id and products.id = variants.product_id
        where variants.shop_id = $1 and variants.id = any ($2::uuid[])
        """,
        shop, list(ids),
    )  # fmt: skip
    return {str(row["id"]): row["name"] for row in rows}


async def actors(db: Reads, shop: UUID) -> list[Actor]:
    """Who did the latest thousand deeds, by name."""
    rows = await db.rows(
        """
        select distinct on (actor_kind, actor_id) actor_kind as kind, actor_id as id,
               actor_name as name
        from (select * from audit_entries where shop_id = $1 order by position desc limit $2) latest
        order by actor_kind, actor_id, position desc
        """,
        shop, _RECENT,
    )  # fmt: skip
    return sorted((Actor(**row) for row in rows), key=lambda actor: (actor.name, actor.kind))
