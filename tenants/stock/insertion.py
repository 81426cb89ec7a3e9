"""New codes, thousands at a time: in packs, and what is left in rows of their own."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from keystall.platform.database import Reads
from keystall.platform.ids import new_row_id
from keystall.platform.resting import resting
from keystall.tenants.stock import packs
from keystall.tenants.stock.sealing import ShopCipher
from keystall.tenants.stock.steps import NewCodes
from keystall.tenants.writing import Writing

Item = TypeVar("Item")

# About a millisecond of the database's work: who wants a processor meanwhile has it soon.
_PACKS_AT_ONCE = 10
_LOOKUPS_AT_ONCE = 1_000
_LINES_BITS = 21
"""Bits of a position for a line's number: 2,097,152 lines, more than a file may have."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A set of codes that came together. `cost` of the whole, in minor units of `currency`."""

    id: UUID
    variant: UUID
    source: str
    supplier: str = ""
    note: str = ""
    cost: int | None = None
    currency: str = ""
    expires_at: datetime | None = None

    def positions(self, lines: Sequence[int]) -> list[int]:
        """The batch's moment in milliseconds, then the line: batches are sold in the order they
        were asked for, each in its own; codes that were numbered from 1 come first."""
        base = (self.id.int >> 80) << _LINES_BITS
        return [base + line for line in lines]


async def begin_batch(tx: Writing, shop: UUID, batch: Batch) -> None:
    """The batch itself, empty."""
    await tx.execute(
        "insert into batches"
        " (shop_id, id, variant_id, source, supplier, note, cost, currency, expires_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        shop, batch.id, batch.variant, batch.source, batch.supplier, batch.note, batch.cost,
        batch.currency, batch.expires_at,
    )  # fmt: skip


async def add_codes(
    tx: Writing, shop: UUID, batch: Batch, cipher: ShopCipher, codes: NewCodes
) -> Mapping[int, str]:
    """Adds codes; answers the lines of those that were there before, with their state.

    As many as fill packs go into packs, the others into rows; all of them where the file told
    anything of one of them, for a pack's codes are alike.
    """
    # Codes of a variant are added by one at a time, who sees all that are there: two imports with
    # the same codes would each add them. Not FOR UPDATE: orders that refer to the variant need not
    # wait.
    rules = await tx.row(
        "select expiry_margin_hours, sale_order from variants where shop_id = $1 and id = $2"
        " for no key update",
        shop, batch.variant,
    )  # fmt: skip
    if rules is None:
        raise LookupError("codes for a variant that is not there; variants are never deleted")
    known = await stocked(tx, shop, batch.variant, cipher, codes, but_of=batch.id)
    codes = codes.without(known) if known else codes
    going = _Going(
        tx=tx,
        shop=shop,
        batch=batch,
        cipher=cipher,
        margin=timedelta(hours=rules["expiry_margin_hours"]),
        shuffled=rules["sale_order"] == "random",
    )
    whole = 0 if codes.facts else len(codes) - len(codes) % packs.PACK
    to_pack, rest = codes.split(whole)
    if len(to_pack):
        await going.into_packs(to_pack)
    if len(rest):
        await going.into_rows(rest)
    return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Going:
    """Codes on their way into a batch."""

    tx: Writing
    shop: UUID
    batch: Batch
    cipher: ShopCipher
    margin: timedelta
    shuffled: bool

    async def into_packs(self, codes: NewCodes) -> None:
        """`codes` fill whole packs."""
        ids = [packs.new_pack_id() for _ in range(0, len(codes), packs.PACK)]
        made = [*zip(
            ids,
            self._positions(codes.lines[:: packs.PACK]),
            await asyncio.to_thread(self._sealed_packs, ids, codes.texts),
            map(packs.marks_of, _by_packs(codes.lookups)),
            strict=True,
        )]  # fmt: skip
        for some in _cut(made, _PACKS_AT_ONCE):
            await self.tx.execute(
                """
                insert into code_packs (shop_id, id, variant_id, batch_id, position, codes, sealed,
                                        key_version, marks, expires_at, sellable_until)
                select $1, id, $2, $3, place, $4, sealed, $5, marks, $6,
                       coalesce($6::timestamptz - $7::interval, 'infinity')
                from unnest($8::uuid[], $9::bigint[], $10::bytea[], $11::bytea[])
                  as given (id, place, sealed, marks)
                """,
                self.shop, self.batch.variant, self.batch.id, packs.PACK, self.cipher.version,
                self.batch.expires_at, self.margin, *zip(*some, strict=True),
            )  # fmt: skip

    async def into_rows(self, codes: NewCodes) -> None:
        ids = [new_row_id() for _ in codes.lines]
        sealer = self.cipher.for_import(self.batch.variant)
        sealed = await asyncio.to_thread(sealer.seal_all, list(zip(ids, codes.texts, strict=True)))
        facts = [codes.facts.get(line) for line in codes.lines]
        await self.tx.execute(
            """
            insert into codes (shop_id, id, variant_id, batch_id, position, state, sealed,
                               key_version, lookup, note, preview, premium, cost, expires_at,
                               sellable_until)
            select $1, id, $2, $3, place, 'available', sealed, $4, lookup, note, preview, premium,
                   cost, expires, coalesce(expires - $5::interval, 'infinity')
            from unnest($6::uuid[], $7::bigint[], $8::bytea[], $9::bytea[], $10::text[],
                        $11::text[], $12::bigint[], $13::bigint[], $14::timestamptz[])
              as given (id, place, sealed, lookup, note, preview, premium, cost, expires)
            """,
            self.shop, self.batch.variant, self.batch.id, self.cipher.version, self.margin,
            ids, self._positions(codes.lines), sealed, codes.lookups,
            [one.note if one else "" for one in facts],
            [one.preview if one else "" for one in facts],
            [one.premium if one else None for one in facts],
            [one.cost if one else None for one in facts],
            [(one.expires_at if one else None) or self.batch.expires_at for one in facts],
        )  # fmt: skip

    def _positions(self, lines: Sequence[int]) -> list[int]:
        return packs.drawn(len(lines)) if self.shuffled else self.batch.positions(lines)

    def _sealed_packs(self, ids: Sequence[UUID], texts: Sequence[bytes]) -> list[bytes]:
        variant, cipher = self.batch.variant, self.cipher
        each = zip(ids, _by_packs(texts), strict=True)
        return [
            cipher.seal_pack(variant, pack, [text.decode() for text in inside])
            for some in resting(_cut(list(each), _PACKS_AT_ONCE))
            for pack, inside in some
        ]


def _by_packs(column: Sequence[bytes]) -> list[Sequence[bytes]]:
    return list(_cut(column, packs.PACK))


def _cut(column: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(column), size):
        yield column[start : start + size]


async def stocked(
    db: Reads, shop: UUID, variant: UUID, cipher: ShopCipher, codes: NewCodes,
    *, but_of: UUID | None = None,
) -> dict[int, str]:  # fmt: skip
    """The lines of those of the codes that are in stock, or were sold, with their state. Packs of
    the batch `but_of` are passed over: whoever adds to it has told its repeats already."""
    if not len(codes):
        return {}
    lines, lookups = _lookups(cipher, variant, codes)
    # Packs first: a code goes from a pack to a row, never back, and so is not missed in between.
    packed = await packs.packed(db, shop, variant, lookups, but_of=but_of)
    known = {line: "available" for line, it in zip(lines, lookups, strict=True) if it in packed}
    # In order, which only the index has: any row, the planner hopes to happen on soon.
    if await db.value(
        "select true from codes where shop_id = $1 and variant_id = $2 order by id limit 1",
        shop, variant,
    ):  # fmt: skip
        for some in _cut(list(zip(lines, lookups, strict=True)), _LOOKUPS_AT_ONCE):
            rows = await db.rows(
                """
                select given.line, codes.state
                from unnest($3::bigint[], $4::bytea[]) as given (line, lookup)
                join codes on codes.shop_id = $1 and codes.variant_id = $2
                  and codes.lookup = given.lookup
                """,
                shop, variant, *zip(*some, strict=True),
            )  # fmt: skip
            known |= {row["line"]: row["state"] for row in rows}
    return known


def _lookups(cipher: ShopCipher, variant: UUID, codes: NewCodes) -> tuple[list[int], list[bytes]]:
    """Every lookup by which a code may be in stock, and its line: while keys rotate, an older
    key's, too."""
    if not cipher.older:
        return codes.lines, codes.lookups
    given = [
        (line, lookup)
        for line, text, newest in zip(codes.lines, codes.texts, codes.lookups, strict=True)
        for lookup in (newest, *cipher.older_lookups(variant, text.decode()))
    ]
    return [line for line, _ in given], [lookup for _, lookup in given]
