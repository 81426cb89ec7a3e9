"""API tokens: keys with which programs work for a shop."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.families import ApiTokenUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Node
from keystall.graphql.refusals import Payload, attempted
from keystall.tenants.shops import queries
from keystall.tenants.shops.queries import ApiTokenView
from keystall.tenants.shops.tokens import api_token_create, api_token_revoke


@object_type
class ApiToken(Node):
    """A key with which a program works for the shop."""

    name: str = described("What the token is for, in the merchant's words.")
    hint: str = described("The token's first characters, to tell it from others.")
    created_at: datetime = described("When it was made.")
    expires_at: datetime | None = described("When it ends by itself; null where it does not.")


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
        self, info: Info, name: Annotated[str, about("What the token is for.")]
    ) -> ApiTokenCreatePayload:
        """Makes an API token for the shop."""
        context = info.context
        call = api_token_create(context.installation, context.require_shop().id, name)
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
    )


async def api_tokens(context: RequestContext) -> list[ApiToken]:
    """The shop's live tokens, newest first."""
    found = await queries.api_tokens(context.reader, context.require_shop().id)
    return [api_token(view) for view in found]


async def api_token_of(context: RequestContext, row: UUID) -> ApiToken | None:
    """One live token of the shop; None where there is none."""
    found = await queries.api_tokens(context.reader, context.require_shop().id)
    return next((api_token(view) for view in found if view.id == row), None)
