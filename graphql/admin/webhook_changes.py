"""Webhooks, changed and replayed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.families import WebhookUserError
from keystall.graphql.admin.webhook_events import WebhookEvent
from keystall.graphql.admin.webhooks import Webhook, WebhookDelivery, delivery_of, webhook_of
from keystall.graphql.context import Info, Program, RequestContext
from keystall.graphql.describing import about, described, input_type, object_type, resolver
from keystall.graphql.ids import row_of
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.webhook_documents import told_by
from keystall.platform.throttle import allow
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.keeping import KEEP
from keystall.tenants.webhooks import service
from keystall.tenants.webhooks.service import WebhookChanges

_TESTS, _WINDOW = 20, 600
"""Test deliveries of one shop in so many seconds."""

WebhookId = Annotated[strawberry.ID, about("Which webhook, by its opaque id.")]


@input_type
class WebhookInput:
    """A new webhook."""

    url: str = described(
        "Where deliveries are posted: https, on the public internet, on port 443 or 8443."
    )
    events: list[WebhookEvent] = described(
        "What it is to be told of. All of them must name the same kind of thing."
    )
    document: str = described(
        "The query that is the payload, of this schema, with `$id: ID!` as its variable. It may"
        " read products, orders and what belongs to them, and nothing that shows codes. 10,000"
        " characters at most."
    )


@input_type
class WebhookUpdateInput:
    """What is to be changed of a webhook; what is left out stays."""

    url: str | None = described("Another address.", default=None)
    events: list[WebhookEvent] | None = described("Other events, in place of all.", default=None)
    document: str | None = described("Another document.", default=None)
    enabled: bool | None = described(
        "Whether it is told anything. What happens while it is off is never told.", default=None
    )


@object_type
class WebhookCreatePayload(Payload[WebhookUserError]):
    """The answer to webhookCreate."""

    webhook: Webhook | None = described("The new webhook; null where it was refused.")
    secret: str | None = described(
        "The secret that signs its deliveries, `whsec_…`, shown this once; null where it was"
        " refused."
    )


@object_type
class WebhookUpdatePayload(Payload[WebhookUserError]):
    """The answer to webhookUpdate."""

    webhook: Webhook | None = described("The webhook; null where it was refused.")


@object_type
class WebhookDeletePayload(Payload[WebhookUserError]):
    """The answer to webhookDelete."""

    deleted_id: strawberry.ID | None = described("The id that is gone; null where it was refused.")


@object_type
class WebhookSecretRotatePayload(Payload[WebhookUserError]):
    """The answer to webhookSecretRotate."""

    webhook: Webhook | None = described("The webhook; null where it was refused.")
    secret: str | None = described("The new secret, shown this once; null where it was refused.")


@object_type
class WebhookTestPayload(Payload[WebhookUserError]):
    """The answer to webhookTest."""

    delivery: WebhookDelivery | None = described(
        "The delivery, which is on its way; null where it was refused."
    )


@object_type
class WebhookReplayPayload(Payload[WebhookUserError]):
    """The answer to webhookReplay."""

    count: int = described("How many are sent again; 0 where it was refused.")


@object_type
class WebhookDeliveryReplayPayload(Payload[WebhookUserError]):
    """The answer to webhookDeliveryReplay."""

    delivery: WebhookDelivery | None = described("The delivery; null where it was refused.")


@object_type
class WebhookMutation:
    """What a merchant does with webhooks."""

    @resolver
    async def webhook_create(
        self, info: Info, input: Annotated[WebhookInput, about("The webhook.")]
    ) -> WebhookCreatePayload:
        """Has the shop's events told to an address. The document is validated, costed and kept."""
        made, errors = await attempted(
            info.context, _create(info.context, input), WebhookUserError, under=("input",)
        )
        row, secret = made or (None, None)
        return WebhookCreatePayload(
            webhook=await webhook_of(info.context, row) if row else None,
            secret=secret,
            user_errors=errors,
        )

    @resolver
    async def webhook_update(
        self,
        info: Info,
        id: WebhookId,
        input: Annotated[WebhookUpdateInput, about("What is to be changed.")],
    ) -> WebhookUpdatePayload:
        """Changes a webhook, or switches it off or on."""
        row = row_of("Webhook", id)
        _, errors = await attempted(
            info.context, _update(info.context, row, input), WebhookUserError, under=("input",)
        )
        return WebhookUpdatePayload(
            webhook=None if errors else await webhook_of(info.context, row), user_errors=errors
        )

    @resolver
    async def webhook_delete(self, info: Info, id: WebhookId) -> WebhookDeletePayload:
        """Deletes a webhook with its secrets and its log."""
        context = info.context
        call = service.webhook_delete(
            context.installation, context.require_shop().id, row_of("Webhook", id)
        )
        _, errors = await attempted(context, call, WebhookUserError)
        return WebhookDeletePayload(deleted_id=None if errors else id, user_errors=errors)

    @resolver
    async def webhook_secret_rotate(self, info: Info, id: WebhookId) -> WebhookSecretRotatePayload:
        """Makes a new secret. For a day deliveries are signed with the one before, too, so that a
        receiver misses none while it changes over."""
        context, row = info.context, row_of("Webhook", id)
        call = service.webhook_secret_rotate(
            context.installation, context.require_shop().id, row, token=_token(context)
        )
        secret, errors = await attempted(context, call, WebhookUserError)
        return WebhookSecretRotatePayload(
            webhook=await webhook_of(context, row) if secret else None,
            secret=secret,
            user_errors=errors,
        )

    @resolver
    async def webhook_test(
        self,
        info: Info,
        id: WebhookId,
        event: Annotated[
            WebhookEvent | None, about("One of its events; without it the first of them.")
        ] = None,
    ) -> WebhookTestPayload:
        """Sends a delivery marked as a test, about the newest thing of its kind, once."""
        row, errors = await attempted(
            info.context, _test(info.context, id, event), WebhookUserError
        )
        return WebhookTestPayload(
            delivery=await delivery_of(info.context, row) if row else None, user_errors=errors
        )

    @resolver
    async def webhook_replay(
        self,
        info: Info,
        id: WebhookId,
        since: Annotated[datetime | None, about("From when on; without it, all that is kept.")] = (
            None
        ),
        until: Annotated[datetime | None, about("Before when; without it, until now.")] = None,
        failed_only: Annotated[bool, about("False: also what had arrived.")] = True,
    ) -> WebhookReplayPayload:
        """Sends again what happened in a range of time: the same bodies under the same ids, the
        oldest thousand. What still waits is left out."""
        context = info.context
        call = service.deliveries_replay(
            context.installation,
            context.require_shop().id,
            row_of("Webhook", id),
            since=since,
            until=until,
            failed_only=failed_only,
        )
        count, errors = await attempted(context, call, WebhookUserError)
        return WebhookReplayPayload(count=count or 0, user_errors=errors)

    @resolver
    async def webhook_delivery_replay(
        self, info: Info, id: Annotated[strawberry.ID, about("The delivery.")]
    ) -> WebhookDeliveryReplayPayload:
        """Sends a delivery that is over again, the same body under the same id."""
        context, row = info.context, row_of("WebhookDelivery", id)
        call = service.delivery_replay(context.installation, context.require_shop().id, row)
        _, errors = await attempted(context, call, WebhookUserError)
        return WebhookDeliveryReplayPayload(
            delivery=None if errors else await delivery_of(context, row), user_errors=errors
        )


async def _create(context: RequestContext, asked: WebhookInput) -> tuple[UUID, str]:
    url, events = asked.url.strip(), _events(asked.events)
    try:
        told = told_by(context, asked.document)
    except Refused as refused:
        # All that is wrong is told at once.
        found = service.place_errors(context.installation, url, events)
        raise Refused(*found, *refused.errors) from refused
    return await service.webhook_create(
        context.installation,
        context.require_shop().id,
        url=url,
        events=events,
        told=told,
        token=_token(context),
    )


async def _update(context: RequestContext, row: UUID, asked: WebhookUpdateInput) -> None:
    changes = WebhookChanges(
        token=_token(context),
        url=KEEP if asked.url is None else asked.url.strip(),
        events=KEEP if asked.events is None else _events(asked.events),
        told=(KEEP if asked.document is None else told_by(context, asked.document)),
        enabled=KEEP if asked.enabled is None else asked.enabled,
    )
    try:
        await service.webhook_update(context.installation, context.require_shop().id, row, changes)
    except Refused as refused:
        # The id stands beside the input.
        raise Refused(*(_missing(error) for error in refused.errors)) from refused


def _missing(error: UserError) -> UserError:
    return UserError(error.code) if error.code == "NOT_FOUND" else error


async def _test(context: RequestContext, id: str, event: WebhookEvent | None) -> UUID:
    shop = context.require_shop().id
    if not await allow(context.installation.queue, f"webhook-test:{shop}", _TESTS, _WINDOW):
        raise refuse("THROTTLED")
    return await service.webhook_test(
        context.installation, shop, row_of("Webhook", id), event.value if event else None
    )


def _events(asked: Sequence[WebhookEvent]) -> list[str]:
    return [event.value for event in asked]


def _token(context: RequestContext) -> UUID | None:
    return context.viewer.token_id if isinstance(context.viewer, Program) else None
