"""Reading reports of bad codes. Ids in, mappings out: lists cost one statement."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.code_reports.states import ReportReason, ReportState
from keystall.tenants.columns import NOTHING, UNREAD, columns


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report of one code of an order; `note` is the buyer's, `answer` the merchant's,
    which lists may leave UNREAD."""

    id: UUID
    order_id: UUID
    order_line_id: UUID
    code_id: UUID
    reason: ReportReason
    state: ReportState
    created_at: datetime
    answered_at: datetime | None
    note: str = UNREAD
    answer: str = UNREAD


async def reports_of_orders(
    db: Reads, shop: UUID, orders: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, list[ReportView]]:
    """The reports of each order, oldest first."""
    rows = await db.rows(
        f"select {columns(ReportView, without)} from code_reports"  # noqa: S608
        " where shop_id = $1 and order_id = any($2::uuid[]) order by order_id, id",
        shop, orders,
    )  # fmt: skip
    found: defaultdict[UUID, list[ReportView]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(ReportView(**row))
    return found


async def reports_by_id(
    db: Reads, shop: UUID, reports: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, ReportView]:
    """Reports of this shop by id; ids it has not are left out."""
    rows = await db.rows(
        f"select {columns(ReportView, without)} from code_reports"  # noqa: S608
        " where shop_id = $1 and id = any($2::uuid[])",
        shop, reports,
    )  # fmt: skip
    return {row["id"]: ReportView(**row) for row in rows}


async def reports_page(
    db: Reads,
    shop: UUID,
    *,
    state: str | None,
    after: UUID | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[ReportView]:
    """Reports, newest first."""
    rows = await db.rows(
        f"""
        select {columns(ReportView, without)} from code_reports
        where shop_id = $1 and ($2::uuid is null or id < $2) and ($3::text is null or state = $3)
        order by id desc limit $4
        """,  # noqa: S608  (constants)
        shop, after, state, limit,
    )  # fmt: skip
    return [ReportView(**row) for row in rows]


async def count_open_reports(db: Reads, shop: UUID) -> int:
    """How many reports wait for an answer."""
    count: int = await db.value(
        "select count(*) from code_reports where shop_id = $1 and state = 'open'", shop
    )
    return count
