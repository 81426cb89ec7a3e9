"""Reading webhooks and their log. Ids in, mappings out: lists cost one statement."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, columns, named


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook. `hint`: how its newest secret ends; `overlap_until`: until when the one before
    signs, too; `token`: the name of the API token that it ends with. Lists may leave what has a
    default UNREAD."""

    id: UUID
    url: str
    events: list[str]
    created_at: datetime
    updated_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    document: str = UNREAD
    hint: str = UNREAD
    overlap_until: datetime | None = UNREAD
    token: str | None = UNREAD

    @property
    def host(self) -> str:
        """Where it goes, for people."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One event for one webhook. `next_at`: when it is tried next, where it was tried before."""

    id: UUID
    webhook_id: UUID
    event: str
    subject_id: UUID
    happened_at: datetime
    test: bool
    state: str
    attempts: int
    next_at: datetime | None
    finished_at: datetime | None
    problem: str


@dataclass(frozen=True, slots=True)
class TryView:
    """One try at a delivery; see `models.WebhookTry`. Lists may leave the `response` UNREAD."""

    id: UUID
    delivery_id: UUID
    at: datetime
    milliseconds: int
    status: int | None
    problem: str
    response: str = UNREAD


_WEBHOOK: Mapping[str, str] = {
    **{one.name: f"webhooks.{one.name}" for one in fields(WebhookView)},
    "hint": "coalesce((select hint from webhook_secrets where webhook_secrets.shop_id = $1"
    " and webhook_id = webhooks.id and expires_at is null), '')",
    "overlap_until": "(select max(expires_at) from webhook_secrets"
    " where webhook_secrets.shop_id = $1 and webhook_id = webhooks.id and expires_at > $2)",
    "token": "(select name from api_tokens where api_tokens.shop_id = $1"
    " and api_tokens.id = token_id)",
}
_DELIVERY = columns(DeliveryView)


def _webhooks(without: frozenset[str]) -> str:
    return (
        f"select {named(_WEBHOOK, without)} from webhooks"  # noqa: S608  (constants)
        " where webhooks.shop_id = $1 and $2::timestamptz is not null"
    )


async def webhooks_of(
    db: Reads, shop: UUID, *, without: frozenset[str] = NOTHING
) -> list[WebhookView]:
    """The shop's webhooks, newest first."""
    rows = await db.rows(f"{_webhooks(without)} order by webhooks.id desc", shop, clock.now())
    return [WebhookView(**row) for row in rows]


async def webhooks_by_id(
    db: Reads, shop: UUID, webhooks: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, WebhookView]:
    """Webhooks of this shop by id; ids it has not are left out."""
    rows = await db.rows(
        f"{_webhooks(without)} and webhooks.id = any ($3::uuid[])", shop, clock.now(), webhooks
    )
    return {row["id"]: WebhookView(**row) for row in rows}


async def deliveries_page(
    db: Reads, shop: UUID, webhook: UUID, *, state: str | None, after: UUID | None, limit: int
) -> list[DeliveryView]:
    """A webhook's deliveries, newest first."""
    rows = await db.rows(
        f"""
        select {_DELIVERY} from webhook_deliveries
        where shop_id = $1 and webhook_id = $2 and ($3::uuid is null or id < $3)
          and ($4::text is null or state = $4)
        order by id desc limit $5
        """,  # noqa: S608  (constants)
        shop, webhook, after, state, limit,
    )  # fmt: skip
    return [DeliveryView(**row) for row in rows]


async def deliveries_by_id(
    db: Reads, shop: UUID, deliveries: Sequence[UUID]
) -> dict[UUID, DeliveryView]:
    """Deliveries of this shop by id; ids it has not are left out."""
    rows = await db.rows(
        f"select {_DELIVERY} from webhook_deliveries"  # noqa: S608  (constants)
        " where shop_id = $1 and id = any ($2::uuid[])",
        shop, deliveries,
    )  # fmt: skip
    return {row["id"]: DeliveryView(**row) for row in rows}


async def bodies_of_deliveries(
    db: Reads, shop: UUID, deliveries: Sequence[UUID]
) -> dict[UUID, str]:
    """What was sent, or is to be; nothing where it was not rendered yet."""
    rows = await db.rows(
        "select id, body from webhook_deliveries"
        " where shop_id = $1 and id = any ($2::uuid[]) and body <> ''",
        shop, deliveries,
    )  # fmt: skip
    return {row["id"]: row["body"] for row in rows}


async def tries_of_deliveries(
    db: Reads, shop: UUID, deliveries: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, list[TryView]]:
    """The tries at each delivery, oldest first."""
    rows = await db.rows(
        f"select {columns(TryView, without)} from webhook_tries"  # noqa: S608  (constants)
        " where shop_id = $1 and delivery_id = any ($2::uuid[]) order by delivery_id, id",
        shop, deliveries,
    )  # fmt: skip
    found: defaultdict[UUID, list[TryView]] = defaultdict(list)
    for row in rows:
        found[row["delivery_id"]].append(TryView(**row))
    return found
