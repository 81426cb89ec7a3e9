"""API tokens: keys with which programs work for a shop, and public ones of sites' code."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.families import ApiTokenUserError
from keystall.graphql.context import Info, Needs, RequestContext
from keystall.graphql.describing import (
    about,
    derived,
    described,
    enum_type,
    object_type,
    resolver,
    takes,
    value,
)
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Node
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.scalars import Count
from keystall.platform import clock
from keystall.tenants.shops import queries
from keystall.tenants.shops.origins import MAX_ORIGINS
from keystall.tenants.shops.queries import ApiTokenView, TokenUseView
from keystall.tenants.shops.tokens import (
    MAX_DAYS,
    Terms,
    api_token_create,
    api_token_revoke,
    storefront_token_create,
)
from keystall.tenants.staff.roles import Permission

DAYS = 30
"""How many days of usage are told."""

TokenName = Annotated[str, about("What the token is for.")]
ExpiresInDays = Annotated[int | None, about(f"It ends so many days from now, 1 to {MAX_DAYS}.")]
ExpiresAt = Annotated[
    datetime | None,
    about("It ends then; counts in place of `expiresInDays`. With neither it does not."),
]


@enum_type
class ApiTokenKind(Enum):
    """Which API a token is for."""

    ADMIN = value("admin", "A program's key to the merchants' API: a secret.")
    STOREFRONT = value(
        "storefront",
        "Of the code of sites, for the shop's own API: public, and bound to the sites' origins.",
    )


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
class ApiTokenDay:
    """What a token was used for on one day."""

    date: str = described("The day (UTC), as YYYY-MM-DD.")
    requests: Count = described("How many requests came with it.")
    refused: Count = described("How many of them were refused before they ran.")
    cost: Count = described("The points that the others cost.")


@object_type
class ApiTokenDeprecatedUse:
    """Something deprecated that a token still asks for."""

    place: str = described("What: `Type.field`, `Type.field(argument:)` or `Enum.VALUE`.")
    requests: Count = described("How many requests asked for it in the last 30 days.")
    last_on: str = described("The last day (UTC) on which one did, as YYYY-MM-DD.")


@object_type
class ApiTokenUsage:
    """How much a token was used in the last 30 days. May lag by a minute."""

    requests: Count = described("How many requests came with it.")
    refused: Count = described("How many of them were refused before they ran.")
    cost: Count = described("The points that the others cost.")
    by_day: list[ApiTokenDay] = described(
        "Each of the last 30 days, oldest first, days without any included.", assumed=14
    )
    deprecated: list[ApiTokenDeprecatedUse] = described(
        "What it asks for that is deprecated, the most asked for first.", assumed=5
    )


@object_type
class ApiToken(Node):
    """A key with which a program works for the shop, or a public one of sites' code."""

    view: strawberry.Private[ApiTokenView]
    kind: ApiTokenKind = described("Which API it is for.")
    name: str = described("What the token is for, in the merchant's words.")
    hint: str = described("The token's first characters, to tell it from others.")
    created_at: datetime = described("When it was made.")
    expires_at: datetime | None = described("When it ends by itself; null where it does not.")
    scopes: list[ApiTokenScope] = described(
        "What it may be used for; empty of a storefront token, which opens what anyone may see."
    )
    origins: list[str] = described(
        "Of a storefront token: the sites whose code may send it, as `https://www.example.com`."
    )
    public_token: str | None = described(
        "A storefront token itself, to be put into a site's code; null of others, which are shown"
        " once."
    )
    made_by: str | None = takes("maker")(
        derived(
            lambda token: token.view.maker or None,
            "The email address of whoever made it; null where nobody knows, or where they work for"
            " the shop no more.",
        )
    )
    maker_left: bool = takes("maker_left")(
        described(
            "Whether whoever made it works for the shop no more. The token is the shop's, and goes"
            " on."
        )
    )
    last_used_at: datetime | None = described(
        "When it was used last, to the minute; null where it never was."
    )
    last_address: str = described(
        "From which network address; empty where it never was, and of a storefront token, which"
        " comes from every visitor's."
    )

    @resolver
    async def usage(self, info: Info) -> ApiTokenUsage:
        """How much it was used in the last 30 days."""
        found = await info.context.load(_uses, row_of("ApiToken", self.id))
        return _usage(found or [], clock.now().date())


@object_type
class ApiTokenCreatePayload(Payload[ApiTokenUserError]):
    """The answer to apiTokenCreate."""

    api_token: ApiToken | None = described("The new token; null where it was refused.")
    secret: str | None = described("The token itself, shown this once; null where it was refused.")


@object_type
class StorefrontTokenCreatePayload(Payload[ApiTokenUserError]):
    """The answer to storefrontTokenCreate."""

    api_token: ApiToken | None = described("The new token; null where it was refused.")


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
        name: TokenName,
        scopes: Annotated[
            list[ApiTokenScope], about("What it may be used for; what goes along is added.")
        ],
        expires_in_days: ExpiresInDays = None,
        expires_at: ExpiresAt = None,
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
    async def storefront_token_create(
        self,
        info: Info,
        name: TokenName,
        origins: Annotated[
            list[str],
            about(
                "The sites whose code may send it, each as `https://www.example.com`, with its port"
                f" where it has one of its own: 1 to {MAX_ORIGINS}. `http` is for localhost."
            ),
        ],
        expires_in_days: ExpiresInDays = None,
        expires_at: ExpiresAt = None,
    ) -> StorefrontTokenCreatePayload:
        """Makes a public token for the code of sites. It is no secret: `publicToken` shows it."""
        context = info.context
        terms = Terms(
            days=expires_in_days,
            expires_at=expires_at,
            made_by=context.require_person().account_id,
        )
        shop = context.require_shop().id
        call = storefront_token_create(context.installation, shop, name, origins, terms)
        made, errors = await attempted(context, call, ApiTokenUserError)
        return StorefrontTokenCreatePayload(
            api_token=api_token(made) if made else None, user_errors=errors
        )

    @resolver
    async def api_token_revoke(
        self, info: Info, id: Annotated[strawberry.ID, about("The token.")]
    ) -> ApiTokenRevokePayload:
        """Revokes an API token, of either kind, at once."""
        context = info.context
        call = api_token_revoke(
            context.installation, context.require_shop().id, row_of("ApiToken", id)
        )
        _, errors = await attempted(context, call, ApiTokenUserError)
        return ApiTokenRevokePayload(revoked_id=None if errors else id, user_errors=errors)


async def _uses(
    context: RequestContext, tokens: Sequence[UUID]
) -> Mapping[UUID, list[TokenUseView]]:
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=DAYS - 1)
    return await queries.token_uses(context.reader, context.require_shop().id, tokens, since=since)


def _usage(uses: Sequence[TokenUseView], today: date) -> ApiTokenUsage:
    """`uses`: the newest first."""
    days = {one.day.date(): one for one in uses if not one.deprecated}
    old: dict[str, TokenUseView] = {}
    counts: dict[str, int] = {}
    for one in uses:
        if one.deprecated:
            counts[one.deprecated] = counts.get(one.deprecated, 0) + one.requests
            old.setdefault(one.deprecated, one)
    return ApiTokenUsage(
        requests=Count(sum(one.requests for one in days.values())),
        refused=Count(sum(one.refused for one in days.values())),
        cost=Count(sum(one.cost for one in days.values())),
        by_day=[_day(today - timedelta(days=ago), days) for ago in reversed(range(DAYS))],
        deprecated=[
            ApiTokenDeprecatedUse(
                place=place,
                requests=Count(counts[place]),
                last_on=old[place].day.date().isoformat(),
            )
            for place in sorted(counts, key=lambda place: (-counts[place], place))
        ],
    )


def _day(day: date, days: Mapping[date, TokenUseView]) -> ApiTokenDay:
    one = days.get(day)
    return ApiTokenDay(
        date=day.isoformat(),
        requests=Count(one.requests if one else 0),
        refused=Count(one.refused if one else 0),
        cost=Count(one.cost if one else 0),
    )


def api_token(view: ApiTokenView) -> ApiToken:
    """A live token."""
    return ApiToken(
        id=encode("ApiToken", view.id),
        view=view,
        kind=ApiTokenKind.STOREFRONT if view.is_public else ApiTokenKind.ADMIN,
        name=view.name,
        hint=view.hint,
        created_at=view.created_at,
        expires_at=view.expires_at,
        scopes=[one for one in ApiTokenScope if one.value in view.scopes],
        origins=list(view.origins),
        public_token=view.public_text or None,
        maker_left=view.maker_left,
        last_used_at=view.last_used_at,
        last_address=view.last_address,
    )


async def api_tokens(context: RequestContext, needs: Needs) -> list[ApiToken]:
    """The shop's live tokens, newest first."""
    found = await queries.api_tokens(
        context.reader, context.require_shop().id, without=needs.without(ApiToken)
    )
    return [api_token(view) for view in found]


async def api_token_of(context: RequestContext, row: UUID) -> ApiToken | None:
    """One live token of the shop; None where there is none."""
    shop, without = context.require_shop().id, context.without("ApiToken")
    found = await queries.api_tokens(context.reader, shop, token=row, without=without)
    return api_token(found[0]) if found else None
