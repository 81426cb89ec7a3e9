"""Batches of codes: where a set of codes came from, and taking one back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.families import CodeUserError
from keystall.graphql.context import Info, Needs, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    enum_type,
    input_type,
    object_type,
    resolver,
    takes,
    value,
)
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import AgainKey, Node
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.relay import Connection, connection, decode_row, page_size
from keystall.graphql.scalars import Money, money
from keystall.tenants.stock.batches import BatchView, batch_undo, batches_by_id, batches_pages
from keystall.tenants.stock.imports import BatchInput as BatchFacts


@enum_type
class BatchSource(Enum):
    """How codes came."""

    PASTE = value("paste", "Pasted.")
    UPLOAD = value("upload", "In a file.")


@object_type
class Batch(Node):
    """A set of codes that came together."""

    source: BatchSource = described("How they came.")
    supplier: str = takes("supplier")(described("Whom they were bought from; may be empty."))
    note: str = takes("note")(described("The merchant's note; may be empty."))
    cost: Money | None = described("What the whole batch cost; null where that was not told.")
    expires_at: datetime | None = described(
        "When those of its codes expire that have no expiry of their own."
    )
    added: int = takes("added")(described("How many codes came with it."))
    working: bool = takes("working")(described("Whether its import goes on."))
    created_at: datetime = described("When it came.")
    undone_at: datetime | None = described("When it was taken back; null for one that was not.")


@input_type
class BatchInput:
    """What a merchant tells of a batch."""

    supplier: str = described("Whom it was bought from, 100 characters at most.", default="")
    note: str = described("A note, 500 characters at most.", default="")
    cost: str | None = described(
        "What all of it cost, as a decimal text in the shop's default currency.", default=None
    )
    expires_at: datetime | None = described(
        "When those of its codes expire that have no expiry of their own.", default=None
    )

    def facts(self) -> BatchFacts:
        """As the domain takes it."""
        return BatchFacts(
            self.supplier.strip(), self.note.strip(), (self.cost or "").strip() or None,
            self.expires_at,
        )  # fmt: skip


@object_type
class BatchUndoPayload(Payload[CodeUserError]):
    """The answer to batchUndo."""

    batch: Batch | None = described("The batch as it is now; null where it was refused.")
    removed: int | None = described("How many codes are gone; null where it was refused.")


@object_type
class BatchMutation:
    """What a merchant does with batches."""

    @resolver
    async def batch_undo(
        self,
        info: Info,
        id: Annotated[strawberry.ID, about("The batch.")],
        idempotency_key: AgainKey = None,
    ) -> BatchUndoPayload:
        """Takes a batch's codes out of stock, all of them or none: none where one of them is sold
        or held for an order."""
        context, row = info.context, row_of("Batch", id)
        call = batch_undo(
            context.installation, context.require_shop().id, row,
            actor=context.actor, idempotency_key=idempotency_key,
        )  # fmt: skip
        removed, errors = await attempted(context, call, CodeUserError)
        found = None if removed is None else await batch_of(context, row)
        return BatchUndoPayload(batch=found, removed=removed, user_errors=errors)


async def batches(context: RequestContext, ids: Sequence[UUID]) -> Mapping[UUID, BatchView]:
    """Batches by id, for `context.load`."""
    shop, without = context.require_shop().id, context.without("Batch")
    return await batches_by_id(context.reader, shop, ids, without=without)


async def batch_of(context: RequestContext, row: UUID) -> Batch | None:
    """The batch of this id; None where the shop has none."""
    found = await context.load(batches, row)
    return batch(context, found) if found else None


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of batches by variant, for `context.load`."""

    after: UUID | None
    limit: int
    without: frozenset[str]

    async def __call__(
        self, context: RequestContext, variants: Sequence[UUID]
    ) -> Mapping[UUID, list[BatchView]]:
        return await batches_pages(
            context.reader,
            context.require_shop().id,
            variants,
            after=self.after,
            limit=self.limit,
            without=self.without,
        )


async def batches_connection(
    context: RequestContext,
    variant: UUID,
    first: int | None,
    *,
    after: str | None,
    needs: Needs,
) -> Connection[Batch]:
    """A page of a variant's batches."""
    size = page_size(first)
    rows = (
        await context.load(_Page(decode_row(after), size + 1, needs.without(Batch)), variant) or []
    )
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: batch(context, row),
        key=lambda row: (str(row.id),),
    )


def batch(context: RequestContext, view: BatchView) -> Batch:
    """A batch."""
    told = view.cost is not None and view.currency
    return Batch(
        id=encode("Batch", view.id),
        source=BatchSource(view.source),
        supplier=view.supplier,
        note=view.note,
        cost=money(view.cost or 0, view.currency, context.locale) if told else None,
        expires_at=view.expires_at,
        added=view.added,
        working=view.working,
        created_at=view.created_at,
        undone_at=view.undone_at,
    )
