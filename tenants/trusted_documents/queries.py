"""Reading a shop's trusted documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.columns import NOTHING, UNREAD, columns


@dataclass(frozen=True, slots=True)
class TrustedDocumentView:
    """A trusted document, see `models`. Lists may leave its text UNREAD."""

    id: UUID
    sha256: str
    name: str
    cost: int
    created_at: datetime
    document: str = UNREAD


COLUMNS = columns(TrustedDocumentView)


async def trusted_text(db: Reads, shop: UUID, sha256: str) -> str | None:
    """The document of this hash; None where the shop trusts none such."""
    text: str | None = await db.value(
        "select document from trusted_documents where shop_id = $1 and sha256 = $2", shop, sha256
    )
    return text


async def trusted_documents(
    db: Reads,
    shop: UUID,
    *,
    after: UUID | None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[TrustedDocumentView]:
    """The shop's, newest first, `limit` at most, before the row `after`."""
    rows = await db.rows(
        f"select {columns(TrustedDocumentView, without)} from trusted_documents"  # noqa: S608 constant
        " where shop_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        shop, after, limit,
    )  # fmt: skip
    return [TrustedDocumentView(**row) for row in rows]


async def trusted_documents_by_id(
    db: Reads, shop: UUID, ids: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> Mapping[UUID, TrustedDocumentView]:
    """Trusted documents of the shop by their rows."""
    rows = await db.rows(
        f"select {columns(TrustedDocumentView, without)} from trusted_documents"  # noqa: S608 constant
        " where shop_id = $1 and id = any ($2::uuid[])",
        shop, list(ids),
    )  # fmt: skip
    return {row["id"]: TrustedDocumentView(**row) for row in rows}
