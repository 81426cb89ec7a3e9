"""Who may change whose place among a shop's staff. Pure: people in, a reason against it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.tenants.staff.roles import Role

MAX_STAFF = 50
"""People who work for one shop, those included who were invited and have not come yet."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who works for the shop, since `created_at`."""

    account_id: UUID
    email: str
    role: Role
    created_at: datetime


def problem_of_change(
    members: Sequence[Member], actor: UUID, account: UUID, role: Role | None
) -> str | None:
    """Why `actor` may not make `account` a `role` (None: no member any more); None where they may.

    CONFLICT: the actor is no owner any more. NOT_FOUND: no such member. LAST_OWNER: nobody would
    be left who may do everything. Anybody may leave.
    """
    roles = {member.account_id: member.role for member in members}
    leaving = actor == account and role is None
    if not leaving and roles.get(actor) != "owner":
        return "CONFLICT"
    if account not in roles:
        return "NOT_FOUND"
    others = [one for one, had in roles.items() if had == "owner" and one != account]
    if roles[account] == "owner" and role != "owner" and not others:
        return "LAST_OWNER"
    return None


def problem_of_invitation(
    members: Sequence[Member], invited: Sequence[str], actor: UUID, email: str
) -> str | None:
    """Why `actor` may not invite `email`, where `invited` have been already; None where they may.

    CONFLICT as above; MEMBER_ALREADY; LIMIT_REACHED. Whoever was invited may be again.
    """
    if not any(one.account_id == actor and one.role == "owner" for one in members):
        return "CONFLICT"
    if any(one.email == email for one in members):
        return "MEMBER_ALREADY"
    if email not in invited and len(members) + len(invited) >= MAX_STAFF:
        return "LIMIT_REACHED"
    return None
