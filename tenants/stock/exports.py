"""Codes as a CSV file for their merchant, and that they were exported.

Read some thousands at a time by id, a short transaction each, so that a million neither fill the
memory nor hold a connection. The export is recorded before the first code is opened.
"""

import asyncio
import csv
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC
from io import StringIO
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.stock.listing import made_at
from keystall.tenants.stock.packs import last_id, opened
from keystall.tenants.stock.previews import require_variant
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher

COLUMNS = ("id", "secret", "status", "product", "variant", "order", "batch", "created_at")

_PAGE = 1_000
_PACKS = 10
"""Codes in rows, and packs of them, that are read at once."""
_LONGEST_NOTE = 500
# A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Sequence[str]) -> str:
    """One line of CSV (RFC 4180) that no spreadsheet takes for formulas: where a cell could be one,
    an apostrophe goes before it."""
    out = StringIO()
    safe = [f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell for cell in cells]
    csv.writer(out, lineterminator="\r\n").writerow(safe)
    return out.getvalue()


async def codes_export(
    installation: Installation,
    shop: UUID,
    variant: UUID,
    *,
    actor: str,
    address: str,
    user_agent: str,
) -> AsyncIterator[str]:
    """The lines of a CSV file of all codes of a variant, in the order they came; recorded.

    Refuses NOT_FOUND. What it answers has to be iterated at once: it opens codes as it goes.
    """
    async with database.transaction(shop) as tx:
        await require_variant(tx, shop, variant)
        cipher = await shop_cipher(tx, installation.keys, shop)
        await tx.execute(
            "insert into code_exports (shop_id, id, variant_id, codes, actor, address, user_agent)"
            " select $1, $2, $3, sum(codes), $4, $5, $6 from ("
            "  select count(*) as codes from codes where shop_id = $1 and variant_id = $3"
            "  union all"
            "  select sum(codes) from code_packs where shop_id = $1 and variant_id = $3) stock",
            shop, new_id(), variant, actor, address[:_LONGEST_NOTE], user_agent[:_LONGEST_NOTE],
        )  # fmt: skip
    return _lines(shop, variant, cipher)


async def _lines(shop: UUID, variant: UUID, cipher: ShopCipher) -> AsyncIterator[str]:
    # A mark, without which Excel takes UTF-8 for the machine's own encoding.
    yield "\ufeff" + csv_line(COLUMNS)
    after = UUID(int=0)
    while True:
        async with database.transaction(shop) as tx:
            rows = await tx.rows(_CODES, shop, variant, after)
        if not rows:
            return
        rows = _in_order(rows)
        after = last_id(rows[-1]["id"]) if rows[-1]["packed"] else rows[-1]["id"]
        yield await asyncio.to_thread(_page, rows, cipher)


_CODES = f"""
select stock.*, products.name as product, variants.name as variant, orders.number as order
from (
  (select id, variant_id, sealed, key_version, batch_id, order_line_id, 0 as packed,
     case when state = 'available' and sellable_until <= now() then 'expired' else state end
       as status
   from codes where shop_id = $1 and variant_id = $2 and id > $3 order by id limit {_PAGE})
  union all
  (select id, variant_id, sealed, key_version, batch_id, null, codes,
     case when sellable_until <= now() then 'expired' else 'available' end
   from code_packs where shop_id = $1 and variant_id = $2 and id > $3 order by id limit {_PACKS})
) stock
join variants on variants.shop_id = $1 and variants.id = stock.variant_id
join products on products.shop_id = $1 and products.id = product_id
left join order_lines on order_lines.shop_id = $1 and order_lines.id = order_line_id
left join orders on orders.shop_id = $1 and orders.id = order_id"""  # noqa: S608  (constants)


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Codes and packs by their ids, as far as there are no others between: to where one of the two
    was cut."""
    ids = {packed: sorted(row["id"] for row in rows if bool(row["packed"]) is packed)
           for packed in (False, True)}  # fmt: skip
    cut = [some[-1] for packed, some in ids.items() if len(some) == (_PACKS if packed else _PAGE)]
    found = [row for row in rows if not cut or row["id"] <= min(cut)]
    return sorted(found, key=lambda row: row["id"])


def _page(rows: Sequence[Row], cipher: ShopCipher) -> str:
    return "".join(
        csv_line((
            str(id_),
            text,
            row["status"],
            row["product"],
            row["variant"],
            row["order"] or "",
            str(row["batch_id"]),
            made_at(id_).astimezone(UTC).isoformat(timespec="seconds"),
        ))
        for row in rows
        for id_, text in _texts(cipher, row)
    )  # fmt: skip


def _texts(cipher: ShopCipher, row: Row) -> Iterable[tuple[UUID, str]]:
    if row["packed"]:
        return opened(cipher, row).items()
    sealed, version = row["sealed"], row["key_version"]
    return [(row["id"], cipher.open_code(row["variant_id"], row["id"], sealed, version))]
