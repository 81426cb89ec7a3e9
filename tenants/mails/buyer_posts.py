"""What mails to buyers say; one who was erased is written to no more."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads, Transaction
from keystall.platform.money import Money
from keystall.tenants.customers.links import LINK_LIFE, link_to_mail
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.mails.codes import codes_to_mail
from keystall.tenants.mails.own_words import letter_name
from keystall.tenants.mails.port import (
    NO_CODES,
    NO_WORDS,
    CodeReportAnswered,
    CustomerSignIn,
    Letter,
    OrderDelivered,
    OrderLink,
    OrderRefunded,
)
from keystall.tenants.mails.posts import (
    Post,
    bought,
    order_row,
    order_told,
    refund_row,
    report_row,
    stall_of_order,
    stall_told,
)
from keystall.tenants.mails.wording import own_texts
from keystall.tenants.orders.buyers import ERASED
from keystall.tenants.orders.tokens import order_token


async def order_delivered(
    db: Transaction, installation: Installation, shop: UUID, order: UUID
) -> list[Post]:
    found = await order_told(db, shop, order)
    if found["email"] == ERASED:
        return []
    codes = NO_CODES
    if found["mail_codes"]:
        codes = await codes_to_mail(db, installation, shop, order)
    letter = OrderDelivered(
        stall=stall_of_order(installation, found),
        number=found["number"],
        token=order_token(installation.keys, shop, order),
        lines=bought(found),
        total=Money(found["total"], found["currency"]),
        codes=codes,
    )
    return await _to_buyer(db, found, letter)


async def order_link(db: Reads, installation: Installation, shop: UUID, order: UUID) -> list[Post]:
    """Nothing where there is no such order: most likely somebody guessed."""
    found = await db.row("select * from orders where shop_id = $1 and id = $2", shop, order)
    if found is None:
        return []
    letter = OrderLink(
        stall=await stall_told(db, installation, shop),
        number=found["number"],
        token=order_token(installation.keys, shop, order),
    )
    return await _to_buyer(db, found, letter)


async def order_refunded(
    db: Reads, installation: Installation, shop: UUID, refund: UUID
) -> list[Post]:
    back = await refund_row(db, shop, refund)
    found = await order_row(db, shop, back["order_id"])
    letter = OrderRefunded(
        stall=await stall_told(db, installation, shop),
        number=found["number"],
        token=order_token(installation.keys, shop, back["order_id"]),
        amount=Money(back["amount"], back["currency"]),
        reason=back["reason"],
        said=back["note"],
        by_hand=back["by_hand"],
    )
    return await _to_buyer(db, found, letter)


async def code_report_answered(
    db: Transaction, installation: Installation, shop: UUID, report: UUID
) -> list[Post]:
    told = await report_row(db, shop, report)
    found = await order_told(db, shop, told["order_id"])
    if found["email"] == ERASED:
        return []
    fresh, codes = told["replacement_id"], NO_CODES
    if found["mail_codes"] and told["state"] == "replaced" and fresh is not None:
        codes = await codes_to_mail(db, installation, shop, told["order_id"], only=fresh)
    letter = CodeReportAnswered(
        stall=stall_of_order(installation, found),
        number=found["number"],
        token=order_token(installation.keys, shop, told["order_id"]),
        outcome=told["state"],
        said=told["answer"],
        codes=codes,
    )
    return await _to_buyer(db, found, letter)


async def customer_link(
    db: Reads, installation: Installation, shop: UUID, subject: UUID
) -> list[Post]:
    """Nothing for a link that was used or is too old."""
    link = await link_to_mail(db, installation, shop, subject)
    if link is None:
        return []
    stall = await stall_told(db, installation, shop)
    letter = CustomerSignIn(stall, link.token, minutes=LINK_LIFE.seconds // 60)
    locale = known_locale(link.locale)
    return [Post(link.email, locale, letter, own=await _own(db, shop, letter, locale))]


async def _to_buyer(db: Reads, order: Any, letter: Letter) -> list[Post]:
    if order["email"] == ERASED:
        return []
    locale = known_locale(order["locale"])
    own = await _own(db, order["shop_id"], letter, locale)
    return [Post(order["email"], locale, letter, order["id"], own)]


async def _own(db: Reads, shop: UUID, letter: Letter, locale: str) -> Mapping[str, str]:
    name = letter_name(letter)
    return NO_WORDS if name is None else await own_texts(db, shop, name, locale)
