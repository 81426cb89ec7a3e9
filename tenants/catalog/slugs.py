"""Addresses within a shop that nothing else has."""

from typing import Literal
from uuid import UUID

from keystall.platform.slug import MAX_LENGTH, slugify
from keystall.tenants.errors import refuse
from keystall.tenants.writing import Writing

_MARK_LENGTH = 8  # of the random end of an id


async def take_turn(tx: Writing, shop: UUID) -> None:
    """Waits until no one else changes this shop's catalogue, for the rest of the transaction.

    Changes are rare, and what one checks (an address, a category, a place) must still hold when
    it writes. Sales do not wait: their references lock the shop's row weakly.
    """
    await tx.execute("select from shops where id = $1 for no key update", shop)


async def free_slug(
    tx: Writing, table: Literal["products", "categories"], shop: UUID, owner: UUID, *, asked: str,
    name: str,
) -> str:  # fmt: skip
    """The slug for the row `owner`: what was asked for, else one made from the name.

    Call after `take_turn`. Refuses TAKEN for one asked for that another row has.
    """
    taken = (
        f"select exists (select from {table}"  # noqa: S608 one of two constants
        " where shop_id = $1 and slug = $2 and id <> $3)"
    )
    if asked:
        if await tx.value(taken, shop, asked, owner):
            raise refuse("TAKEN", "slug")
        return asked
    mark = owner.hex[-_MARK_LENGTH:]
    made = slugify(name)
    if not made:
        # A Chinese name leaves nothing for an address.
        return f"p-{mark}"
    if await tx.value(taken, shop, made, owner):
        return f"{made[: MAX_LENGTH - _MARK_LENGTH - 1].rstrip('-')}-{mark}"
    return made
