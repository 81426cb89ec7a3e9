"""Who works for a shop: members, what they may do, and invitations."""

from collections.abc import Awaitable
from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.families import StaffUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    enum_type,
    object_type,
    resolver,
    value,
)
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Node
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.tries import count_key, count_try
from keystall.platform import clock
from keystall.tenants.errors import refuse
from keystall.tenants.identity.service import Viewer as Person
from keystall.tenants.staff import invitations as inviting
from keystall.tenants.staff import members as staff
from keystall.tenants.staff.deciding import Member as MemberView
from keystall.tenants.staff.invitations import InvitationView

_MAILS_TO_EMAIL = 3
_MAILS_OF_SHOP, _HOUR = 30, 3600.0


@enum_type
class MemberRole(Enum):
    """What somebody does for a shop."""

    OWNER = value("owner", "Everything.")
    MANAGER = value(
        "manager",
        "Everything but closing the shop, payment accounts, API tokens and staff.",
    )
    SUPPORT = value(
        "support", "Sees orders and products, and mails an order's link again. Sees no codes."
    )


@enum_type
class StaffPermission(Enum):
    """Something that a role allows."""

    OVERVIEW = value("overview", "See how the shop sells, and what it has on sale.")
    ORDERS = value("orders", "See orders, and mail an order's link again.")
    MONEY = value("money", "Complete, cancel, refund and mend orders.")
    CATALOG = value("catalog", "Change products and categories.")
    STOCK = value("stock", "Add, see, reveal and delete codes.")
    SETTINGS = value("settings", "Change the shop.")
    ACTIVITY = value("activity", "Read who did what.")
    CLOSING = value("closing", "Close the shop and open it again.")
    PAYMENT_ACCOUNTS = value("payment_accounts", "Say where the money goes.")
    TOKENS = value("tokens", "Make API tokens.")
    WEBHOOKS = value("webhooks", "Set up webhooks, and read what they told.")
    STAFF = value("staff", "Invite people, change their roles, and let them go.")


RoleAsked = Annotated[MemberRole, about("What they shall do.")]


@object_type
class Member(Node):
    """Somebody who works for the shop."""

    email: str = described("Their email address.")
    role: MemberRole = described("What they do.")
    since: datetime = described("Since when.")
    current: bool = described("Whether it is the one who asks.")


@object_type
class Invitation(Node):
    """Somebody who was invited to work for the shop, and has not come yet."""

    email: str = described("The address that it was mailed to.")
    role: MemberRole = described("What they shall do.")
    created_at: datetime = described("When they were first invited.")
    expires_at: datetime = described("Until when the mailed link works.")
    expired: bool = described("Whether it works no more.")


@object_type
class MemberInvitePayload(Payload[StaffUserError]):
    """The answer to memberInvite."""

    invitation: Invitation | None = described("The invitation; null where it was refused.")


@object_type
class InvitationResendPayload(Payload[StaffUserError]):
    """The answer to invitationResend."""

    invitation: Invitation | None = described("The invitation; null where it was refused.")


@object_type
class InvitationWithdrawPayload(Payload[StaffUserError]):
    """The answer to invitationWithdraw."""

    withdrawn_id: strawberry.ID | None = described("The id that is gone; null where refused.")


@object_type
class MemberUpdatePayload(Payload[StaffUserError]):
    """The answer to memberUpdate."""

    member: Member | None = described("The member as they are now; null where it was refused.")


@object_type
class MemberRemovePayload(Payload[StaffUserError]):
    """The answer to memberRemove."""

    removed_member_id: strawberry.ID | None = described("The id that is gone; null where refused.")


@object_type
class ShopLeavePayload(Payload[StaffUserError]):
    """The answer to shopLeave."""

    done: bool = described("Whether it was done.")


@object_type
class StaffMutation:
    """What owners do about staff, and what everybody may do: leave."""

    @resolver
    async def member_invite(
        self,
        info: Info,
        email: Annotated[str, about("The address to invite.")],
        role: RoleAsked,
    ) -> MemberInvitePayload:
        """Mails an invitation to work for the shop, which works for seven days. Does not tell
        whether the address has an account. Whoever was invited before is invited anew."""
        context = info.context
        made, errors = await attempted(context, _invite(context, email, role), StaffUserError)
        return MemberInvitePayload(
            invitation=_invitation(made) if made else None, user_errors=errors
        )

    @resolver
    async def invitation_resend(
        self, info: Info, id: Annotated[strawberry.ID, about("The invitation.")]
    ) -> InvitationResendPayload:
        """Mails an invitation again: for seven more days, and the older link ends."""
        context = info.context
        call = _resend(context, row_of("Invitation", id))
        made, errors = await attempted(context, call, StaffUserError)
        return InvitationResendPayload(
            invitation=_invitation(made) if made else None, user_errors=errors
        )

    @resolver
    async def invitation_withdraw(
        self, info: Info, id: Annotated[strawberry.ID, about("The invitation.")]
    ) -> InvitationWithdrawPayload:
        """Ends an invitation at once."""
        context = info.context
        call = inviting.invitation_withdraw(
            context.installation, context.require_shop().id, row_of("Invitation", id)
        )
        _, errors = await attempted(context, call, StaffUserError)
        return InvitationWithdrawPayload(withdrawn_id=None if errors else id, user_errors=errors)

    @resolver
    async def member_update(
        self, info: Info, id: Annotated[strawberry.ID, about("The member.")], role: RoleAsked
    ) -> MemberUpdatePayload:
        """Gives a member another role, at once."""
        context = info.context
        person = context.require_person()
        call = staff.member_update(
            context.installation,
            context.require_shop().id,
            row_of("Member", id),
            role.value,
            actor=person.account_id,
        )
        made, errors = await attempted(context, call, StaffUserError)
        return MemberUpdatePayload(
            member=_member(context, made) if made else None, user_errors=errors
        )

    @resolver
    async def member_remove(
        self, info: Info, id: Annotated[strawberry.ID, about("The member.")]
    ) -> MemberRemovePayload:
        """Lets a member go: they reach nothing of the shop any more, at once."""
        context = info.context
        _, errors = await attempted(context, _remove(context, row_of("Member", id)), StaffUserError)
        return MemberRemovePayload(removed_member_id=None if errors else id, user_errors=errors)

    @resolver
    async def shop_leave(self, info: Info) -> ShopLeavePayload:
        """The viewer stops working for the shop, at once."""
        context = info.context
        call = _remove(context, context.require_person().account_id)
        _, errors = await attempted(context, call, StaffUserError)
        return ShopLeavePayload(done=not errors, user_errors=errors)


async def members(context: RequestContext) -> list[Member]:
    """Who works for the request's shop."""
    return [_member(context, one) for one in await staff.members_of(context.reader)]


async def member_of(context: RequestContext, row: UUID) -> Member | None:
    """A member of the request's shop; None where there is no such one."""
    found = await staff.members_of(context.reader)
    return next((_member(context, one) for one in found if one.account_id == row), None)


async def invitations(context: RequestContext) -> list[Invitation]:
    """The invitations of the request's shop."""
    found = await inviting.invitations_of(context.reader, context.require_shop().id)
    return [_invitation(one) for one in found]


async def invitation_of(context: RequestContext, row: UUID) -> Invitation | None:
    """An invitation of the request's shop; None where there is no such one."""
    found = await inviting.invitations_of(context.reader, context.require_shop().id)
    return next((_invitation(one) for one in found if one.id == row), None)


def _member(context: RequestContext, view: MemberView) -> Member:
    viewer = context.viewer
    return Member(
        id=encode("Member", view.account_id),
        email=view.email,
        role=MemberRole(view.role),
        since=view.created_at,
        current=isinstance(viewer, Person) and viewer.account_id == view.account_id,
    )


def _invitation(view: InvitationView) -> Invitation:
    return Invitation(
        id=encode("Invitation", view.id),
        email=view.email,
        role=MemberRole(view.role),
        created_at=view.created_at,
        expires_at=view.expires_at,
        expired=view.expires_at <= clock.now(),
    )


async def _invite(context: RequestContext, email: str, role: MemberRole) -> InvitationView:
    bound = context.require_shop()
    await count_try(context, "invitation", email=email, tries_of_email=_MAILS_TO_EMAIL)
    await count_key(context, f"invitation:shop:{bound.id}", _MAILS_OF_SHOP, _HOUR)
    return await inviting.member_invite(
        context.installation,
        bound.id,
        context.require_person(),
        email,
        role.value,
        locale=context.locale,
    )


async def _resend(context: RequestContext, row: UUID) -> InvitationView:
    bound = context.require_shop()
    if await invitation_of(context, row) is None:
        raise refuse("NOT_FOUND", "id")
    await count_key(context, f"invitation:again:{row}", _MAILS_TO_EMAIL, _HOUR)
    await count_key(context, f"invitation:shop:{bound.id}", _MAILS_OF_SHOP, _HOUR)
    return await inviting.invitation_resend(context.installation, bound.id, row)


def _remove(context: RequestContext, account: UUID) -> Awaitable[None]:
    return staff.member_remove(
        context.installation,
        context.require_shop().id,
        account,
        actor=context.require_person().account_id,
    )
