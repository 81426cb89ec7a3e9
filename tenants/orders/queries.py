"""Reading orders. Lists of ids in, mappings by order id out, so that a page of orders costs the
same number of statements as one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads, Row
from keystall.tenants.columns import NOTHING, UNREAD, columns, named
from keystall.tenants.orders.status import OrderStatus


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order. Amounts in minor units of `currency`; `buyer_fields`: key, label, value each, which
    lists may leave UNREAD."""

    id: UUID
    number: str
    email: str
    locale: str
    currency: str
    total: int
    status: OrderStatus
    expires_at: datetime
    created_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None
    buyer_fields: list[dict[str, str]] = UNREAD


@dataclass(frozen=True, slots=True)
class OrderLineView:
    """A line as it was bought."""

    id: UUID
    order_id: UUID
    variant_id: UUID
    product_name: str
    variant_name: str
    quantity: int
    unit_price: int

    @property
    def total(self) -> int:
        """Price of the whole line."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class OrderEventView:
    """Something that happened; `kind` such as "order.paid"."""

    order_id: UUID
    kind: str
    data: dict[str, Any]
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment as asked for; `taken` and `fee` sum what the provider took for it, first at
    `paid_at`."""

    id: UUID
    order_id: UUID
    account_id: UUID
    provider: str
    amount: int
    currency: str
    state: str
    redirect_url: str | None
    provider_reference: str | None
    created_at: datetime
    paid_at: datetime | None
    taken: int
    fee: int


@dataclass(frozen=True, slots=True)
class TakenView:
    """What delivered an order, and how much of it went back or is on its way. Minor units."""

    order_id: UUID
    amount: int
    refunded: int
    currency: str


@dataclass(frozen=True, slots=True)
class RefundView:
    """Money sent back, or to be sent back; `state`: see `payments/refunding.py`.

    `note`: the merchant's words for the buyer, `problem`: the provider's own, which lists may leave
    UNREAD; `by_hand`: sent past the provider; `bought_nothing`:
    all of a payment that bought nothing; `retriable`: the provider may yet send it if asked again.
    """

    id: UUID
    order_id: UUID
    amount: int
    currency: str
    reason: str
    state: str
    by_hand: bool
    bought_nothing: bool
    retriable: bool
    created_at: datetime
    settled_at: datetime | None
    problem: str = UNREAD
    note: str = UNREAD


_REFUND: Mapping[str, str] = {
    **{one.name: f"refunds.{one.name}" for one in fields(RefundView)},
    "bought_nothing": "takings.state = 'returned'",
    "retriable": "refunds.state = 'due' and coalesce(refunds.provider_reference, '') = ''",
}
_REFUNDS = "refunds join takings on takings.shop_id = $1 and takings.id = taking_id"


async def order_by_id(
    db: Reads, shop: UUID, order: UUID, *, without: frozenset[str] = NOTHING
) -> OrderView | None:
    """One order, or None where this shop has none of that id."""
    # By `=`: PostgreSQL plans it once, where it plans anew for each array.
    row = await db.row(
        f"select {columns(OrderView, without)} from orders where shop_id = $1 and id = $2",  # noqa: S608
        shop, order,
    )  # fmt: skip
    return None if row is None else OrderView(**row)


async def orders_by_id(
    db: Reads, shop: UUID, orders: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, OrderView]:
    """Orders of this shop by id; ids it has not are left out."""
    rows = await db.rows(
        f"select {columns(OrderView, without)} from orders"  # noqa: S608
        " where shop_id = $1 and id = any($2::uuid[])",
        shop, orders,
    )  # fmt: skip
    return {row["id"]: OrderView(**row) for row in rows}


async def orders_page(
    db: Reads,
    shop: UUID,
    *,
    query: str | None = None,
    status: str | None = None,
    after: UUID | None = None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[OrderView]:
    """Orders, newest first. `query`: an order number, or how the buyer's address begins."""
    text = (query or "").strip()
    # A range instead of LIKE: row-level security lets only leakproof comparisons use the index.
    rows = await db.rows(
        f"""
        select {columns(OrderView, without)} from orders
        where shop_id = $1
          and ($2::uuid is null or id < $2)
          and ($3::text is null or status = $3)
          and ($4 = '' or number = upper($4) or (email >= lower($4) and email < lower($4) || chr(1114111)))
        order by id desc limit $5
        """,  # noqa: S608, E501  (constants)
        shop, after, status, text, limit,
    )  # fmt: skip
    return [OrderView(**row) for row in rows]


async def orders_of_email(
    db: Reads,
    shop: UUID,
    email: str,
    *,
    after: UUID | None = None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[OrderView]:
    """Orders that were placed with an address, newest first: for whoever has proven it."""
    rows = await db.rows(
        f"select {columns(OrderView, without)} from orders where shop_id = $1 and email = $2"  # noqa: S608
        " and ($3::uuid is null or id < $3) order by id desc limit $4",
        shop, email, after, limit,
    )  # fmt: skip
    return [OrderView(**row) for row in rows]


async def lines_of_orders(
    db: Reads, shop: UUID, orders: Sequence[UUID]
) -> dict[UUID, list[OrderLineView]]:
    """The lines of each order, in their order."""
    rows = await db.rows(
        """
        select id, order_id, variant_id, product_name, variant_name, quantity, unit_price
        from order_lines where shop_id = $1 and order_id = any($2::uuid[])
        order by order_id, position
        """,
        shop, orders,
    )  # fmt: skip
    return _by_order(rows, OrderLineView)


async def events_of_orders(
    db: Reads, shop: UUID, orders: Sequence[UUID]
) -> dict[UUID, list[OrderEventView]]:
    """The timeline of each order, oldest first."""
    rows = await db.rows(
        """
        select order_id, kind, data, actor, at from order_events
        where shop_id = $1 and order_id = any($2::uuid[]) order by order_id, id
        """,
        shop, orders,
    )  # fmt: skip
    return _by_order(rows, OrderEventView)


async def payments_of_orders(
    db: Reads, shop: UUID, orders: Sequence[UUID]
) -> dict[UUID, list[PaymentView]]:
    """The payments of each order, oldest first."""
    rows = await db.rows(
        """
        select payments.id, payments.order_id, payments.account_id, provider, payments.amount,
               payments.currency, payments.state, redirect_url, payments.provider_reference,
               payments.created_at, taken.at as paid_at,
               coalesce(taken.amount, 0)::bigint as taken, coalesce(taken.fee, 0)::bigint as fee
        from payments
        join payment_accounts on payment_accounts.shop_id = $1 and payment_accounts.id = account_id
        left join lateral (
          select sum(takings.amount) as amount, sum(takings.fee) as fee, min(takings.at) as at
          from takings
          where takings.shop_id = $1 and takings.order_id = payments.order_id
            and takings.payment_id = payments.id) taken on true
        where payments.shop_id = $1 and payments.order_id = any($2::uuid[])
        order by payments.order_id, payments.id
        """,
        shop, orders,
    )  # fmt: skip
    return _by_order(rows, PaymentView)


async def refunds_of_orders(
    db: Reads, shop: UUID, orders: Sequence[UUID]
) -> dict[UUID, list[RefundView]]:
    """The refunds of each order, oldest first."""
    rows = await db.rows(
        f"select {named(_REFUND)} from {_REFUNDS}"  # noqa: S608  (constants)
        " where refunds.shop_id = $1 and refunds.order_id = any($2::uuid[])"
        " order by refunds.order_id, refunds.id",
        shop, orders,
    )  # fmt: skip
    return _by_order(rows, RefundView)


async def refunds_page(
    db: Reads,
    shop: UUID,
    *,
    status: str | None = None,
    bought_nothing: bool | None = None,
    after: UUID | None = None,
    limit: int,
    without: frozenset[str] = NOTHING,
) -> list[RefundView]:
    """Refunds, newest first. `bought_nothing`: only those of payments that bought nothing, or only
    the others."""
    rows = await db.rows(
        f"""
        select {named(_REFUND, without)} from {_REFUNDS} where refunds.shop_id = $1
          and ($2::uuid is null or refunds.id < $2)
          and ($3::text is null or refunds.state = $3)
          and ($4::boolean is null or (takings.state = 'returned') = $4)
        order by refunds.id desc limit $5
        """,  # noqa: S608  (constants)
        shop, after, status, bought_nothing, limit,
    )  # fmt: skip
    return [RefundView(**row) for row in rows]


async def refunds_by_id(
    db: Reads, shop: UUID, refunds: Sequence[UUID], *, without: frozenset[str] = NOTHING
) -> dict[UUID, RefundView]:
    """Refunds of this shop by id; ids it has not are left out."""
    rows = await db.rows(
        f"select {named(_REFUND, without)} from {_REFUNDS}"  # noqa: S608  (constants)
        " where refunds.shop_id = $1 and refunds.id = any($2::uuid[])",
        shop, refunds,
    )  # fmt: skip
    return {row["id"]: RefundView(**row) for row in rows}


async def count_refunds_due(db: Reads, shop: UUID) -> int:
    """How many refunds wait for the merchant's hand."""
    count: int = await db.value(
        "select count(*) from refunds where shop_id = $1 and state = 'due'", shop
    )
    return count


async def taken_of_orders(db: Reads, shop: UUID, orders: Sequence[UUID]) -> dict[UUID, TakenView]:
    """The payment that delivered each order; orders that no payment delivered are left out."""
    rows = await db.rows(
        "select order_id, amount, refunded, currency from takings where shop_id = $1"
        " and order_id = any($2::uuid[]) and state = 'delivered'",
        shop, orders,
    )  # fmt: skip
    return {row["order_id"]: TakenView(**row) for row in rows}


@dataclass(frozen=True, slots=True)
class DaySales:
    """What was delivered on one day (UTC) in one currency, in minor units."""

    day: date
    currency: str
    orders: int
    amount: int


async def sales_by_day(db: Reads, shop: UUID, *, until: date, days: int) -> list[DaySales]:
    """Delivered orders of the `days` days that end with `until`; days without any are left out."""
    rows = await db.rows(
        """
        select (delivered_at at time zone 'UTC')::date as day, currency, count(*) as orders,
               sum(total)::bigint as amount
        from orders where shop_id = $1 and status = 'delivered'
          and delivered_at >= $2::date and delivered_at < $3::date
        group by 1, 2 order by 1, 2
        """,
        shop, until - timedelta(days=days - 1), until + timedelta(days=1),
    )  # fmt: skip
    return [DaySales(**row) for row in rows]


async def count_orders(db: Reads, shop: UUID, status: str) -> int:
    """How many orders are in one state."""
    count: int = await db.value(
        "select count(*) from orders where shop_id = $1 and status = $2", shop, status
    )
    return count


def _by_order(rows: Sequence[Row], view: Any) -> dict[UUID, list[Any]]:
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(view(**row))
    return found
