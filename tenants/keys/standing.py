"""How the keys stand: what `keystall keys status` tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from keystall.platform.crypto import KeyRing
from keystall.tenants.keys.ring_rotation import uses_of_older


@dataclass(frozen=True, slots=True)
class ShopKeys:
    """A shop's data keys. `versions` empty: destroyed; more than one: a rotation is under way."""

    id: UUID
    slug: str
    versions: Sequence[int]
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """`older`: by column, how many values wait to be wrapped with the ring's current key.

    `begun`: scopes of rotations that were begun and not ended.
    """

    older: Mapping[str, int]
    begun: Sequence[str]
    shops: Sequence[ShopKeys]


async def standing(connection: asyncpg.Connection, ring: KeyRing) -> Standing:
    """How the keys of the installation and of its shops stand."""
    shops = await connection.fetch(
        "select shops.id, slug, max(shop_keys.created_at) as newest_at,"
        " array_remove(array_agg(version order by version), null) as versions"
        " from shops left join shop_keys on shop_id = shops.id group by shops.id, slug"
        " order by slug"
    )
    begun = await connection.fetch(
        "select distinct scope from key_rotations where finished_at is null order by scope"
    )
    return Standing(
        older=await uses_of_older(connection, ring),
        begun=[row["scope"] for row in begun],
        shops=[ShopKeys(**row) for row in shops],
    )


async def shop_by_slug(connection: asyncpg.Connection, slug: str) -> UUID | None:
    """The shop at an address."""
    found: UUID | None = await connection.fetchval("select id from shops where slug = $1", slug)
    return found
