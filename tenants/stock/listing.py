"""Stock as its merchant sees it: counted, listed, thinned out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from keystall.platform.database import Reads, Row
from keystall.tenants.columns import NOTHING, UNREAD, named
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.idempotency.keys import done_before, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.stock.masking import mask
from keystall.tenants.stock.sealing import KeysDestroyed, ShopCipher, shop_cipher
from keystall.tenants.writing import writing

MAX_DELETED = 100
"""Codes that one call deletes at most."""

CodeState = Literal["available", "reserved", "sold", "expired"]
_IN_STATE = """($3::text is null
    or $3 = 'expired' and state = 'available' and sellable_until <= now()
    or $3 = 'available' and state = $3 and sellable_until > now()
    or state = $3 and state <> 'available')"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FROM = "codes join batches on batches.shop_id = codes.shop_id and batches.id = codes.batch_id"


@dataclass(frozen=True, slots=True)
class StockedCode:
    """A code as lists show it. `state` is available, reserved or sold; `expired`: free, and too
    near its expiry to be sold. `masked` None where the shop's keys were destroyed. `premium` and
    `cost` in minor units of `currency`. Lists may leave what has a default UNREAD."""

    id: UUID
    variant_id: UUID
    batch_id: UUID
    state: str
    premium: int | None
    cost: int | None
    currency: str
    expires_at: datetime | None
    expired: bool
    note: str = UNREAD
    preview: str = UNREAD
    masked: str | None = UNREAD

    @property
    def created_at(self) -> datetime:
        """When it came."""
        return made_at(self.id)


_COLUMNS: Mapping[str, str] = {
    **{one.name: f"codes.{one.name}" for one in fields(StockedCode)},
    "currency": "currency",
    "expired": "state = 'available' and sellable_until <= now()",
    # What is masked: opened with the shop's key, which only those who ask for it have fetched.
    "masked": "row(sealed, key_version)",
}


@dataclass(frozen=True, slots=True)
class StockCount:
    """How many codes a variant has in each state; `expired` are free and not sold any more."""

    available: int = 0
    reserved: int = 0
    sold: int = 0
    expired: int = 0


async def codes_pages(
    db: Reads,
    installation: Installation,
    shop: UUID,
    variants: Sequence[UUID],
    *,
    state: CodeState | None = None,
    after: UUID | None = None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> dict[UUID, list[StockedCode]]:
    """Of each variant up to `limit` codes, newest first, those after the code `after`, masked; a
    variant without any is missing."""
    rows = await db.rows(
        f"""
        select page.* from unnest($2::uuid[]) as wanted (variant_id) cross join lateral (
          select {named(_COLUMNS, without)} from {_FROM}
          where codes.shop_id = $1 and codes.variant_id = wanted.variant_id and {_IN_STATE}
            and ($4::uuid is null or codes.id < $4)
          order by codes.id desc limit $5) page
        order by page.variant_id, page.id desc
        """,  # noqa: S608  (a constant)
        shop, list(variants), state, after, limit,
    )  # fmt: skip
    pages: defaultdict[UUID, list[StockedCode]] = defaultdict(list)
    for code in await _masked(db, installation, shop, rows):
        pages[code.variant_id].append(code)
    return dict(pages)


async def codes_by_id(
    db: Reads,
    installation: Installation,
    shop: UUID,
    ids: Sequence[UUID],
    *,
    without: frozenset[str] = NOTHING,
) -> dict[UUID, StockedCode]:
    """Those of the codes that the shop has, masked, by id."""
    rows = await db.rows(
        f"select {named(_COLUMNS, without)} from {_FROM} where codes.shop_id = $1"  # noqa: S608
        " and codes.id = any($2::uuid[])",
        shop, list(ids),
    )  # fmt: skip
    return {code.id: code for code in await _masked(db, installation, shop, rows)}


async def stock_counts(
    db: Reads, shop: UUID, variant_ids: Sequence[UUID]
) -> dict[UUID, StockCount]:
    """What each of the variants has, those without codes included; one statement for all."""
    rows = await db.rows(
        """
        select variant_id,
               count(*) filter (where state = 'available' and sellable_until > now()) as available,
               count(*) filter (where state = 'available' and sellable_until <= now()) as expired,
               count(*) filter (where state = 'reserved') as reserved,
               count(*) filter (where state = 'sold') as sold
        from codes where shop_id = $1 and variant_id = any($2::uuid[]) group by variant_id
        """,
        shop, list(variant_ids),
    )  # fmt: skip
    counts = dict.fromkeys(variant_ids, StockCount())
    for row in rows:
        counts[row["variant_id"]] = StockCount(
            row["available"], row["reserved"], row["sold"], row["expired"]
        )
    return counts


async def codes_delete(
    installation: Installation,
    shop: UUID,
    ids: Sequence[UUID],
    *,
    idempotency_key: str | None = None,
) -> Sequence[UUID]:
    """Deletes codes that are neither sold nor held, all or none; answers their ids, also where they
    were deleted under the same key.

    Refuses TOO_MANY (100), and at each code's place NOT_FOUND, CODE_SOLD, CODE_RESERVED.
    """
    if len(ids) > MAX_DELETED:
        raise refuse("TOO_MANY", "ids", limit=MAX_DELETED)
    async with writing(installation, shop) as tx:
        if await done_before(
            tx, shop, "codes.delete", idempotency_key, print_=fingerprint(*ids),
            object_id=ids[0] if ids else shop,
        ):  # fmt: skip
            return ids
        rows = await tx.rows(
            "select id, state from codes where shop_id = $1 and id = any($2::uuid[])"
            " order by id for update",
            shop, list(ids),
        )  # fmt: skip
        states = {row["id"]: row["state"] for row in rows}
        refusals = {None: "NOT_FOUND", "sold": "CODE_SOLD", "reserved": "CODE_RESERVED"}
        errors = [
            UserError(refusals[states.get(code)], ("ids", str(place)))
            for place, code in enumerate(ids)
            if states.get(code) != "available"
        ]
        if errors:
            raise Refused(*errors)
        await tx.execute(
            "delete from codes where shop_id = $1 and id = any($2::uuid[])", shop, list(ids)
        )
    return ids


async def _masked(
    db: Reads, installation: Installation, shop: UUID, rows: Sequence[Row]
) -> list[StockedCode]:
    if not rows or "masked" not in rows[0]:
        return [StockedCode(**row) for row in rows]
    try:
        cipher: ShopCipher | None = await shop_cipher(db, installation.keys, shop)
    except KeysDestroyed:
        cipher = None
    return [StockedCode(**{**row, "masked": _mask(cipher, row)}) for row in rows]


def _mask(cipher: ShopCipher | None, row: Row) -> str | None:
    if cipher is None:
        return None
    sealed, key_version = row["masked"]
    return mask(cipher.open_code(row["variant_id"], row["id"], sealed, key_version))


def made_at(code: UUID) -> datetime:
    """The moment in a UUIDv7: its first 48 bits are milliseconds since 1970 (RFC 9562)."""
    return _EPOCH + timedelta(milliseconds=code.int >> 80)
