"""Who works for a shop: changing what they may do, letting them go, leaving.

A session finds its shop by the membership at each request, so whoever was let go is out with the
next one.
"""

from collections.abc import Sequence
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.errors import refuse
from keystall.tenants.installation import Installation
from keystall.tenants.staff.deciding import Member, problem_of_change
from keystall.tenants.staff.roles import Role
from keystall.tenants.writing import Writing, writing


async def members_of(db: Reads) -> list[Member]:
    """Who works for the shop that `db` is bound to: owners first, each kind as they came."""
    return [Member(**row) for row in await db.rows("select * from shop_members()")]


async def members_locked(tx: Writing, shop: UUID) -> Sequence[Member]:
    """The same, for whoever is about to change it: until the commit nobody else does."""
    await tx.execute("select from shops where id = $1 for no key update", shop)
    return await members_of(tx)


async def member_update(
    installation: Installation, shop: UUID, account: UUID, role: Role, *, actor: UUID
) -> Member:
    """Gives a member another role. Refuses NOT_FOUND, LAST_OWNER, CONFLICT."""
    async with writing(installation, shop) as tx:
        await _set(tx, shop, account, role, actor=actor)
        return next(one for one in await members_of(tx) if one.account_id == account)


async def member_remove(
    installation: Installation, shop: UUID, account: UUID, *, actor: UUID
) -> None:
    """Lets a member go, at once; who removes themselves leaves. Refuses NOT_FOUND, LAST_OWNER,
    CONFLICT."""
    async with writing(installation, shop) as tx:
        await _set(tx, shop, account, None, actor=actor)


async def _set(tx: Writing, shop: UUID, account: UUID, role: Role | None, *, actor: UUID) -> None:
    members = await members_locked(tx, shop)
    problem = problem_of_change(members, actor, account, role)
    if problem is not None:
        raise refuse(problem)
    await tx.execute("select shop_member_set($1, $2)", account, role)
