"""Who asks."""

from keystall.graphql.admin.passkeys import Passkey, passkeys_of, recovery_codes_left
from keystall.graphql.admin.second_step import Totp, totp_of
from keystall.graphql.admin.sessions import Session, sessions_of
from keystall.graphql.admin.shop import Shop, shop
from keystall.graphql.admin.staff import MemberRole, StaffPermission
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    described,
    list_resolver,
    object_type,
    resolver,
)
from keystall.tenants.identity.service import Viewer as Person
from keystall.tenants.shops import queries

_NO_FIELD = frozenset({"theme_settings"})
"""Of a shop that somebody works for: no field tells it."""


@object_type
class Membership:
    """A shop that a person works for."""

    shop: Shop = described("Where they work.")
    role: MemberRole = described("What they do there.")


@object_type
class Viewer:
    """The person or program that asks."""

    email: str | None = described("The person's email address; null for an API token.")
    locale: str = described("The language the person chose; the request's for an API token.")

    role: MemberRole | None = described(
        "The person's role in the shop that the request is bound to; null for an API token, and"
        " outside of any shop."
    )
    permissions: list[StaffPermission] = described(
        "What the viewer may do in the shop that the request is bound to."
    )

    @list_resolver(assumed=5)
    async def memberships(self, info: Info) -> list[Membership]:
        """The shops the person works for, newest first; none for an API token."""
        context = info.context
        viewer = context.require_viewer()
        if not isinstance(viewer, Person):
            return []
        found = await _memberships(info, viewer)
        return [
            Membership(shop=shop(context, one.shop), role=MemberRole(one.role)) for one in found
        ]

    @list_resolver(assumed=5)
    async def shops(self, info: Info) -> list[Shop]:
        """The shops the viewer works for, newest first."""
        context = info.context
        viewer = context.require_viewer()
        if not isinstance(viewer, Person):
            return [shop(context, context.require_shop())]
        found = await _memberships(info, viewer)
        return [shop(context, one.shop) for one in found]

    @list_resolver(assumed=5)
    async def sessions(self, info: Info) -> list[Session]:
        """Where the viewer is signed in, this browser first; for people only."""
        return await sessions_of(info.context)

    @resolver
    async def totp(self, info: Info) -> Totp:
        """The codes by time that are asked for as a second step of signing in; for people only."""
        return await totp_of(info.context)

    @list_resolver(assumed=3)
    async def passkeys(self, info: Info) -> list[Passkey]:
        """The passkeys that sign in to the viewer's account, oldest first, at most 20; for people
        only."""
        return await passkeys_of(info.context)

    @resolver
    async def recovery_codes_left(self, info: Info) -> int:
        """How many recovery codes the viewer has not used yet, for their app or their passkeys;
        for people only."""
        return await recovery_codes_left(info.context)


async def _memberships(info: Info, viewer: Person) -> list[queries.Membership]:
    return await queries.memberships_of(
        info.context.reader, viewer.secret_hash, without=info.needs.without(Shop) | _NO_FIELD
    )


def viewer(context: RequestContext) -> Viewer | None:
    """The asking person or program; None for nobody known."""
    asking = context.viewer
    if asking is None:
        return None
    person = asking if isinstance(asking, Person) else None
    return Viewer(
        email=person.email if person else None,
        locale=person.locale if person else context.locale,
        role=MemberRole(context.role) if context.role else None,
        permissions=[one for one in StaffPermission if one.value in context.permissions],
    )
