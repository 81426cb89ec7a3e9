"""Codes as a CSV file for their merchant, and that they were exported.

Read a thousand at a time by id, a short transaction each, so that a million neither fill the memory
nor hold a connection. The export is recorded before the first code is opened.
"""

import asyncio
import csv
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from io import StringIO
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.stock.listing import made_at
from keystall.tenants.stock.previews import require_variant
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher

COLUMNS = ("id", "secret", "status", "product", "variant", "order", "batch", "created_at")

_PAGE = 1_000
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
            " select $1, $2, $3, count(*), $4, $5, $6 from codes"
            " where shop_id = $1 and variant_id = $3",
            shop, new_id(), variant, actor, address[:_LONGEST_NOTE], user_agent[:_LONGEST_NOTE],
        )  # fmt: skip
    return _lines(shop, variant, cipher)


async def _lines(shop: UUID, variant: UUID, cipher: ShopCipher) -> AsyncIterator[str]:
    # A mark, without which Excel takes UTF-8 for the machine's own encoding.
    yield "\ufeff" + csv_line(COLUMNS)
    after = UUID(int=0)
    while True:
        async with database.transaction(shop) as tx:
            rows = await tx.rows(
                """
                select codes.id, codes.variant_id, sealed, key_version, batch_id,
                  case when state = 'available' and sellable_until <= now() then 'expired'
                       else state end as status,
                  products.name as product, variants.name as variant, orders.number as order
                from codes
                join variants on variants.shop_id = $1 and variants.id = codes.variant_id
                join products on products.shop_id = $1 and products.id = product_id
                left join order_lines on order_lines.shop_id = $1 and order_lines.id = order_line_id
                left join orders on orders.shop_id = $1 and orders.id = order_id
                where codes.shop_id = $1 and codes.variant_id = $2 and codes.id > $3
                order by codes.id limit $4
                """,
                shop, variant, after, _PAGE,
            )  # fmt: skip
        if not rows:
            return
        after = rows[-1]["id"]
        yield await asyncio.to_thread(_page, rows, cipher)


def _page(rows: Sequence[Row], cipher: ShopCipher) -> str:
    return "".join(
        csv_line((
            str(row["id"]),
            cipher.open_code(row["variant_id"], row["id"], row["sealed"], row["key_version"]),
            row["status"],
            row["product"],
            row["variant"],
            row["order"] or "",
            str(row["batch_id"]),
            made_at(row["id"]).astimezone(UTC).isoformat(timespec="seconds"),
        ))
        for row in rows
    )  # fmt: skip
