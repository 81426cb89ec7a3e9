"""The console's first page: how the shop is doing and what is left to do."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import Enum

from keystall.graphql import loads
from keystall.graphql.admin.catalog import Variant, variant
from keystall.graphql.admin.families import ShopUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import described, enum_type, object_type, resolver, value
from keystall.graphql.refusals import Payload
from keystall.graphql.scalars import URL, Money, money
from keystall.platform import clock
from keystall.tenants.catalog.availability import low_stock
from keystall.tenants.code_reports.queries import count_open_reports
from keystall.tenants.orders.queries import (
    DaySales,
    count_orders,
    count_refunds_due,
    sales_by_day,
)
from keystall.tenants.shops import queries
from keystall.tenants.shops.service import checklist_dismiss

DAYS = 30
LOW_STOCK_SHOWN = 20


@enum_type
class ChecklistStepKind(Enum):
    """A step on the way to a first sale."""

    PRODUCT = value("product", "Add a product.")
    CODES = value("codes", "Put codes in stock.")
    CONTACT = value("contact", "Say where buyers can reach you.")
    TEST_SALE = value("test_sale", "A first sale: buy from yourself through the sandbox.")


@object_type
class ChecklistStep:
    """One step on the way to a first sale."""

    kind: ChecklistStepKind = described("Which step.")
    done: bool = described("Whether it is done.")


@object_type
class Checklist:
    """What is left to do until a first sale."""

    steps: list[ChecklistStep] = described("The steps, in the order that works best.", assumed=4)
    complete: bool = described("Whether every step is done.")
    dismissed: bool = described("Whether the merchant has put the checklist away.")
    share_url: URL = described("The address to share; pages draw its QR code themselves.")


@object_type
class Sales:
    """Sales over stretches of days (UTC), in one currency."""

    currency_code: str = described("ISO 4217 code of all amounts beside it.")
    today: Money = described("What was sold today.")
    last7_days: Money = described("What was sold in the last 7 days, today included.")
    last30_days: Money = described("What was sold in the last 30 days, today included.")


@object_type
class DailyOrders:
    """Orders delivered on one day."""

    date: str = described("The day (UTC), as YYYY-MM-DD.")
    count: int = described("How many orders were delivered.")


@object_type
class Dashboard:
    """How the shop is doing."""

    sales: list[Sales] = described("Sales per currency, the default currency first.", assumed=2)
    orders_by_day: list[DailyOrders] = described(
        "Orders on each of the last 30 days, oldest first, days without any included.", assumed=14
    )
    orders_to_do: int = described(
        "Orders that wait for the merchant: those whose refund is due by hand."
    )
    attention: int = described(
        "How many refunds that are due and reports of bad codes wait for the merchant."
    )
    low_stock: list[Variant] = described(
        "Variants on sale with few or no codes left, the emptiest first; 20 at most.", assumed=5
    )


@object_type
class ChecklistDismissPayload(Payload[ShopUserError]):
    """The answer to checklistDismiss."""

    checklist: Checklist = described("The checklist as it is now.")


@object_type
class ChecklistMutation:
    """What a merchant does with the first-sale checklist."""

    @resolver
    async def checklist_dismiss(self, info: Info) -> ChecklistDismissPayload:
        """Puts the first-sale checklist away, for good."""
        context = info.context
        await checklist_dismiss(context.installation, context.require_shop().id)
        await context.renew()
        return ChecklistDismissPayload(checklist=await checklist(context), user_errors=[])


async def checklist(context: RequestContext) -> Checklist:
    """The first-sale checklist of the request's shop."""
    shop = context.require_shop()
    found = await queries.checklist(context.reader, shop.id)
    done = (found.has_product, found.has_codes, found.has_contact, found.had_sale)
    return Checklist(
        steps=[
            ChecklistStep(kind=kind, done=step)
            for kind, step in zip(ChecklistStepKind, done, strict=True)
        ],
        complete=all(done),
        dismissed=found.dismissed,
        share_url=URL(context.installation.settings.shop_url(shop.slug)),
    )


async def dashboard(context: RequestContext) -> Dashboard:
    """How the request's shop is doing today."""
    shop, today = context.require_shop(), clock.now().date()
    days = await sales_by_day(context.reader, shop.id, until=today, days=DAYS)
    low = await low_stock(context.reader, shop.id, limit=LOW_STOCK_SHOWN)
    variants = await context.load_all(loads.variants, low)
    sold_in = {*shop.currencies, *(day.currency for day in days)}
    ordered = sorted(sold_in, key=lambda currency: (currency != shop.default_currency, currency))
    return Dashboard(
        sales=[_sales(days, currency, today, context.locale) for currency in ordered],
        orders_by_day=_by_day(days, today),
        orders_to_do=await count_orders(context.reader, shop.id, "refund_due"),
        attention=await count_refunds_due(context.reader, shop.id)
        + await count_open_reports(context.reader, shop.id),
        low_stock=[variant(found) for found in variants if found is not None],
    )


def _sales(days: Sequence[DaySales], currency: str, today: date, locale: str) -> Sales:
    def last(count: int) -> Money:
        since = today - timedelta(days=count - 1)
        amounts = (d.amount for d in days if d.currency == currency and d.day >= since)
        return money(sum(amounts), currency, locale)

    return Sales(currency_code=currency, today=last(1), last7_days=last(7), last30_days=last(DAYS))


def _by_day(days: Sequence[DaySales], today: date) -> list[DailyOrders]:
    counts: dict[date, int] = {}
    for day in days:
        counts[day.day] = counts.get(day.day, 0) + day.orders
    dates = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    return [DailyOrders(date=day.isoformat(), count=counts.get(day, 0)) for day in dates]
