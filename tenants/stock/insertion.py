"""Rows of codes, thousands at a time."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform.database import Reads
from keystall.tenants.stock.sealing import ShopCipher
from keystall.tenants.stock.steps import SealedCode
from keystall.tenants.writing import Writing

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
    tx: Writing, shop: UUID, batch: Batch, cipher: ShopCipher, codes: Sequence[SealedCode]
) -> Mapping[UUID, str]:
    """Adds codes, sorted by their lookup hash; answers those that were there before, by the id they
    were to have, with the state of the row that is there.

    Positions follow the lines of the file, whatever the order of the rows: the batch's moment in
    milliseconds, then the line. So batches are sold in the order they were asked for, each in its
    own; codes that were numbered from 1 come first. Where a variant is sold at random they are.
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
    codes = [code for code in codes if code.id not in known] if known else codes
    positions = _positions(batch.id, codes, shuffled=rules["sale_order"] == "random")
    arguments: list[object] = [
        shop, batch.variant, batch.id, cipher.version,
        [code.id for code in codes],
        [code.sealed for code in codes],
        [code.lookup for code in codes],
        positions,
        batch.expires_at, rules["expiry_margin_hours"],
    ]  # fmt: skip
    told = any(code.facts for code in codes)
    if told:
        facts = [code.facts for code in codes]
        arguments += [
            [one.note if one else "" for one in facts],
            [one.preview if one else "" for one in facts],
            [one.premium if one else None for one in facts],
            [one.cost if one else None for one in facts],
            [one.expires_at if one else None for one in facts],
        ]
    added = await tx.execute(_WITH_FACTS if told else _BARE, *arguments)
    if added < len(codes):
        known |= await _known(tx, shop, batch.variant, [(code.id, code.lookup) for code in codes])
    return known


def _positions(batch: UUID, codes: Sequence[SealedCode], *, shuffled: bool) -> list[int]:
    if shuffled:
        return [int.from_bytes(secrets.token_bytes(7), "big") for _ in codes]
    base = (batch.int >> 80) << _LINES_BITS
    return [base + code.line for code in codes]


_INSERT = """
  insert into codes (shop_id, id, variant_id, batch_id, position, state, sealed, key_version,
                     lookup, note, preview, premium, cost, expires_at, sellable_until)
  select $1, id, $2, $3, position, 'available', sealed, $4, lookup, note, preview, premium, cost,
         expires, coalesce(expires - make_interval(hours => $10), 'infinity')
  from ({given}) given
  on conflict (shop_id, variant_id, lookup) do nothing"""
_BARE = _INSERT.format(
    given="select *, '' as note, '' as preview, null::bigint as premium, null::bigint as cost,"
    " $9::timestamptz as expires"
    " from unnest($5::uuid[], $6::bytea[], $7::bytea[], $8::bigint[])"
    " as g (id, sealed, lookup, position)"
)
_WITH_FACTS = _INSERT.format(
    given="select id, sealed, lookup, position, note, preview, premium, cost,"
    " coalesce(own_expiry, $9::timestamptz) as expires"
    " from unnest($5::uuid[], $6::bytea[], $7::bytea[], $8::bigint[], $11::text[], $12::text[],"
    " $13::bigint[], $14::bigint[], $15::timestamptz[])"
    " as g (id, sealed, lookup, position, note, preview, premium, cost, own_expiry)"
)


async def stocked(
    db: Reads, shop: UUID, variant: UUID, cipher: ShopCipher, codes: Sequence[SealedCode]
) -> dict[UUID, str]:
    """Those of the codes that have a row which is not their own, with its state."""
    lookups = [(code.id, code.lookup) for code in codes]
    return await _known(db, shop, variant, lookups + _older(cipher, variant, codes))


def _older(
    cipher: ShopCipher, variant: UUID, codes: Sequence[SealedCode]
) -> list[tuple[UUID, bytes]]:
    if not cipher.older:
        return []
    return [
        (code.id, lookup) for code in codes for lookup in cipher.older_lookups(variant, code.text)
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
