"""Coming to work for a shop: what a mailed invitation offers, and taking it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from keystall.graphql.admin.families import StaffUserError
from keystall.graphql.admin.shop import Shop, shop
from keystall.graphql.admin.staff import MemberRole
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.tries import count_try
from keystall.platform import database
from keystall.tenants.audit.acting import Act, acting
from keystall.tenants.errors import refuse
from keystall.tenants.identity.service import Viewer as Person
from keystall.tenants.identity.service import Visitor
from keystall.tenants.identity.service import viewer as viewer_of
from keystall.tenants.shops.queries import shop_by_id
from keystall.tenants.shops.shop import Shop as ShopFacts
from keystall.tenants.staff import invitations as inviting

Token = Annotated[str, about("The token in the mailed link.")]


@object_type
class InvitationLink:
    """What the link of a mailed invitation offers."""

    shop_name: str = described("What the shop is called that invites.")
    email: str = described("The address that it was mailed to.")
    role: MemberRole = described("What they shall do.")
    expires_at: datetime = described("Until when it works.")
    mine: bool = described("Whether the viewer is signed in with that address.")


@object_type
class InvitationAcceptPayload(Payload[StaffUserError]):
    """The answer to invitationAccept."""

    shop: Shop | None = described("The shop that the viewer works for now; null where refused.")


@object_type
class InvitationSignUpPayload(Payload[StaffUserError]):
    """The answer to invitationSignUp."""

    shop: Shop | None = described("The shop that the new person works for; null where refused.")


@object_type
class InvitationMutation:
    """What people do who were invited to work for a shop."""

    @resolver
    async def invitation_accept(self, info: Info, token: Token) -> InvitationAcceptPayload:
        """Takes an invitation, signed in with the address that it was mailed to. Pages only."""
        context = info.context
        context.require_page()
        found, errors = await attempted(
            context, _accept(context, context.require_person(), token), StaffUserError
        )
        return InvitationAcceptPayload(
            shop=shop(context, found) if found else None, user_errors=errors
        )

    @resolver
    async def invitation_sign_up(
        self,
        info: Info,
        token: Token,
        password: Annotated[str, about("The password, 10 characters or more.")],
    ) -> InvitationSignUpPayload:
        """Makes an account for the address that an invitation was mailed to, signs it in and takes
        the invitation. Pages only."""
        context = info.context
        context.require_page()
        found, errors = await attempted(context, _sign_up(context, token, password), StaffUserError)
        return InvitationSignUpPayload(
            shop=shop(context, found) if found else None, user_errors=errors
        )


async def invitation_link(context: RequestContext, token: str) -> InvitationLink | None:
    """What a mailed link offers; None where it offers nothing."""
    offer = await inviting.invitation_offer(context.reader, token)
    if offer is None:
        return None
    viewer = context.viewer
    return InvitationLink(
        shop_name=offer.shop_name,
        email=offer.email,
        role=MemberRole(offer.role),
        expires_at=offer.expires_at,
        mine=isinstance(viewer, Person) and viewer.email == offer.email,
    )


async def _accept(context: RequestContext, person: Person, token: str) -> ShopFacts:
    await count_try(context, "account:link")
    offer = await inviting.invitation_accept(context.installation, person, token)
    return await _shop(offer.shop_id)


async def _sign_up(context: RequestContext, token: str, password: str) -> ShopFacts:
    await count_try(context, "account:link")
    signed_in = await inviting.invitation_sign_up(
        token,
        password,
        locale=context.locale,
        visitor=Visitor(address=context.address, user_agent=context.user_agent),
    )
    async with database.transaction(None) as tx:
        person = await viewer_of(tx, signed_in.secret)
    if person is None:
        raise refuse("LINK_INVALID", "token")
    # Whatever becomes of the invitation from here on, the person has an account and is signed in.
    context.effect("session", signed_in.secret)
    deed = Act(
        "account", person.account_id, person.email, "invitationAccept", "member",
        address=context.address, user_agent=context.user_agent,
    )  # fmt: skip
    with acting(deed):
        offer = await inviting.invitation_accept(context.installation, person, token)
    return await _shop(offer.shop_id)


async def _shop(shop_id: UUID) -> ShopFacts:
    async with database.transaction(shop_id) as tx:
        found = await shop_by_id(tx, shop_id)
    if found is None:
        raise LookupError("a shop that somebody was invited to went away; shops are never deleted")
    return found
