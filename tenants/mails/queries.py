"""What each kind of mail has to say, and to whom: read when it is sent, ids in, letters out.

Every function answers no post where there is nothing to tell any more, or nobody: a buyer who was
erased is written to no more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from keystall.platform.database import Reads, Transaction
from keystall.platform.money import Money
from keystall.tenants.customers.links import LINK_LIFE, link_to_mail
from keystall.tenants.identity.links import account_link_to_mail
from keystall.tenants.identity.service import CONFIRM_LIFE, RESET_LIFE
from keystall.tenants.installation import Installation
from keystall.tenants.languages import known_locale
from keystall.tenants.mails.codes import codes_to_mail
from keystall.tenants.mails.own_words import letter_name
from keystall.tenants.mails.port import (
    NO_CODES,
    NO_WORDS,
    AccountConfirm,
    AccountReset,
    Bought,
    CodeReportAnswered,
    CustomerSignIn,
    Letter,
    MerchantApproved,
    MerchantCodeReport,
    MerchantDeclined,
    MerchantListingStopped,
    MerchantLowStock,
    MerchantOrder,
    MerchantRefundDue,
    MerchantSoldOut,
    OrderDelivered,
    OrderLink,
    OrderRefunded,
    RecoveryCodesLow,
    SecondStepSwitched,
    StaffInvitation,
    Stall,
)
from keystall.tenants.mails.wording import own_texts
from keystall.tenants.orders.buyers import ERASED
from keystall.tenants.orders.tokens import order_token
from keystall.tenants.staff.invitations import LIFE as INVITATION_LIFE
from keystall.tenants.staff.invitations import invitation_to_mail
from keystall.tenants.stock.low_stock import in_words, low_stock_of


@dataclass(frozen=True, slots=True)
class Post:
    """One letter to one reader. `order`: whose timeline tells when it was refused, if any's.
    `own`: the shop's own words for it, by message key."""

    to: str
    locale: str
    letter: Letter
    order: UUID | None = None
    own: Mapping[str, str] = field(default_factory=dict)


async def order_delivered(
    db: Transaction, installation: Installation, shop: UUID, order: UUID
) -> list[Post]:
    found = await _order(db, shop, order)
    if found["email"] == ERASED:
        return []
    stall = await _stall(db, installation, shop)
    letter = OrderDelivered(
        stall=stall,
        number=found["number"],
        token=order_token(installation.keys, shop, order),
        lines=await _lines(db, shop, order, found["currency"]),
        total=Money(found["total"], found["currency"]),
        codes=await codes_to_mail(db, installation, shop, order),
    )
    return await _to_buyer(db, found, letter)


async def order_link(db: Reads, installation: Installation, shop: UUID, order: UUID) -> list[Post]:
    """Nothing where there is no such order: most likely somebody guessed."""
    found = await db.row("select * from orders where shop_id = $1 and id = $2", shop, order)
    if found is None:
        return []
    letter = OrderLink(
        stall=await _stall(db, installation, shop),
        number=found["number"],
        token=order_token(installation.keys, shop, order),
    )
    return await _to_buyer(db, found, letter)


async def order_refunded(
    db: Reads, installation: Installation, shop: UUID, refund: UUID
) -> list[Post]:
    back = await _refund(db, shop, refund)
    found = await _order(db, shop, back["order_id"])
    letter = OrderRefunded(
        stall=await _stall(db, installation, shop),
        number=found["number"],
        token=order_token(installation.keys, shop, back["order_id"]),
        amount=Money(back["amount"], back["currency"]),
        reason=back["reason"],
        said=back["note"],
        by_hand=back["by_hand"],
    )
    return await _to_buyer(db, found, letter)


async def merchant_order(
    db: Reads, installation: Installation, shop: UUID, order: UUID
) -> list[Post]:
    found = await _order(db, shop, order)
    letter = MerchantOrder(
        stall=await _stall(db, installation, shop),
        order=order,
        number=found["number"],
        buyer=found["email"],
        lines=await _lines(db, shop, order, found["currency"]),
        total=Money(found["total"], found["currency"]),
    )
    return await _to_merchants(db, letter, order)


async def merchant_sold_out(
    db: Reads, installation: Installation, shop: UUID, variant: UUID
) -> list[Post]:
    """Nothing where codes came in since, or where the variant is not sold any more."""
    found = await db.row(
        """
        select products.name as product, variants.name as variant from variants
        join products on products.shop_id = $1 and products.id = product_id
        where variants.shop_id = $1 and variants.id = $2 and archived_at is null
          and not exists (select from codes where codes.shop_id = $1 and variant_id = $2
                          and state = 'available' and sellable_until > now())
        """,
        shop, variant,
    )  # fmt: skip
    if found is None:
        return []
    letter = MerchantSoldOut(
        stall=await _stall(db, installation, shop),
        variant=variant,
        product=found["product"],
        variant_name=found["variant"],
    )
    return await _to_merchants(db, letter)


async def merchant_low_stock(
    db: Reads, installation: Installation, shop: UUID, variant: UUID
) -> list[Post]:
    """Nothing where codes came in since, or the last one went, which another mail tells."""
    found = await low_stock_of(db, shop, variant)
    if found is None:
        return []
    letter = MerchantLowStock(
        stall=await _stall(db, installation, shop),
        variant=variant,
        product=found.product,
        variant_name=found.variant,
        free=found.free,
        lasts=None if found.lasts is None else in_words(found.lasts),
    )
    return await _to_merchants(db, letter)


async def merchant_refund_due(
    db: Reads, installation: Installation, shop: UUID, refund: UUID
) -> list[Post]:
    back = await _refund(db, shop, refund)
    found = await _order(db, shop, back["order_id"])
    letter = MerchantRefundDue(
        stall=await _stall(db, installation, shop),
        order=back["order_id"],
        number=found["number"],
        buyer=found["email"],
        amount=Money(back["amount"], back["currency"]),
        reason=back["reason"],
    )
    return await _to_merchants(db, letter, back["order_id"])


async def merchant_code_report(
    db: Reads, installation: Installation, shop: UUID, report: UUID
) -> list[Post]:
    """Nothing where the report was answered since."""
    told = await _report(db, shop, report)
    if told["state"] != "open":
        return []
    found = await _order(db, shop, told["order_id"])
    letter = MerchantCodeReport(
        stall=await _stall(db, installation, shop),
        order=told["order_id"],
        number=found["number"],
        buyer=found["email"],
        product=told["product_name"],
        variant_name=told["variant_name"],
        reason=told["reason"],
        note=told["note"],
    )
    return await _to_merchants(db, letter, told["order_id"])


async def code_report_answered(
    db: Transaction, installation: Installation, shop: UUID, report: UUID
) -> list[Post]:
    told = await _report(db, shop, report)
    found = await _order(db, shop, told["order_id"])
    if found["email"] == ERASED:
        return []
    fresh, codes = told["replacement_id"], NO_CODES
    if told["state"] == "replaced" and fresh is not None:
        codes = await codes_to_mail(db, installation, shop, told["order_id"], only=fresh)
    letter = CodeReportAnswered(
        stall=await _stall(db, installation, shop),
        number=found["number"],
        token=order_token(installation.keys, shop, told["order_id"]),
        outcome=told["state"],
        said=told["answer"],
        codes=codes,
    )
    return await _to_buyer(db, found, letter)


async def merchant_reviewed(
    db: Reads, installation: Installation, shop: UUID, subject: UUID
) -> list[Post]:
    """What the operator's verdict is now; nothing where it was taken back since."""
    found = await _found(db, "select status, status_reason from shops where id = $1", shop)
    stall = await _stall(db, installation, shop)
    if found["status"] == "declined":
        return await _to_merchants(db, MerchantDeclined(stall, found["status_reason"]))
    return await _to_merchants(db, MerchantApproved(stall)) if found["status"] == "open" else []


async def merchant_listing_stopped(
    db: Reads, installation: Installation, shop: UUID, product: UUID
) -> list[Post]:
    """Nothing where the product is on sale again."""
    found = await _found(db, "select * from products where shop_id = $1 and id = $2", shop, product)
    if not found["stopped_reason"]:
        return []
    letter = MerchantListingStopped(
        stall=await _stall(db, installation, shop),
        product=product,
        product_name=found["name"],
        reason=found["stopped_reason"],
    )
    return await _to_merchants(db, letter)


async def staff_invitation(
    db: Reads, installation: Installation, shop: UUID, invitation: UUID
) -> list[Post]:
    """Nothing for an invitation that was withdrawn, accepted or is too old."""
    found = await invitation_to_mail(db, installation, shop, invitation)
    if found is None:
        return []
    letter = StaffInvitation(
        stall=await _stall(db, installation, shop),
        invited_by=found.invited_by,
        role=found.role,
        token=found.token,
        days=INVITATION_LIFE.days,
    )
    return [Post(found.email, known_locale(found.locale), letter)]


async def account_mail(
    db: Reads, installation: Installation, shop: UUID, token_id: UUID
) -> list[Post]:
    """Nothing for a link that was used or is too old."""
    link = await account_link_to_mail(db, installation.keys, token_id)
    if link is None:
        return []
    public_url = installation.settings.public_url
    letter: Letter
    if link.purpose == "confirm":
        letter = AccountConfirm(public_url, link.token, days=CONFIRM_LIFE.days)
    else:
        letter = AccountReset(public_url, link.token, hours=RESET_LIFE.seconds // 3600)
    return [Post(link.email, known_locale(link.locale), letter)]


async def totp_on(db: Reads, installation: Installation, shop: UUID, account: UUID) -> list[Post]:
    letter = SecondStepSwitched(installation.settings.public_url, on=True)
    return [Post(email, locale, letter) for email, locale, _ in await _owner(db, account)]


async def totp_off(db: Reads, installation: Installation, shop: UUID, account: UUID) -> list[Post]:
    letter = SecondStepSwitched(installation.settings.public_url, on=False)
    return [Post(email, locale, letter) for email, locale, _ in await _owner(db, account)]


async def recovery_codes_low(
    db: Reads, installation: Installation, shop: UUID, account: UUID
) -> list[Post]:
    public_url = installation.settings.public_url
    return [
        Post(email, locale, RecoveryCodesLow(public_url, left))
        for email, locale, left in await _owner(db, account)
    ]


async def _owner(db: Reads, account: UUID) -> list[tuple[str, str, int]]:
    """Address and language of an account's owner, and their recovery codes left; nobody where the
    account is gone."""
    rows = await db.rows("select * from second_step_reader($1)", account)
    return [(row["email"], known_locale(row["locale"]), row["codes_left"]) for row in rows]


async def customer_link(
    db: Reads, installation: Installation, shop: UUID, subject: UUID
) -> list[Post]:
    """Nothing for a link that was used or is too old."""
    link = await link_to_mail(db, installation, shop, subject)
    if link is None:
        return []
    stall = await _stall(db, installation, shop)
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


async def _to_merchants(db: Reads, letter: Letter, order: UUID | None = None) -> list[Post]:
    rows = await db.rows("select email, locale from shop_merchants() order by email")
    return [Post(row["email"], known_locale(row["locale"]), letter, order) for row in rows]


async def _stall(db: Reads, installation: Installation, shop: UUID) -> Stall:
    found = await _found(db, "select * from shops where id = $1", shop)
    return Stall(
        name=found["name"],
        slug=found["slug"],
        url=installation.settings.shop_url(found["slug"]),
        contact=found["contact"],
        public_url=installation.settings.public_url,
    )


async def _order(db: Reads, shop: UUID, order: UUID) -> Any:
    return await _found(db, "select * from orders where shop_id = $1 and id = $2", shop, order)


async def _refund(db: Reads, shop: UUID, refund: UUID) -> Any:
    return await _found(db, "select * from refunds where shop_id = $1 and id = $2", shop, refund)


async def _report(db: Reads, shop: UUID, report: UUID) -> Any:
    return await _found(
        db,
        "select code_reports.*, product_name, variant_name from code_reports join order_lines"
        " on order_lines.shop_id = $1 and order_lines.id = order_line_id"
        " where code_reports.shop_id = $1 and code_reports.id = $2",
        shop, report,
    )  # fmt: skip


async def _found(db: Reads, sql: str, *args: object) -> Any:
    row = await db.row(sql, *args)
    if row is None:
        raise LookupError("work about a row that is not there; such rows are never deleted")
    return row


async def _lines(db: Reads, shop: UUID, order: UUID, currency: str) -> tuple[Bought, ...]:
    rows: Sequence[Any] = await db.rows(
        "select * from order_lines where shop_id = $1 and order_id = $2 order by position",
        shop, order,
    )  # fmt: skip
    return tuple(
        Bought(
            product=row["product_name"],
            variant=row["variant_name"],
            quantity=row["quantity"],
            total=Money(row["quantity"] * row["unit_price"], currency),
        )
        for row in rows
    )
