"""Making, changing and ending webhooks, and having deliveries sent again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.keeping import KEEP, Keep
from keystall.tenants.staff.roles import WEBHOOK, Permission
from keystall.tenants.texts import text_errors
from keystall.tenants.webhooks.address import url_errors
from keystall.tenants.webhooks.events import EVENTS, NEWEST, subject_of, subjects_of
from keystall.tenants.webhooks.secrets import secret_make
from keystall.tenants.webhooks.topics import announce_delivery, webhook_topic
from keystall.tenants.writing import Writing, writing

MAX_WEBHOOKS = 20
MAX_DOCUMENT = 10_000
MAX_REPLAYED = 1000
"""Deliveries that one call replays: the oldest of those asked for."""
SEND = "webhook.send"
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Told:
    """What a webhook tells: a document that the gateway has found valid, and what it takes to
    render it."""

    document: str
    permissions: frozenset[Permission]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanges:
    """What is to be changed. `token`: the program that asks for it; None for a person."""

    token: UUID | None
    url: str | Keep = KEEP
    events: Sequence[str] | Keep = KEEP
    told: Told | Keep = KEEP
    enabled: bool | Keep = KEEP


async def webhook_create(
    installation: Installation,
    shop: UUID,
    *,
    url: str,
    events: Sequence[str],
    told: Told,
    token: UUID | None = None,
) -> tuple[UUID, str]:
    """A new webhook and its secret, which nobody can show again.

    Refuses REQUIRED, TOO_LONG, INVALID; WEBHOOK_ADDRESS; EVENTS_MIXED where events name things of
    different kinds; DOCUMENT_NOT_ALLOWED; LIMIT_REACHED.
    """
    changes = WebhookChanges(url=url, events=events, told=told, token=token)
    _check(installation, changes)
    row = new_id()
    async with writing(installation, shop) as tx:
        await tx.execute("select from shops where id = $1 for no key update", shop)
        count = await tx.value("select count(*) from webhooks where shop_id = $1", shop)
        if count >= MAX_WEBHOOKS:
            raise refuse("LIMIT_REACHED", limit=MAX_WEBHOOKS)
        await tx.execute(
            "insert into webhooks (shop_id, id, url, events, document, permissions, token_id)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            shop, row, url, _each_once(events), told.document, sorted(told.permissions), token,
        )  # fmt: skip
        return row, await secret_make(tx, installation.keys, shop, row)


async def webhook_update(
    installation: Installation, shop: UUID, webhook: UUID, changes: WebhookChanges
) -> None:
    """Changes what was given. Enabled anew, it begins with a clean sheet; what happened while it
    was disabled is not told.

    Refuses what `webhook_create` refuses; NOT_FOUND.
    """
    _check(installation, changes)
    async with writing(installation, shop) as tx:
        await _locked(tx, shop, webhook)
        told = changes.told
        await tx.execute(
            """
            update webhooks set url = coalesce($3, url), events = coalesce($4, events),
              document = coalesce($5, document), permissions = coalesce($6, permissions),
              token_id = $7, updated_at = $8
            where shop_id = $1 and id = $2
            """,
            shop, webhook,
            None if changes.url is KEEP else changes.url,
            None if isinstance(changes.events, Keep) else _each_once(changes.events),
            None if isinstance(told, Keep) else told.document,
            None if isinstance(told, Keep) else sorted(told.permissions),
            changes.token, clock.now(),
        )  # fmt: skip
        if changes.enabled is True:
            await tx.execute(
                "update webhooks set disabled_at = null, disabled_reason = null,"
                " failing_since = null where shop_id = $1 and id = $2",
                shop, webhook,
            )  # fmt: skip
        elif changes.enabled is False:
            await disable(tx, shop, webhook, "merchant")


async def webhook_delete(installation: Installation, shop: UUID, webhook: UUID) -> None:
    """Ends a webhook, its secrets and its log. Refuses NOT_FOUND."""
    async with writing(installation, shop) as tx:
        if not await tx.execute(
            "delete from webhooks where shop_id = $1 and id = $2", shop, webhook
        ):
            raise refuse("NOT_FOUND", "id")


async def webhook_secret_rotate(
    installation: Installation, shop: UUID, webhook: UUID, *, token: UUID | None = None
) -> str:
    """A new secret, shown once; the one before signs beside it for a day. Refuses NOT_FOUND."""
    async with writing(installation, shop) as tx:
        await _locked(tx, shop, webhook)
        # Who knows the secret could have been the one to make it.
        await tx.execute(
            "update webhooks set token_id = $3 where shop_id = $1 and id = $2", shop, webhook, token
        )
        return await secret_make(tx, installation.keys, shop, webhook)


async def webhook_test(
    installation: Installation, shop: UUID, webhook: UUID, event: str | None = None
) -> UUID:
    """Sends a delivery about the newest thing of its kind, marked as a test, once; answers its id.

    `event` None: the webhook's first. It is sent to a disabled webhook, too. Refuses NOT_FOUND;
    INVALID for an event that the webhook is not told of.
    """
    async with writing(installation, shop) as tx:
        events = await _locked(tx, shop, webhook)
        event = event or events[0]
        if event not in events:
            raise refuse("INVALID", "event")
        table = NEWEST[subject_of(event)]
        newest = await tx.value(
            f"select id from {table} where shop_id = $1 order by id desc limit 1",  # noqa: S608
            shop,
        )
        row = new_id()
        await tx.execute(
            "insert into webhook_deliveries (shop_id, id, webhook_id, event, subject_id, test)"
            " values ($1, $2, $3, $4, $5, true)",
            shop, row, webhook, event, newest or _NOBODY,
        )  # fmt: skip
        await tx.post(SEND, row)
        tx.announce(webhook_topic(webhook))
        return row


async def delivery_replay(installation: Installation, shop: UUID, delivery: UUID) -> None:
    """Has a delivery that is over sent again, as it was, under its old id. Refuses NOT_FOUND, and
    CONFLICT for one that still waits."""
    async with writing(installation, shop) as tx:
        found = await tx.row(
            "select webhook_id, state from webhook_deliveries"
            " where shop_id = $1 and id = $2 for update",
            shop, delivery,
        )  # fmt: skip
        if found is None:
            raise refuse("NOT_FOUND", "id")
        if found["state"] == "pending":
            raise refuse("CONFLICT", "id")
        await _replay(tx, shop, [delivery])
        announce_delivery(tx, found["webhook_id"], delivery)


async def deliveries_replay(
    installation: Installation,
    shop: UUID,
    webhook: UUID,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    failed_only: bool = True,
) -> int:
    """Has what happened from `since` until before `until` (None: no bound) sent again, MAX_REPLAYED
    at most, the oldest first; answers how many. Tests are left out, and what still waits. Refuses
    NOT_FOUND."""
    async with writing(installation, shop) as tx:
        await _locked(tx, shop, webhook)
        rows = await tx.rows(
            """
            select id from webhook_deliveries
            where shop_id = $1 and webhook_id = $2
              and happened_at >= coalesce($3, '-infinity'::timestamptz)
              and happened_at < coalesce($4, 'infinity'::timestamptz) and not test
              and (state = 'failed' or state = 'delivered' and not $5)
            order by id limit $6 for update
            """,
            shop, webhook, since, until, failed_only, MAX_REPLAYED,
        )  # fmt: skip
        await _replay(tx, shop, [row["id"] for row in rows])
        tx.announce(webhook_topic(webhook))
        return len(rows)


async def disable(tx: Writing, shop: UUID, webhook: UUID, reason: str) -> bool:
    """Ends the telling of a webhook; answers whether it was not ended before."""
    return bool(
        await tx.execute(
            "update webhooks set disabled_at = $3, disabled_reason = $4"
            " where shop_id = $1 and id = $2 and disabled_at is null",
            shop, webhook, clock.now(), reason,
        )
    )  # fmt: skip


async def _replay(tx: Writing, shop: UUID, deliveries: Sequence[UUID]) -> None:
    await tx.execute(
        "update webhook_deliveries set state = 'pending', attempts = 0, next_at = null,"
        " finished_at = null, problem = '' where shop_id = $1 and id = any ($2::uuid[])",
        shop, deliveries,
    )  # fmt: skip
    await tx.post_now(SEND, deliveries)


async def _locked(tx: Writing, shop: UUID, webhook: UUID) -> Sequence[str]:
    """The events of a webhook, its row locked. Refuses NOT_FOUND."""
    events: Sequence[str] | None = await tx.value(
        "select events from webhooks where shop_id = $1 and id = $2 for update", shop, webhook
    )
    if events is None:
        raise refuse("NOT_FOUND", "id")
    return events


def place_errors(installation: Installation, url: str, events: Sequence[str]) -> list[UserError]:
    """What stands against telling these events to this address: see `webhook_create`."""
    inside = installation.settings.webhook_inside
    return [*url_errors(url, inside=inside), *_event_errors(events)]


def _check(installation: Installation, changes: WebhookChanges) -> None:
    errors: list[UserError] = []
    if not isinstance(changes.url, Keep):
        errors += url_errors(changes.url, inside=installation.settings.webhook_inside)
    if not isinstance(changes.events, Keep):
        errors += _event_errors(changes.events)
    if not isinstance(changes.told, Keep):
        errors += text_errors(
            changes.told.document, "document", limit=MAX_DOCUMENT, required=True, lines=True
        )
        if not changes.told.permissions <= WEBHOOK:
            errors.append(UserError("DOCUMENT_NOT_ALLOWED", ("document",)))
    if errors:
        raise Refused(*errors)


def _event_errors(events: Sequence[str]) -> list[UserError]:
    if not events:
        return [UserError("REQUIRED", ("events",))]
    if not set(events) <= set(EVENTS):
        return [UserError("INVALID", ("events",))]
    if len(subjects_of(events)) > 1:
        return [UserError("EVENTS_MIXED", ("events",))]
    return []


def _each_once(events: Sequence[str]) -> list[str]:
    return [event for event in EVENTS if event in set(events)]
