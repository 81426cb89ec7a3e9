"""Reading webhooks and their log. Ids in, mappings out: lists cost one statement."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from keystall.platform import clock
from keystall.platform.database import Reads


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook. `hint`: how its newest secret ends; `overlap_until`: until when the one before
    signs, too; `token`: the name of the API token that it ends with."""

    id: UUID
    url: str
    events: list[str]
    document: str
    created_at: datetime
    updated_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    hint: str
    overlap_until: datetime | None
    token: str | None

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
    """One try at a delivery; see `models.WebhookTry`."""

    id: UUID
    delivery_id: UUID
    at: datetime
    milliseconds: int
    status: int | None
    response: str
    problem: str


_WEBHOOK = """
  select webhooks.id, url, events, document, webhooks.created_at, updated_at, failing_since,
         disabled_at, disabled_reason,
         coalesce((select hint from webhook_secrets where webhook_secrets.shop_id = $1
                   and webhook_id = webhooks.id and expires_at is null), '') as hint,
         (select max(expires_at) from webhook_secrets where webhook_secrets.shop_id = $1
          and webhook_id = webhooks.id and expires_at > $2) as overlap_until,
         (select name from api_tokens where api_tokens.shop_id = $1
          and api_tokens.id = token_id) as token
  from webhooks where webhooks.shop_id = $1"""
_DELIVERY = ", ".join(DeliveryView.__slots__)
_TRY = ", ".join(TryView.__slots__)


async def webhooks_of(db: Reads, shop: UUID) -> list[WebhookView]:
    """The shop's webhooks, newest first."""
    rows = await db.rows(f"{_WEBHOOK} order by webhooks.id desc", shop, clock.now())
    return [WebhookView(**row) for row in rows]


async def webhooks_by_id(
    db: Reads, shop: UUID, webhooks: Sequence[UUID]
) -> dict[UUID, WebhookView]:
    """Webhooks of this shop by id; ids it has not are left out."""
    rows = await db.rows(
        f"{_WEBHOOK} and webhooks.id = any ($3::uuid[])", shop, clock.now(), webhooks
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
    db: Reads, shop: UUID, deliveries: Sequence[UUID]
) -> dict[UUID, list[TryView]]:
    """The tries at each delivery, oldest first."""
    rows = await db.rows(
        f"select {_TRY} from webhook_tries"  # noqa: S608  (constants)
        " where shop_id = $1 and delivery_id = any ($2::uuid[]) order by delivery_id, id",
        shop, deliveries,
    )  # fmt: skip
    found: defaultdict[UUID, list[TryView]] = defaultdict(list)
    for row in rows:
        found[row["delivery_id"]].append(TryView(**row))
    return found
