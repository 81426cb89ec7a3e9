"""Who did what in the shop: the audit log as its owner and managers read it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
import strawberry

from keystall.graphql.admin.changed_values import POINTERS, ChangedLine, Row, label_of, lines
from keystall.graphql.context import Needs, RequestContext
from keystall.graphql.deeds import TYPES
from keystall.graphql.describing import described, enum_type, object_type, takes, value
from keystall.graphql.errors import bad_input
from keystall.graphql.ids import encode
from keystall.graphql.relay import Connection, connection, decode_cursor, page_size
from keystall.graphql.wording import known, worded
from keystall.tenants.audit import queries
from keystall.tenants.audit.queries import ChangeView, EntryFilter, EntryView


@enum_type
class ActivityKind(Enum):
    """What kind of thing a deed was about."""

    SHOP = value("shop", "The shop and its settings.")
    PRODUCT = value("product", "A product, its variants included.")
    VARIANT = value("variant", "A variant, its prices and its stock.")
    CATEGORY = value("category", "A shelf.")
    CODE = value("code", "Stocked codes: added, revealed, exported or deleted.")
    JOB = value("job", "Longer work.")
    ORDER = value("order", "An order, its refunds and reports included.")
    API_TOKEN = value("api_token", "A key that a program has to the shop.")
    WEBHOOK = value("webhook", "An address that is told of events.")
    PAYMENT_ACCOUNT = value("payment_account", "A way to be paid.")
    MAIL_TEXT = value("mail_text", "The words of a letter to buyers.")
    TRUSTED_DOCUMENT = value("trusted_document", "A document that the shop's API was told to know.")
    MEMBER = value("member", "Somebody who works for the shop.")
    INVITATION = value("invitation", "An invitation to work for the shop.")


@enum_type
class ActorKind(Enum):
    """What kind of somebody did it."""

    ACCOUNT = value("account", "A person, by their email address.")
    TOKEN = value("token", "A program, by the name of its API token.")
    OPERATOR = value("operator", "The operator of the installation.")
    SYSTEM = value("system", "Keystall by itself.")


@enum_type
class ChangeKind(Enum):
    """What happened to something."""

    CREATE = value("create", "It came about.")
    UPDATE = value("update", "It was changed.")
    DELETE = value("delete", "It was deleted.")


@object_type
class Actor:
    """Somebody who did something in the shop."""

    key: str = described("To hand to `activity(actor:)`.")
    kind: ActorKind = described("What kind of somebody.")
    name: str = described("Their name; empty for the operator and the system.")


@object_type
class ChangedField:
    """A value that was changed."""

    key: str = described("Which value, for programs.")
    name: str = described("Which value, for people, in the language of the request.")
    before: str | None = described(
        "What it was, as it is recorded (money in minor units), for programs; null for nothing."
    )
    after: str | None = described(
        "What it became, as it is recorded (money in minor units), for programs; null for nothing."
    )
    was: list[ChangedLine] = described("What it was, for people; empty for nothing.", assumed=1)
    became: list[ChangedLine] = described(
        "What it became, for people; empty for nothing.", assumed=1
    )


@object_type
class Change:
    """Something that a deed changed."""

    change: ChangeKind = described("What happened to it.")
    kind: str = described("What kind of thing it is, for programs.")
    label: str = described("What people call it; empty where it has no name.")
    fields: list[ChangedField] = described("The values that were changed.", assumed=3)


@object_type
class ActivityEntry:
    """A deed: who did what, when and from where, and what it changed; never anything secret."""

    at: datetime = described("When it was.")
    actor: Actor = described("Who did it.")
    operation: str = described("What was done, as the API calls it; `system` for what no one did.")
    message: str = described("What was done, for people, in the language of the request.")
    kind: ActivityKind = described("What kind of thing it was about.")
    object_id: strawberry.ID | None = takes("changes")(
        described("What it was about; null where it was no one thing.")
    )
    label: str = takes("changes")(
        described("What people call what it was about; empty where it has no name.")
    )
    address: str = described("The network address it came from; empty for the system.")
    user_agent: str = takes("user_agent")(
        described("The browser or program it came from, as that calls itself.")
    )
    changes: list[Change] = takes("changes")(described("What it changed, in order.", assumed=1))


async def activity(
    context: RequestContext,
    first: int | None,
    *,
    after: str | None,
    actor: str | None,
    kind: ActivityKind | None,
    needs: Needs,
) -> Connection[ActivityEntry]:
    """A page of the log, newest first; what deeds changed is read where something of it is asked
    for."""
    shop, size = context.require_shop().id, page_size(first)
    place, without = decode_cursor(after, int), needs.without(ActivityEntry)
    rows = await queries.audit_list(
        context.reader,
        shop,
        EntryFilter(actor=_actor_of(actor), object_kind=kind.value if kind else None),
        after=None if place is None else int(place[0]),
        limit=size + 1,
        without=without,
    )
    told = [] if "changes" in without else [row.id for row in rows]
    changes = await queries.changes_of(context.reader, shop, told)
    names = await queries.names_of(context.reader, shop, _pointed_at(changes.values()))
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: _entry(row, changes.get(row.id, []), names, context.locale),
        key=lambda row: (row.position,),
    )


async def activity_actors(context: RequestContext) -> list[Actor]:
    """Who did the latest thousand deeds of the shop."""
    found = await queries.actors(context.reader, context.require_shop().id)
    return [_actor(one.kind, one.id, one.name) for one in found]


def _actor_of(key: str | None) -> tuple[str, UUID | None] | None:
    """From the key of an `Actor`. Raises ApiError for what is none."""
    if not key:
        return None
    kind, _, row = key.partition(":")
    try:
        return ActorKind(kind).value, UUID(row) if row else None
    except ValueError:
        raise bad_input("`actor` is no key of an actor.") from None


def _actor(kind: str, row: UUID | None, name: str) -> Actor:
    # All operators are one: which of them it was is the installation's own affair.
    shown = row if kind in ("account", "token") else None
    return Actor(key=f"{kind}:{shown}" if shown else kind, kind=ActorKind(kind), name=name)


def _pointed_at(changes: Iterable[list[ChangeView]]) -> list[UUID]:
    """The ids that recorded values say, of things with names."""
    told = (side for views in changes for one in views for side in (one.before, one.after))
    return [UUID(found) for side in told for column in POINTERS if (found := side.get(column))]


def _entry(
    row: EntryView, changes: list[ChangeView], names: Mapping[str, str], locale: str
) -> ActivityEntry:
    # What a deed made was not there to be named before it.
    made = [one.object_id for one in changes if one.kind == row.object_kind]
    about = row.object_id or next(iter(made), None)
    own = [label_of(one, locale) for one in changes if one.object_id == about and one.label]
    node = TYPES.get(row.object_kind)
    return ActivityEntry(
        at=row.at,
        actor=_actor(row.actor_kind, row.actor_id, row.actor_name),
        operation=row.operation,
        message=_worded("deed", row.operation, locale),
        kind=ActivityKind(row.object_kind),
        object_id=encode(node, about) if node and about else None,
        label=own[0] if own else "",
        address=row.address,
        user_agent=row.user_agent,
        changes=[_change(one, names, locale) for one in changes],
    )


def _change(view: ChangeView, names: Mapping[str, str], locale: str) -> Change:
    keys = [*view.before, *(key for key in view.after if key not in view.before)]
    was = Row(view, view.before, names, locale)
    became = Row(view, view.after, names, locale)
    return Change(
        change=ChangeKind(view.change),
        kind=view.kind,
        label=label_of(view, locale),
        fields=[
            ChangedField(
                key=key,
                name=_worded("field", key, locale),
                before=_recorded(view.before.get(key)),
                after=_recorded(view.after.get(key)),
                was=lines(was, key),
                became=lines(became, key),
            )
            for key in keys
        ],
    )


def _worded(family: str, key: str, locale: str) -> str:
    return worded(f"{family}.{key}", locale) if known(f"{family}.{key}") else key


def _recorded(found: Any) -> str | None:
    return found if found is None or isinstance(found, str) else orjson.dumps(found).decode()
