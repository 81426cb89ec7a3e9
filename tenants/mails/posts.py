"""Letters on their way: to whom, in which language, and what several kinds of them tell.

A kind of mail is a function, in the module of its readers, that reads ids when it is sent and
answers posts; none where there is nothing to tell any more, or nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads
from keystall.platform.money import Money
from keystall.tenants.installation import Installation
from keystall.tenants.mails.port import Bought, Letter, Stall
from keystall.tenants.shops.queries import shop_by_id
from keystall.tenants.shops.shop import Shop

_GONE = "work about a row that is not there; such rows are never deleted"


@dataclass(frozen=True, slots=True)
class Post:
    """One letter to one reader. `order`: whose timeline tells when it was refused, if any's.
    `own`: the shop's own words for it, by message key."""

    to: str
    locale: str
    letter: Letter
    order: UUID | None = None
    own: Mapping[str, str] = field(default_factory=dict)


def stall_of(installation: Installation, shop: Shop) -> Stall:
    """A shop as its letters know it."""
    return _stall(installation, shop.name, shop.slug, shop.contact)


def _stall(installation: Installation, name: str, slug: str, contact: str) -> Stall:
    return Stall(
        name=name,
        slug=slug,
        url=installation.settings.shop_url(slug),
        contact=contact,
        public_url=installation.settings.public_url,
    )


async def stall_told(db: Reads, installation: Installation, shop: UUID) -> Stall:
    """The shop as its letters know it."""
    found = await shop_by_id(db, shop)
    if found is None:
        raise LookupError(_GONE)
    return stall_of(installation, found)


async def order_row(db: Reads, shop: UUID, order: UUID) -> Any:
    """An order's row."""
    return await row_of(db, "select * from orders where shop_id = $1 and id = $2", shop, order)


async def order_told(db: Reads, shop: UUID, order: UUID) -> Any:
    """An order's row, with what was bought (`lines`: see `bought`), what letters tell of its shop
    (see `stall_of_order`), and whether that mails codes (`mail_codes`)."""
    return await row_of(
        db,
        """
        select orders.*, mail_codes, shops.name as shop_name, slug, contact, (
          select jsonb_agg(jsonb_build_object(
                   'product', product_name, 'variant', variant_name,
                   'quantity', quantity, 'price', unit_price) order by position)
          from order_lines where order_lines.shop_id = $1 and order_id = $2) as lines
        from orders join shops on shops.id = $1 where orders.shop_id = $1 and orders.id = $2
        """,
        shop, order,
    )  # fmt: skip


def stall_of_order(installation: Installation, order: Any) -> Stall:
    """The shop of an `order_told`, as its letters know it."""
    return _stall(installation, order["shop_name"], order["slug"], order["contact"])


def bought(order: Any) -> tuple[Bought, ...]:
    """What was bought, as letters list it."""
    return tuple(
        Bought(
            product=line["product"],
            variant=line["variant"],
            quantity=line["quantity"],
            total=Money(line["quantity"] * line["price"], order["currency"]),
        )
        for line in order["lines"]
    )


async def refund_row(db: Reads, shop: UUID, refund: UUID) -> Any:
    """A refund's row."""
    return await row_of(db, "select * from refunds where shop_id = $1 and id = $2", shop, refund)


async def report_row(db: Reads, shop: UUID, report: UUID) -> Any:
    """A report of a code, with what was bought."""
    return await row_of(
        db,
        "select code_reports.*, product_name, variant_name from code_reports join order_lines"
        " on order_lines.shop_id = $1 and order_lines.id = order_line_id"
        " where code_reports.shop_id = $1 and code_reports.id = $2",
        shop, report,
    )  # fmt: skip


async def row_of(db: Reads, sql: str, *args: object) -> Any:
    """The row that a piece of work is about."""
    row = await db.row(sql, *args)
    if row is None:
        raise LookupError(_GONE)
    return row
