"""Stock as its merchant sees it: counted, listed, thinned out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
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
from keystall.tenants.stock.packs import ids_in, open_with, pack_id
from keystall.tenants.stock.sealing import KeysDestroyed, ShopCipher, shop_cipher
from keystall.tenants.writing import writing

MAX_DELETED = 100
"""Codes that one call deletes at most."""

CodeState = Literal["available", "reserved", "sold", "expired"]
_IN_STATE = """($3::text is null
    or $3 = 'expired' and state = 'available' and sellable_until <= now()
    or $3 = 'available' and state = $3 and sellable_until > now()
    or state = $3 and state <> 'available')"""
_OF_PACKS_IN_STATE = """($3::text is null
    or $3 = 'expired' and sellable_until <= now()
    or $3 = 'available' and sellable_until > now())"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = "join batches on batches.shop_id = {0}.shop_id and batches.id = {0}.batch_id"
_FROM = f"codes {_BATCH.format('codes')}"
_FROM_PACKS = f"code_packs {_BATCH.format('code_packs')}"


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
    "packed": "0",
    **{one.name: f"codes.{one.name}" for one in fields(StockedCode)},
    "currency": "currency",
    "expired": "state = 'available' and sellable_until <= now()",
    # What is masked: opened with the shop's key, which only those who ask for it have fetched.
    "masked": "row(sealed, key_version)",
}
_OF_PACKS: Mapping[str, str] = {
    "packed": "codes",
    **{one.name: f"code_packs.{one.name}" for one in fields(StockedCode)},
    "state": "'available'",
    "premium": "null::bigint",
    "cost": "null::bigint",
    "currency": "currency",
    "expired": "sellable_until <= now()",
    "note": "''",
    "preview": "''",
    "masked": "row(sealed, key_version)",
}
"""What all codes of a pack have, under the name that a row has it by."""


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
          (select {named(_COLUMNS, without)} from {_FROM}
           where codes.shop_id = $1 and codes.variant_id = wanted.variant_id and {_IN_STATE}
             and ($4::uuid is null or codes.id < $4)
           order by codes.id desc limit $5)
          union all
          -- With those in the first of them that may have been on the page before.
          (select {named(_OF_PACKS, without)} from (
             select *, coalesce(sum(codes) over before, 0) < $5 + first_value(codes) over whole
               as shown from code_packs
             where shop_id = $1 and variant_id = wanted.variant_id and {_OF_PACKS_IN_STATE}
               and ($4::uuid is null or id < $4)
             window whole as (order by id desc),
                    before as (order by id desc rows between unbounded preceding and 1 preceding)
             order by id desc limit $5) code_packs {_BATCH.format("code_packs")}
           where shown)) page
        """,  # noqa: S608  (a constant)
        shop, list(variants), state, after, limit,
    )  # fmt: skip
    codes = [one for one in await _seen(db, installation, shop, rows)
             if after is None or one.id < after]  # fmt: skip
    pages: defaultdict[UUID, list[StockedCode]] = defaultdict(list)
    for code in sorted(codes, key=lambda one: (one.variant_id, one.id), reverse=True):
        if len(pages[code.variant_id]) < limit:
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
        f"""
        select {named(_COLUMNS, without)} from {_FROM}
        where codes.shop_id = $1 and codes.id = any ($2::uuid[])
        union all
        select {named(_OF_PACKS, without)} from {_FROM_PACKS}
        where code_packs.shop_id = $1 and code_packs.id = any ($3::uuid[])
        """,  # noqa: S608  (constants)
        shop, list(ids), [pack_id(code) for code in ids],
    )  # fmt: skip
    wanted = set(ids)
    return {
        code.id: code for code in await _seen(db, installation, shop, rows) if code.id in wanted
    }


async def stock_counts(
    db: Reads, shop: UUID, variant_ids: Sequence[UUID]
) -> dict[UUID, StockCount]:
    """What each of the variants has, those without codes included; one statement for all."""
    rows = await db.rows(
        """
        select variant_id,
          sum(codes) filter (where state = 'available' and sellable_until > now()) as available,
          sum(codes) filter (where state = 'available' and sellable_until <= now()) as expired,
          sum(codes) filter (where state = 'reserved') as reserved,
          sum(codes) filter (where state = 'sold') as sold
        from (
          select variant_id, state, sellable_until, 1 as codes from codes
          where shop_id = $1 and variant_id = any($2::uuid[])
          union all
          select variant_id, 'available', sellable_until, codes from code_packs
          where shop_id = $1 and variant_id = any($2::uuid[])) stock
        group by variant_id
        """,
        shop, list(variant_ids),
    )  # fmt: skip
    counts = dict.fromkeys(variant_ids, StockCount())
    for row in rows:
        counts[row["variant_id"]] = StockCount(
            row["available"] or 0, row["reserved"] or 0, row["sold"] or 0, row["expired"] or 0
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
        # Rows while packs are anybody's, and then those that came out of packs.
        await tx.rows(_STATES.format("for update"), shop, list(ids))
        await open_with(tx, shop, ids)
        rows = await tx.rows(_STATES.format(""), shop, list(ids))
        free = await tx.rows(_STATES.format("for update skip locked"), shop, list(ids))
        # One that an order just takes is as good as held.
        states = {row["id"]: "reserved" if row["state"] == "available" else row["state"]
                  for row in rows} | {row["id"]: row["state"] for row in free}  # fmt: skip
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


_STATES = """
  select id, state from codes where shop_id = $1 and id = any ($2::uuid[]) order by id {}"""


async def _seen(
    db: Reads, installation: Installation, shop: UUID, rows: Sequence[Row]
) -> list[StockedCode]:
    """The codes that rows stand for: each for one, or for as many as are `packed` in it."""
    cipher: ShopCipher | None = None
    if rows and "masked" in rows[0]:
        with suppress(KeysDestroyed):
            cipher = await shop_cipher(db, installation.keys, shop)
    return [code for row in rows for code in _codes_of(cipher, row)]


def _codes_of(cipher: ShopCipher | None, row: Row) -> Iterator[StockedCode]:
    told = dict(row)
    packed, masked = told.pop("packed"), "masked" in told
    if not packed:
        if masked:
            told["masked"] = _mask(cipher, row)
        yield StockedCode(**told)
        return
    texts: Sequence[str | None] = _masks(cipher, row) if masked else [None] * packed
    for id_, text in zip(ids_in(row["id"], packed), texts, strict=True):
        yield StockedCode(**{**told, "id": id_, **({"masked": text} if masked else {})})


def _mask(cipher: ShopCipher | None, row: Row) -> str | None:
    if cipher is None:
        return None
    sealed, version = row["masked"]
    return mask(cipher.open_code(row["variant_id"], row["id"], sealed, version))


def _masks(cipher: ShopCipher | None, row: Row) -> Sequence[str | None]:
    if cipher is None:
        return [None] * int(row["packed"])
    sealed, version = row["masked"]
    return list(map(mask, cipher.open_pack(row["variant_id"], row["id"], sealed, version)))


def made_at(code: UUID) -> datetime:
    """The moment in a UUIDv7: its first 48 bits are milliseconds since 1970 (RFC 9562)."""
    return _EPOCH + timedelta(milliseconds=code.int >> 80)
