"""Batches: which set of codes came when, from whom, and taking one back whole."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, named
from keystall.tenants.errors import refuse
from keystall.tenants.idempotency.keys import done_before, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.stock.packs import alone_with_packs
from keystall.tenants.writing import writing


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch. `added` codes came with it, and its import goes on while `working`; `cost` of the
    whole, minor units of `currency`. Lists may leave what has a default UNREAD."""

    id: UUID
    variant_id: UUID
    source: str
    cost: int | None
    currency: str
    expires_at: datetime | None
    created_at: datetime
    undone_at: datetime | None
    supplier: str = UNREAD
    note: str = UNREAD
    added: int = UNREAD
    working: bool = UNREAD


_COLUMNS: Mapping[str, str] = {
    **{one.name: f"batches.{one.name}" for one in fields(BatchView)},
    "added": "coalesce((jobs.result ->> 'added')::bigint, 0)",
    "working": "coalesce(jobs.state in ('queued', 'running'), false)",
}


def _select(without: frozenset[str]) -> str:
    # PostgreSQL looks no job up where nothing of it is selected.
    return (
        f"select {named(_COLUMNS, without)} from batches"  # noqa: S608  (constants)
        " left join jobs on jobs.shop_id = $1 and jobs.id = batches.id where batches.shop_id = $1"
    )


async def batches_pages(
    db: Reads,
    shop: UUID,
    variants: Sequence[UUID],
    *,
    after: UUID | None = None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> dict[UUID, list[BatchView]]:
    """Of each variant up to `limit` batches, newest first, those after the batch `after`; a variant
    without any is missing."""
    rows = await db.rows(
        "select page.* from unnest($2::uuid[]) as wanted (variant_id) cross join lateral ("  # noqa: S608
        f"{_select(without)} and batches.variant_id = wanted.variant_id"
        " and ($3::uuid is null or batches.id < $3) order by batches.id desc limit $4) page"
        " order by page.variant_id, page.id desc",
        shop, list(variants), after, limit,
    )  # fmt: skip
    pages: defaultdict[UUID, list[BatchView]] = defaultdict(list)
    for row in rows:
        pages[row["variant_id"]].append(BatchView(**row))
    return dict(pages)


async def batches_by_id(
    db: Reads, shop: UUID, ids: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, BatchView]:
    """Those of the batches that the shop has, by id."""
    rows = await db.rows(f"{_select(without)} and batches.id = any ($2::uuid[])", shop, list(ids))
    return {row["id"]: BatchView(**row) for row in rows}


async def batch_undo(
    installation: Installation,
    shop: UUID,
    batch: UUID,
    *,
    actor: str,
    idempotency_key: str | None = None,
) -> int:
    """Takes a batch's codes out of stock, all of them or none; answers how many they were, also
    where that was done under the same key.

    Refuses NOT_FOUND, BATCH_UNDONE, CONFLICT (its import goes on), BATCH_SOLD (one of its codes is
    sold or held for an order).
    """
    async with writing(installation, shop) as tx:
        if await done_before(
            tx, shop, "batch.undo", idempotency_key, print_=fingerprint(batch), object_id=batch
        ):
            removed: int = await tx.value(
                "select undone_codes from batches where shop_id = $1 and id = $2", shop, batch
            )
            return removed
        # The job first, as its import does: the codes that one adds ask for their batch after it.
        working = await tx.value(
            "select state in ('queued', 'running') from jobs"
            " where shop_id = $1 and id = $2 for update",
            shop, batch,
        )  # fmt: skip
        found = await tx.row(
            # Not FOR UPDATE: an order that opens one of its packs need not wait with rows in hand.
            "select variant_id, undone_at from batches where shop_id = $1 and id = $2"
            " for no key update",
            shop, batch,
        )  # fmt: skip
        if found is None:
            raise refuse("NOT_FOUND", "id")
        if found["undone_at"] is not None:
            raise refuse("BATCH_UNDONE", "id")
        if working:
            raise refuse("CONFLICT", "id")
        which = (shop, found["variant_id"], batch)
        if await tx.value(_LEFT.format("and state <> 'available'"), *which):
            raise refuse("BATCH_SOLD", "id")
        # An order that holds one of them is waited for, while packs are anybody's.
        gone = await tx.execute(_ROWS_GONE, *which)
        await alone_with_packs(tx, shop, [found["variant_id"]])
        packed: int = await tx.value(_PACKS_GONE, *which)
        # A pack that was just being opened is rows by now, passed over where an order holds them.
        gone += packed + await tx.execute(_OTHER_ROWS_GONE, *which)
        if await tx.value(_LEFT.format(""), *which):
            raise refuse("BATCH_SOLD", "id")
        await tx.execute(
            "update batches set undone_at = now(), undone_by = $3,"
            " undone_codes = $4 where shop_id = $1 and id = $2",
            shop, batch, actor, gone,
        )  # fmt: skip
        await tx.execute(
            "delete from import_rejects where shop_id = $1 and job_id = $2", shop, batch
        )
    return gone


_OF_BATCH = "shop_id = $1 and variant_id = $2 and batch_id = $3"
_LEFT = f"select exists (select from codes where {_OF_BATCH} {{}})"  # noqa: S608  (a constant)
_ROWS_GONE = f"delete from codes where {_OF_BATCH} and state = 'available'"  # noqa: S608
_OTHER_ROWS_GONE = f"""
  delete from codes using (
    select id as free from codes where {_OF_BATCH} and state = 'available' for update skip locked)
    others where shop_id = $1 and id = free"""  # noqa: S608
_PACKS_GONE = f"""
  with gone as (delete from code_packs where {_OF_BATCH} returning codes)
  select coalesce(sum(codes), 0)::int from gone"""  # noqa: S608
