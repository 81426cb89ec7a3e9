"""Opening codes. Every opening is recorded before the plain text leaves this module.

The codes of an order are asked for by an array of its lines, not by a join: whatever the planner
believes of the tables, it then reads these codes alone and not all that the shop ever sold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Reads, Row
from keystall.platform.ids import new_id
from keystall.tenants.columns import NOTHING
from keystall.tenants.installation import Installation
from keystall.tenants.stock.masking import mask
from keystall.tenants.stock.packs import text_in_pack
from keystall.tenants.stock.sealing import KeysDestroyed, ShopCipher, shop_cipher


@dataclass(frozen=True, slots=True)
class MaskedCode:
    """A code as it may be shown in a list; `masked` None where the shop's keys were destroyed."""

    id: UUID
    order_line_id: UUID | None
    masked: str | None


COLUMNS = "id, variant_id, sealed, key_version, order_line_id"


async def codes_of_order(
    db: Reads, installation: Installation, shop: UUID, order: UUID
) -> list[MaskedCode]:
    """The delivered codes of an order, masked, in the order they were put in stock."""
    return await masked(db, installation, shop, await codes_of_orders(db, shop, [order]))


async def codes_of_orders(
    db: Reads, shop: UUID, orders: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> Sequence[Row]:
    """The delivered codes of orders, sealed as they are stored, in the order they were put in
    stock; `order_line_id` tells whose each one is. For `masked`, if not `without` "sealed"."""
    sealed = "" if "sealed" in without else ", sealed"
    rows: Sequence[Row] = await db.rows(
        f"""
        select id, variant_id, key_version, order_line_id{sealed} from codes
        where shop_id = $1 and state = 'sold' and order_line_id = any (array(
          select id from order_lines where shop_id = $1 and order_id = any ($2::uuid[])))
        order by position
        """,  # noqa: S608  (a constant)
        shop, list(orders),
    )  # fmt: skip
    return rows


async def masked(
    db: Reads, installation: Installation, shop: UUID, rows: Sequence[Row]
) -> list[MaskedCode]:
    """Rows of `codes` (id, variant_id, sealed, key_version, order_line_id), opened and masked."""
    if not rows:
        return []
    try:
        cipher = await shop_cipher(db, installation.keys, shop)
    except KeysDestroyed:
        return [MaskedCode(row["id"], row["order_line_id"], None) for row in rows]
    return [
        MaskedCode(
            row["id"],
            row["order_line_id"],
            mask(cipher.open_code(row["variant_id"], row["id"], row["sealed"], row["key_version"])),
        )
        for row in rows
    ]


async def reveal_order_codes(
    installation: Installation, shop: UUID, order: UUID, *, address: str, good_only: bool = False
) -> dict[UUID, str]:
    """The plain codes of a delivered order for its buyer, by code id; recorded as a reveal each.
    `good_only` leaves out those that turned out bad.

    Raises KeysDestroyed where nobody can read them any more.
    """
    async with database.transaction(shop, few=True) as tx:
        cipher = await shop_cipher(tx, installation.keys, shop)
        # Read and recorded by one statement; opened before it commits, or nothing is recorded.
        rows = await tx.rows(
            f"""
            with opened as (
              select {COLUMNS}, position from codes
              where shop_id = $1 and state = 'sold' and not ($3 and bad_at is not null)
                and order_line_id = any (array(
                select id from order_lines where shop_id = $1 and order_id = $2))
            ), recorded as (
              insert into reveals (shop_id, id, code_id, actor, address, user_agent)
              select $1, row_id(), id, 'buyer', $4, '' from opened order by position)
            select {COLUMNS} from opened order by position
            """,  # noqa: S608  (a constant)
            shop, order, good_only, address,
        )  # fmt: skip
        return _opened(cipher, rows)


async def reveal_code(
    installation: Installation,
    shop: UUID,
    code: UUID,
    *,
    actor: str,
    address: str,
    user_agent: str = "",
) -> str | None:
    """One plain code for the merchant; recorded. None where the shop has no such code.

    Refuses KEYS_DESTROYED.
    """
    async with database.transaction(shop) as tx:
        cipher = await shop_cipher(tx, installation.keys, shop)
        # Packs first: a code goes from a pack to a row, never back.
        packed = await text_in_pack(tx, cipher, shop, code)
        if packed is not None:
            await _record(tx, shop, [code], actor, address, user_agent)
            return packed
        rows = await tx.rows(
            f"select {COLUMNS} from codes where shop_id = $1 and id = $2",  # noqa: S608
            shop, code,
        )  # fmt: skip
        opened = await reveal_rows(
            tx, cipher, shop, rows, actor=actor, address=address, user_agent=user_agent
        )
        return opened.get(code)


async def reveal_rows(
    tx: database.Transaction,
    cipher: ShopCipher,
    shop: UUID,
    rows: Sequence[Row],
    *,
    actor: str,
    address: str,
    user_agent: str = "",
) -> dict[UUID, str]:
    """The plain codes of `rows`, by id; each is recorded first as shown to `actor`."""
    if not rows:
        return {}
    await _record(tx, shop, [row["id"] for row in rows], actor, address, user_agent)
    return _opened(cipher, rows)


async def _record(
    tx: database.Transaction, shop: UUID, codes: Sequence[UUID], actor: str, address: str,
    user_agent: str,
) -> None:  # fmt: skip
    await tx.execute(
        "insert into reveals (shop_id, id, code_id, actor, address, user_agent)"
        " select $1, t.id, t.code_id, $4, $5, $6"
        " from unnest($2::uuid[], $3::uuid[]) as t (id, code_id)",
        shop, [new_id() for _ in codes], list(codes), actor, address, user_agent[:500],
    )  # fmt: skip


def _opened(cipher: ShopCipher, rows: Sequence[Row]) -> dict[UUID, str]:
    return {
        row["id"]: cipher.open_code(row["variant_id"], row["id"], row["sealed"], row["key_version"])
        for row in rows
    }
