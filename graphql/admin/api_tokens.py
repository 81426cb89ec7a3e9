"""API tokens: keys with which programs work for a shop."""

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.families import ApiTokenUserError
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
from keystall.tenants.shops import queries
from keystall.tenants.shops.queries import ApiTokenView
from keystall.tenants.shops.tokens import MAX_DAYS, Terms, api_token_create, api_token_revoke
from keystall.tenants.staff.roles import Permission


@enum_type
class ApiTokenScope(Enum):
    """Something that an API token may be made for. Staff, API tokens and ways to pay are people's
    alone."""

    OVERVIEW = value("overview", "See how the shop sells, and what it has on sale.")
    ORDERS = value("orders", "See orders, and mail an order's link again.")
    MONEY = value("money", "Complete, cancel, refund and mend orders; takes ORDERS along.")
    CATALOG = value("catalog", "Change products and categories; takes OVERVIEW along.")
    STOCK = value("stock", "Add, see and delete codes; takes OVERVIEW along.")
    SETTINGS = value("settings", "Change the shop.")
    ACTIVITY = value("activity", "Read who did what.")
    CLOSING = value("closing", "Close the shop and open it again.")
    WEBHOOKS = value(
        "webhooks", "Set up webhooks and read what they told; takes OVERVIEW and ORDERS along."
    )


@object_type
class ApiToken(Node):
    """A key with which a program works for the shop."""

    name: str = described("What the token is for, in the merchant's words.")
    hint: str = described("The token's first characters, to tell it from others.")
    created_at: datetime = described("When it was made.")
    expires_at: datetime | None = described("When it ends by itself; null where it does not.")
    scopes: list[ApiTokenScope] = described("What it may be used for.")
    made_by: str | None = described(
        "The email address of whoever made it; null where nobody knows, or where they work for the"
        " shop no more."
    )
    maker_left: bool = described(
        "Whether whoever made it works for the shop no more. The token is the shop's, and goes on."
    )
    last_used_at: datetime | None = described(
        "When it was used last, to the minute; null where it never was."
    )
    last_address: str = described("From which network address; empty where it never was.")


@object_type
class ApiTokenCreatePayload(Payload[ApiTokenUserError]):
    """The answer to apiTokenCreate."""

    api_token: ApiToken | None = described("The new token; null where it was refused.")
    secret: str | None = described("The token itself, shown this once; null where it was refused.")


@object_type
class ApiTokenRevokePayload(Payload[ApiTokenUserError]):
    """The answer to apiTokenRevoke."""

    revoked_id: strawberry.ID | None = described("The id that is gone; null where it was refused.")


@object_type
class ApiTokenMutation:
    """What a merchant does with API tokens."""

    @resolver
    async def api_token_create(
        self,
        info: Info,
        name: Annotated[str, about("What the token is for.")],
        scopes: Annotated[
            list[ApiTokenScope], about("What it may be used for; what goes along is added.")
        ],
        expires_in_days: Annotated[
            int | None, about(f"It ends so many days from now, 1 to {MAX_DAYS}.")
        ] = None,
        expires_at: Annotated[
            datetime | None,
            about("It ends then; counts in place of `expiresInDays`. With neither it does not."),
        ] = None,
    ) -> ApiTokenCreatePayload:
        """Makes an API token for the shop."""
        context = info.context
        terms = Terms(
            scopes=frozenset(Permission(one.value) for one in scopes),
            days=expires_in_days,
            expires_at=expires_at,
            made_by=context.require_person().account_id,
        )
        call = api_token_create(context.installation, context.require_shop().id, name, terms)
        made, errors = await attempted(context, call, ApiTokenUserError)
        if made is None:
            return ApiTokenCreatePayload(api_token=None, secret=None, user_errors=errors)
        view, secret = made
        return ApiTokenCreatePayload(api_token=api_token(view), secret=secret, user_errors=[])

    @resolver
    async def api_token_revoke(
        self, info: Info, id: Annotated[strawberry.ID, about("The token.")]
    ) -> ApiTokenRevokePayload:
        """Revokes an API token at once."""
        context = info.context
        call = api_token_revoke(
            context.installation, context.require_shop().id, row_of("ApiToken", id)
        )
        _, errors = await attempted(context, call, ApiTokenUserError)
        return ApiTokenRevokePayload(revoked_id=None if errors else id, user_errors=errors)


def api_token(view: ApiTokenView) -> ApiToken:
    """A live token."""
    return ApiToken(
        id=encode("ApiToken", view.id),
        name=view.name,
        hint=view.hint,
        created_at=view.created_at,
        expires_at=view.expires_at,
        scopes=[one for one in ApiTokenScope if one.value in view.scopes],
        made_by=view.maker or None,
        maker_left=view.maker_left,
        last_used_at=view.last_used_at,
        last_address=view.last_address,
    )


async def api_tokens(context: RequestContext) -> list[ApiToken]:
    """The shop's live tokens, newest first."""
    found = await queries.api_tokens(context.reader, context.require_shop().id)
    return [api_token(view) for view in found]


async def api_token_of(context: RequestContext, row: UUID) -> ApiToken | None:
    """One live token of the shop; None where there is none."""
    found = await queries.api_tokens(context.reader, context.require_shop().id)
    return next((api_token(view) for view in found if view.id == row), None)
