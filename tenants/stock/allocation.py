"""Codes moving between shelf and order: reserved, sold, freed. One statement each, and some more
where a pack is opened.

Buyers of one product do not queue behind each other: a row that somebody else is just taking is
passed over, not waited for, and there is no counter row to stand in line at. An order's codes are
found by an array of its lines, so that no plan ever reads all that the shop has sold. Codes that
rest in packs have their place in the order of sale, too: a row is taken only before the next pack,
which is opened where rows do not suffice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.tenants.key_locks import reseal_lock
from keystall.tenants.stock.packs import alone_with_packs, open_packs
from keystall.tenants.writing import Writing


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many codes of a variant for one order line."""

    line_id: UUID
    variant_id: UUID
    quantity: int


class Beside(NamedTuple):
    """What one statement writes besides: further queries of its `with`, separated by commas. `$1`
    is the shop there, and `arguments` begin at `$5`."""

    sql: str
    arguments: Sequence[object]


async def reserve(
    tx: Writing, shop: UUID, wanted: Sequence[Wanted], beside: Beside | None = None
) -> dict[UUID, int]:
    """Takes free codes for each line in its variant's order of sale, as many as there are up to
    what is wanted; none that expires within the variant's margin.

    Answers how many each line is short of; the caller rolls back where that will not do. Lines
    must exist, or be written `beside`. Variants in order of their id, so that two orders never wait
    for each other.
    """
    wanted = sorted(wanted, key=lambda line: line.variant_id)
    found = await _take(tx, shop, wanted, beside)
    if found.short and found.rotating:
        # Codes that were just being sealed anew were passed over: once that is done, look again.
        await tx.value(
            "select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", reseal_lock(shop)
        )
        found = await _take(tx, shop, _rest(wanted, found.short))
    for line in wanted:
        if line.line_id in found.packs:
            await alone_with_packs(tx, shop, [line.variant_id])
            # Who was alone with them before may have left rows.
            found = await _take(tx, shop, _rest(wanted, found.short))
        while pack := found.packs.get(line.line_id):
            await open_packs(tx, shop, [pack])
            found = await _take(tx, shop, _rest(wanted, found.short))
    return found.short


def _rest(wanted: Sequence[Wanted], short: Mapping[UUID, int]) -> list[Wanted]:
    """What the lines are short of."""
    return [replace(line, quantity=short[line.line_id]) for line in wanted if line.line_id in short]


_TAKE = """
with wanted as (
  select w.*, sale_order from unnest($2::uuid[], $3::uuid[], $4::int[])
    as w (line_id, variant_id, quantity)
  left join variants on variants.shop_id = $1 and variants.id = w.variant_id
), picked as (
  select wanted.line_id, free.id from wanted cross join lateral (
    select id from codes
    where shop_id = $1 and variant_id = wanted.variant_id and state = 'available'
      and sellable_until > now() and position < coalesce((
        select min(position) from code_packs where code_packs.shop_id = $1
          and code_packs.variant_id = wanted.variant_id and code_packs.sellable_until > now()),
        9223372036854775807)
    order by position limit wanted.quantity for update skip locked) free
  where sale_order is distinct from 'newest_first'
  union all
  select wanted.line_id, free.id from wanted cross join lateral (
    select id from codes
    where shop_id = $1 and variant_id = wanted.variant_id and state = 'available'
      and sellable_until > now() and position > coalesce((
        select max(position) from code_packs where code_packs.shop_id = $1
          and code_packs.variant_id = wanted.variant_id and code_packs.sellable_until > now()),
        -1)
    order by position desc limit wanted.quantity for update skip locked) free
  where sale_order = 'newest_first'
), reserved as (
  update codes set state = 'reserved', order_line_id = picked.line_id
  from picked where codes.shop_id = $1 and codes.id = picked.id
  returning order_line_id)
{beside}
select line_id, taken, (select count(*) > 1 from shop_keys where shop_id = $1) as rotating,
       case when taken < quantity then case sale_order when 'newest_first' then (
         select id from code_packs where code_packs.shop_id = $1
           and code_packs.variant_id = wanted.variant_id and sellable_until > now()
         order by position desc limit 1) else (
         select id from code_packs where code_packs.shop_id = $1
           and code_packs.variant_id = wanted.variant_id and sellable_until > now()
         order by position limit 1) end end as pack
from wanted cross join lateral (
  select count(*) as taken from reserved where order_line_id = line_id) counted"""


class _Found(NamedTuple):
    """How many each line is `short` of, the pack that is next for it, if there is any, and whether
    the shop's keys are rotating."""

    short: dict[UUID, int]
    packs: dict[UUID, UUID]
    rotating: bool


async def _take(
    tx: Transaction, shop: UUID, wanted: Sequence[Wanted], beside: Beside | None = None
) -> _Found:
    sql, arguments = beside or Beside("", ())
    taken = await tx.rows(
        _TAKE.format(beside=f", {sql}" if sql else ""),
        shop,
        [line.line_id for line in wanted],
        [line.variant_id for line in wanted],
        [line.quantity for line in wanted],
        *arguments,
    )
    counts = {row["line_id"]: row["taken"] for row in taken}
    short = {
        line.line_id: line.quantity - counts[line.line_id]
        for line in wanted
        if counts[line.line_id] < line.quantity
    }
    packs = {row["line_id"]: row["pack"] for row in taken if row["pack"]}
    return _Found(short, packs, any(row["rotating"] for row in taken))


SELL = """
  update codes set state = 'sold', sold_at = now()
  where shop_id = $1 and state = 'reserved' and order_line_id = any (array(
    select id from order_lines where shop_id = $1 and order_id = $2))"""
"""Turns the reserved codes of the order `$2` into sold ones."""


async def sell(tx: Transaction, shop: UUID, order: UUID) -> int:
    """Turns the reserved codes of an order into sold ones; answers how many."""
    return await tx.execute(SELL, shop, order)


async def free(tx: Transaction, shop: UUID, order: UUID) -> int:
    """Puts the reserved codes of an order back on the shelf; answers how many."""
    return await tx.execute(
        """
        update codes set state = 'available', order_line_id = null,
          -- The margin may be another one by now.
          sellable_until = coalesce(expires_at - (
            select make_interval(hours => expiry_margin_hours) from variants
            where variants.shop_id = $1 and variants.id = codes.variant_id), 'infinity')
        where shop_id = $1 and state = 'reserved' and order_line_id = any (array(
          select id from order_lines where shop_id = $1 and order_id = $2))
        """,
        shop, order,
    )  # fmt: skip
