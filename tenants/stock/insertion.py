"""Rows of codes, thousands at a time."""

import secrets
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from uuid import UUID

import asyncpg

from keystall.platform.database import Reads
from keystall.tenants.stock.sealing import ShopCipher
from keystall.tenants.stock.steps import SealedCodes
from keystall.tenants.writing import Writing

_LINES_BITS = 21
"""Bits of a position for a line's number: 2,097,152 lines, more than a file may have."""
_UNDRAWN_BITS = 8  # so that a position drawn at random is no sign


@dataclass(frozen=True, slots=True)
class Batch:
    """A set of codes that came together. `cost` of the whole, in minor units of `currency`.

    `partly_there`: some of them were found in stock already, so there may be more.
    """

    id: UUID
    variant: UUID
    source: str
    supplier: str = ""
    note: str = ""
    cost: int | None = None
    currency: str = ""
    expires_at: datetime | None = None
    partly_there: bool = False


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
    tx: Writing,
    shop: UUID,
    batch: Batch,
    cipher: ShopCipher,
    *,
    codes: SealedCodes,
    meanwhile: Callable[[], None],
) -> Mapping[UUID, str]:
    """Adds codes; answers those that were there before, by the id they were to have, with the state
    of the row that is there. `meanwhile` is called when the database is given its long work.

    Rows go in by their lines, as ids and positions do: three of four indexes grow at their end.
    Positions are the batch's moment in milliseconds, then the line. So batches are sold in the
    order they were asked for, each in its own; codes that were numbered from 1 come first. Where a
    variant is sold at random they are.
    """
    # Two imports with the same codes in another order would wait for each other in a circle. Not
    # FOR UPDATE: orders that refer to the variant need not wait.
    rules = await tx.row(
        "select expiry_margin_hours, sale_order from variants where shop_id = $1 and id = $2"
        " for no key update",
        shop, batch.variant,
    )  # fmt: skip
    if rules is None:
        raise LookupError("codes for a variant that is not there; variants are never deleted")
    # While keys rotate, an equal code may be there under an older key's lookup.
    known = await _known(tx, shop, batch.variant, _older(cipher, batch.variant, codes))
    codes = codes.without(known) if known else codes
    sealed = _Cut.of(codes.sealed)
    base, positions = _positions(batch.id, codes.lines, shuffled=rules["sale_order"] == "random")
    arguments: list[object] = [
        shop, batch.variant, batch.id, cipher.version, codes.ids, sealed.joined, sealed.width,
        sealed.starts, b"".join(codes.lookups), base, positions,
        timedelta(hours=rules["expiry_margin_hours"]), batch.expires_at, *_told(codes),
    ]  # fmt: skip
    insert = _WITH_FACTS if codes.facts else _BARE
    if not batch.partly_there:
        await tx.execute("savepoint as_new")
    meanwhile()
    if await _inserted(tx, insert, arguments, as_new=not batch.partly_there) < len(codes):
        given = list(zip(codes.ids, codes.lookups, strict=True))
        known |= await _known(tx, shop, batch.variant, given)
    return known


async def _inserted(tx: Writing, insert: str, arguments: Sequence[object], *, as_new: bool) -> int:
    """Inserts the rows but those that are there; answers how many. `as_new`: after a
    savepoint of that name, as though none were there.

    Most imports have nothing that is there, and to expect it of each row costs a third more: it is
    expected from when a row has shown it.
    """
    if as_new:
        try:
            return await tx.execute(insert, *arguments)
        except asyncpg.UniqueViolationError:
            await tx.execute("rollback to savepoint as_new")
    return await tx.execute(f"{insert} {_BUT_THOSE_THERE}", *arguments)


def _told(codes: SealedCodes) -> list[Sequence[object]]:
    """What the file tells of its codes, column by column; no column where it tells nothing."""
    if not codes.facts:
        return []
    facts = [codes.facts.get(line) for line in codes.lines]
    return [
        [one.expires_at if one else None for one in facts],
        [one.note if one else "" for one in facts],
        [one.preview if one else "" for one in facts],
        [one.premium if one else None for one in facts],
        [one.cost if one else None for one in facts],
    ]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Pieces of bytes end to end. The database cuts them up as quickly as it takes members out of
    an array, while the driver needs half a microsecond to write each of these. Pieces are `width`
    long; where they differ, `starts` says where each of them begins, and where the last one ends.
    """

    joined: bytes
    width: int
    starts: list[int] | None

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> "_Cut":
        lengths = list(map(len, pieces))
        width = lengths[0] if lengths else 0
        same = lengths.count(width) == len(lengths)
        return cls(b"".join(pieces), width, None if same else [0, *accumulate(lengths)])


def _positions(
    batch: UUID, lines: Sequence[int], *, shuffled: bool
) -> tuple[int, Sequence[int] | None]:
    """A number to which each code's place among them, from 1, is added; else the positions, where
    lines are missing or it is by chance."""
    if shuffled:
        drawn = array("Q", secrets.token_bytes(8 * len(lines)))
        return 0, [number >> _UNDRAWN_BITS for number in drawn]
    base = (batch.int >> 80) << _LINES_BITS
    if lines and lines[-1] - lines[0] == len(lines) - 1:
        return base + lines[0] - 1, None
    return 0, [base + line for line in lines]


_INSERT = """
  insert into codes (shop_id, id, variant_id, batch_id, position, state, sealed, key_version,
                     lookup, note, preview, premium, cost, expires_at, sellable_until)
  select $1, id, $2, $3, coalesce(($11::bigint[])[place], $10::bigint + place), 'available',
         substring($6::bytea from coalesce(($8::int[])[place], (place::int - 1) * $7::int) + 1
                             for coalesce(($8::int[])[place + 1] - ($8::int[])[place], $7::int)),
         $4, substring($9::bytea from place::int * 32 - 31 for 32), note, preview, premium, cost,
         expires, coalesce(expires - $12::interval, 'infinity')
  from ({given}) given"""
_BUT_THOSE_THERE = "on conflict (shop_id, lookup) do nothing"
_BARE = _INSERT.format(
    given="select *, '' as note, '' as preview, null::bigint as premium, null::bigint as cost,"
    " $13::timestamptz as expires from unnest($5::uuid[]) with ordinality as g (id, place)"
)
_WITH_FACTS = _INSERT.format(
    given="select id, place, note, preview, premium, cost,"
    " coalesce(own_expiry, $13::timestamptz) as expires"
    " from unnest($5::uuid[], $14::timestamptz[], $15::text[], $16::text[], $17::bigint[],"
    " $18::bigint[]) with ordinality"
    " as g (id, own_expiry, note, preview, premium, cost, place)"
)


async def stocked(
    db: Reads, shop: UUID, variant: UUID, cipher: ShopCipher, codes: SealedCodes
) -> dict[UUID, str]:
    """Those of the codes that have a row which is not their own, with its state."""
    given = list(zip(codes.ids, codes.lookups, strict=True))
    return await _known(db, shop, variant, given + _older(cipher, variant, codes))


def _older(cipher: ShopCipher, variant: UUID, codes: SealedCodes) -> list[tuple[UUID, bytes]]:
    if not cipher.older:
        return []
    return [
        (id_, lookup)
        for id_, text in zip(codes.ids, codes.texts, strict=True)
        for lookup in cipher.older_lookups(variant, text.decode())
    ]


async def _known(
    db: Reads, shop: UUID, variant: UUID, lookups: Sequence[tuple[UUID, bytes]]
) -> dict[UUID, str]:
    if not lookups:
        return {}
    rows = await db.rows(
        """
        select given.id, codes.state from unnest($3::uuid[], $4::bytea[]) as given (id, lookup)
        join codes on codes.shop_id = $1 and codes.variant_id = $2 and codes.lookup = given.lookup
        where codes.id <> given.id
        """,
        shop, variant, [row for row, _ in lookups], [lookup for _, lookup in lookups],
    )  # fmt: skip
    return {row["id"]: row["state"] for row in rows}
