"""What the operator of the installation sees and does."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.context import Info, RequestContext
from keystall.graphql.deeds import OPERATOR, recorded
from keystall.graphql.describing import (
    about,
    derived,
    described,
    list_resolver,
    object_type,
    resolver,
    takes,
)
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Id, Ids, Node, ShopStatus, checked_ids
from keystall.graphql.operator import access
from keystall.graphql.operator.forbidden_goods import ForbiddenMutation, ForbiddenQuery
from keystall.graphql.operator.mail import MailMutation
from keystall.graphql.operator.persons import PersonMutation
from keystall.graphql.operator.record import RecordQuery
from keystall.graphql.operator.work import WorkMutation, WorkQuery
from keystall.graphql.refusals import Payload, UserError, attempted, error_codes
from keystall.graphql.relay import After, Connection, First, connection, decode_row, page_size
from keystall.graphql.scalars import URL
from keystall.graphql.schema import KeystallSchema
from keystall.tenants.shops import operating
from keystall.tenants.shops.operating import OperatedShop, ShopFilter

ShopId = Annotated[strawberry.ID, about("The shop.")]


@object_type
class Viewer:
    """The operator who asks."""

    email: str = described("The operator's email address.")
    locale: str = described("The language the operator chose.")


@object_type
class Shop(Node):
    """A shop of the installation."""

    name: str = described("The shop's name.")
    slug: str = described("The shop's short name, as in its address.")
    url: URL = described("The shop's own address.")
    status: ShopStatus = described("Whether it is selling.")
    view: strawberry.Private[OperatedShop]
    status_reason: str | None = takes("status_reason")(
        derived(
            lambda shop: shop.view.status_reason or None,
            "Why it was suspended or declined; null where neither happened.",
        )
    )
    owner_email: str = takes("owner_email")(
        derived(
            lambda shop: shop.view.owner_email or "",
            "The owner's email address; empty once they were erased.",
        )
    )
    order_count: int = takes("order_count")(described("How many orders were placed."))
    created_at: datetime = described("When it was opened.")
    reviewed_at: datetime | None = described(
        "When an operator first looked at it; null while it is new."
    )


@object_type
class ShopCounts:
    """The installation's shops counted."""

    waiting: int = described("How many wait to be approved.")
    unseen: int = described("How many no operator has looked at yet.")
    selling: int = described("How many are open.")


ShopErrorCode = error_codes(
    "ShopErrorCode", "a shop", "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "CONFLICT"
)


@object_type
class ShopUserError(UserError):
    """Why a request about a shop was refused."""

    family = ShopErrorCode
    code: Enum = described("The reason for programs.", graphql_type=ShopErrorCode)


@object_type
class ShopSuspendPayload(Payload[ShopUserError]):
    """The answer to shopSuspend."""

    shop: Shop | None = described("The shop as it is now; null where it was refused.")


@object_type
class ShopReviewPayload(Payload[ShopUserError]):
    """The answer to shopApprove, shopDecline and shopLook."""

    shop: Shop | None = described("The shop as it is now; null where it was refused.")


@object_type
class ShopResumePayload(Payload[ShopUserError]):
    """The answer to shopResume."""

    shop: Shop | None = described("The shop as it is now; null where it was refused.")


def _shop(context: RequestContext, found: OperatedShop) -> Shop:
    return Shop(
        id=encode("Shop", found.id),
        name=found.name,
        slug=found.slug,
        url=URL(context.installation.settings.shop_url(found.slug)),
        status=ShopStatus(found.status),
        view=found,
        order_count=found.order_count,
        created_at=found.created_at,
        reviewed_at=found.reviewed_at,
    )


async def _reviewed(context: RequestContext, call: Awaitable[OperatedShop]) -> ShopReviewPayload:
    shop, errors = await attempted(context, call, ShopUserError)
    return ShopReviewPayload(shop=_shop(context, shop) if shop else None, user_errors=errors)


async def _shops(context: RequestContext, rows: Sequence[UUID]) -> dict[UUID, OperatedShop]:
    person, without = access.operator_of(context), context.without("Shop")
    return await operating.operated_shops_by_id(context.reader, person, rows, without=without)


async def _by_id(context: RequestContext, wanted: strawberry.ID) -> Shop | None:
    found = await context.load(_shops, row_of("Shop", wanted))
    return None if found is None else _shop(context, found)


@object_type
class Query(WorkQuery, ForbiddenQuery, RecordQuery):
    """What an operator can read."""

    @resolver
    def viewer(self, info: Info) -> Viewer:
        """Who asks."""
        person = access.operator_of(info.context)
        return Viewer(email=person.email, locale=person.locale)

    @resolver
    async def shops(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        query: Annotated[
            str | None,
            about("Only those whose name or short name has this text."),
        ] = None,
        status: Annotated[ShopStatus | None, about("Only those in this state.")] = None,
        unreviewed: Annotated[
            bool | None, about("Only those no operator has looked at yet; false: the others.")
        ] = None,
    ) -> Connection[Shop]:
        """The installation's shops, newest first."""
        size = page_size(first)
        rows = await operating.operated_shops(
            info.context.reader,
            access.operator_of(info.context),
            ShopFilter(query=query, status=status.value if status else None, new=unreviewed),
            after=decode_row(after),
            limit=size + 1,
            without=info.needs.without(Shop),
        )
        return connection(
            rows,
            size,
            after=after,
            node=lambda shop: _shop(info.context, shop),
            key=lambda shop: (str(shop.id),),
        )

    @resolver
    async def shop(self, info: Info, id: ShopId) -> Shop | None:
        """One shop by its id."""
        return await _by_id(info.context, id)

    @resolver
    async def shop_counts(self, info: Info) -> ShopCounts:
        """How many shops wait, are new, and sell."""
        found = await operating.shop_counts(info.context.reader, access.operator_of(info.context))
        return ShopCounts(waiting=found.waiting, unseen=found.unseen, selling=found.selling)

    @resolver
    async def node(self, info: Info, id: Id) -> Node | None:
        """A shop by its id; null where there is none."""
        return await _by_id(info.context, id)

    @list_resolver(counted_by="ids")
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        """Several at once, in the order asked for, null where there is none; 100 at most."""
        return await asyncio.gather(*(_by_id(info.context, one) for one in checked_ids(ids)))


@object_type
class Mutation(WorkMutation, ForbiddenMutation, PersonMutation, MailMutation):
    """What an operator can do."""

    @resolver
    async def shop_suspend(
        self,
        info: Info,
        id: ShopId,
        reason: Annotated[str, about("Why, for the merchant to read.")],
    ) -> ShopSuspendPayload:
        """Suspends a shop: nothing can be bought there, and its pages say so."""
        call = operating.shop_suspend(
            info.context.installation,
            access.operator_of(info.context),
            row_of("Shop", id),
            reason=reason,
        )
        shop, errors = await attempted(info.context, call, ShopUserError)
        return ShopSuspendPayload(
            shop=_shop(info.context, shop) if shop else None, user_errors=errors
        )

    @resolver
    async def shop_approve(self, info: Info, id: ShopId) -> ShopReviewPayload:
        """Opens a shop that waits or was declined; its merchant is mailed."""
        person = access.operator_of(info.context)
        call = operating.shop_approve(info.context.installation, person, row_of("Shop", id))
        return await _reviewed(info.context, call)

    @resolver
    async def shop_decline(
        self,
        info: Info,
        id: ShopId,
        reason: Annotated[str, about("Why, for the merchant to read.")],
    ) -> ShopReviewPayload:
        """Says no to a shop that waits; its merchant is mailed the reason and may ask again."""
        person = access.operator_of(info.context)
        row = row_of("Shop", id)
        call = operating.shop_decline(info.context.installation, person, row, reason=reason)
        return await _reviewed(info.context, call)

    @resolver
    async def shop_look(self, info: Info, id: ShopId) -> ShopReviewPayload:
        """Notes that a new shop was looked at."""
        person = access.operator_of(info.context)
        call = operating.shop_look(info.context.installation, person, row_of("Shop", id))
        return await _reviewed(info.context, call)

    @resolver
    async def shop_resume(self, info: Info, id: ShopId) -> ShopResumePayload:
        """Lets a suspended shop go on."""
        call = operating.shop_resume(
            info.context.installation, access.operator_of(info.context), row_of("Shop", id)
        )
        shop, errors = await attempted(info.context, call, ShopUserError)
        return ShopResumePayload(
            shop=_shop(info.context, shop) if shop else None, user_errors=errors
        )


schema = recorded(KeystallSchema(Query, Mutation, suggestions=False), OPERATOR, kind="operator")
