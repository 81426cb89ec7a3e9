"""Codes in stock, as lists show them: masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from keystall.graphql.context import Needs, RequestContext
from keystall.graphql.describing import described, enum_type, object_type, takes, value
from keystall.graphql.ids import encode
from keystall.graphql.nouns import Node
from keystall.graphql.relay import Connection, connection, decode_row, page_size
from keystall.graphql.scalars import Money, money
from keystall.tenants.stock import listing
from keystall.tenants.stock.listing import StockedCode, codes_by_id, codes_pages


@enum_type
class CodeState(Enum):
    """What has become of a code."""

    AVAILABLE = value("available", "Free to be sold.")
    RESERVED = value("reserved", "Held for an unpaid order.")
    SOLD = value("sold", "It was delivered with a paid order.")
    EXPIRED = value("expired", "Free, and too near its expiry to be sold.")


@object_type
class Code(Node):
    """One code of a variant's stock, masked. `codeReveal` answers it whole."""

    masked: str | None = takes("masked")(
        described("The code with most of it hidden; null where the shop's keys were destroyed.")
    )
    state: CodeState = described("What has become of it.")
    batch: str = described("The import it came with, as its opaque name.")
    created_at: datetime = described("When it came.")
    note: str = takes("note")(described("The merchant's note; may be empty."))
    preview: str = takes("preview")(
        described("What may be seen of it before it is bought; may be empty.")
    )
    premium: Money | None = described("What it costs more than others, where that was told.")
    cost: Money | None = described("What the merchant paid for it, where that was told.")
    expires_at: datetime | None = described("When it expires; null for one that does not.")


async def codes(context: RequestContext, ids: Sequence[UUID]) -> Mapping[UUID, StockedCode]:
    """Codes by id, for `context.load`."""
    shop, without = context.require_shop().id, context.without("Code")
    return await codes_by_id(context.reader, context.installation, shop, ids, without=without)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of codes by variant, for `context.load`."""

    state: listing.CodeState | None
    after: UUID | None
    limit: int
    without: frozenset[str]

    async def __call__(
        self, context: RequestContext, variants: Sequence[UUID]
    ) -> Mapping[UUID, list[StockedCode]]:
        return await codes_pages(
            context.reader,
            context.installation,
            context.require_shop().id,
            variants,
            state=self.state,
            after=self.after,
            limit=self.limit,
            without=self.without,
        )


async def codes_connection(
    context: RequestContext,
    variant: UUID,
    first: int | None,
    *,
    after: str | None,
    state: CodeState | None,
    needs: Needs,
) -> Connection[Code]:
    """A page of a variant's codes."""
    size = page_size(first)
    page = _Page(state.value if state else None, decode_row(after), size + 1, needs.without(Code))
    rows = await context.load(page, variant) or []
    return connection(
        rows,
        size,
        after=after,
        node=lambda row: code(row, context.locale),
        key=lambda row: (str(row.id),),
    )


def code(view: StockedCode, locale: str) -> Code:
    """A code, masked."""

    def amount(minor: int | None) -> Money | None:
        return None if minor is None or not view.currency else money(minor, view.currency, locale)

    return Code(
        id=encode("Code", view.id),
        masked=view.masked,
        state=CodeState.EXPIRED if view.expired else CodeState(view.state),
        batch=encode("Batch", view.batch_id),
        created_at=view.created_at,
        note=view.note,
        preview=view.preview,
        premium=amount(view.premium),
        cost=amount(view.cost),
        expires_at=view.expires_at,
    )
