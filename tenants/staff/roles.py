"""Roles, and what each may do: one table. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Literal, get_args

Role = Literal["owner", "manager", "support"]
ROLES: tuple[Role, ...] = get_args(Role)


class Permission(StrEnum):
    """Something that may be allowed. The values are what a page's row asks for."""

    OVERVIEW = "overview"
    """See how the shop sells, and what it has on sale."""
    ORDERS = "orders"
    """See orders, refunds and reports, and mail an order's link again."""
    MONEY = "money"
    """Decide about orders: complete, cancel, refund and mend them."""
    CATALOG = "catalog"
    """Change products and categories."""
    STOCK = "stock"
    """Add, see, reveal and delete codes. Without it not even a masked code is shown."""
    SETTINGS = "settings"
    """Change the shop."""
    ACTIVITY = "activity"
    """Read who did what."""
    CLOSING = "closing"
    """Close the shop, open it again, and ask for its approval."""
    PAYMENT_ACCOUNTS = "payment_accounts"
    """Say where the money goes."""
    TOKENS = "tokens"
    """Give programs a key to the shop."""
    WEBHOOKS = "webhooks"
    """Say where the shop's events are told, and see what was told."""
    STAFF = "staff"
    """Invite people, change what they may do, and let them go."""


PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    "owner": frozenset(Permission),
    "manager": frozenset(Permission)
    - {Permission.CLOSING, Permission.PAYMENT_ACCOUNTS, Permission.TOKENS, Permission.STAFF},
    "support": frozenset({Permission.OVERVIEW, Permission.ORDERS}),
}

PROGRAM = frozenset(Permission) - {
    Permission.TOKENS, Permission.PAYMENT_ACCOUNTS, Permission.STAFF
}  # fmt: skip
"""What an API token may do. Whoever finds one lying about neither outlives it by making another nor
turns the money elsewhere, and no program hires people. A webhook that it saves ends with it."""

_ALONG: Mapping[Permission, frozenset[Permission]] = {
    Permission.MONEY: frozenset({Permission.ORDERS}),
    Permission.CATALOG: frozenset({Permission.OVERVIEW}),
    Permission.STOCK: frozenset({Permission.OVERVIEW}),
    Permission.WEBHOOKS: frozenset({Permission.OVERVIEW, Permission.ORDERS}),
}


def scopes_of(chosen: Iterable[Permission]) -> frozenset[Permission]:
    """What an API token may do for which these were chosen.

    Who changes things is answered with them, and who says where events are told can read what is
    told: so changing takes seeing along, and nobody believes a token narrower than it is.
    """
    wanted = frozenset(chosen)
    return wanted.union(*(_ALONG.get(one, frozenset()) for one in wanted)) & PROGRAM


WEBHOOK = frozenset({Permission.OVERVIEW, Permission.ORDERS})
"""What the document of a webhook may take at most: what events are about. Never STOCK, so that no
code, not even a masked one, is ever told."""
