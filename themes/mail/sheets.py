"""From a letter to a sheet: every sentence, number and address of a mail, without its looks. Pure.

All mails are laid out alike, so one template of each format shows any sheet.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from keystall.graphql import ids
from keystall.platform.money import Money, format_money
from keystall.tenants.mails.port import (
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
    StaffInvitation,
    Stall,
)
from keystall.themes.engine.messages import URL_CODES, Messages

_PRODUCT = "Keystall"
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SUBJECT_NAME = 40
"""Characters of a shop's or product's name that a subject shows."""


@dataclass(frozen=True, slots=True)
class Item:
    """One bought thing; `amount` is text, money and all."""

    name: str
    quantity: int
    amount: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a mail shows, in order. `sender` empty: the installation's own name."""

    brand: str
    subject: str
    title: str
    lead: str
    action: str
    url: str
    footer: str
    sender: str = ""
    items: tuple[Item, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    note: str = ""
    contact: str = ""


def sheet(letter: Letter, messages: Messages) -> Sheet:
    """The sheet of a letter in the language of `messages`."""
    match letter:
        case OrderDelivered():
            return _order_delivered(letter, messages)
        case OrderLink():
            return _order_link(letter, messages)
        case OrderRefunded():
            return _order_refunded(letter, messages)
        case MerchantOrder():
            return _merchant_order(letter, messages)
        case MerchantSoldOut():
            return _merchant_sold_out(letter, messages)
        case MerchantLowStock():
            return _merchant_low_stock(letter, messages)
        case MerchantRefundDue():
            return _merchant_refund_due(letter, messages)
        case MerchantCodeReport():
            return _merchant_code_report(letter, messages)
        case CodeReportAnswered():
            return _code_report_answered(letter, messages)
        case MerchantApproved():
            return _merchant_approved(letter, messages)
        case MerchantDeclined():
            return _merchant_declined(letter, messages)
        case MerchantListingStopped():
            return _merchant_listing_stopped(letter, messages)
        case AccountConfirm():
            return _account_confirm(letter, messages)
        case AccountReset():
            return _account_reset(letter, messages)
        case CustomerSignIn():
            return _customer_sign_in(letter, messages)
        case StaffInvitation():
            return _staff_invitation(letter, messages)


def _order_delivered(letter: OrderDelivered, m: Messages) -> Sheet:
    return Sheet(
        brand=letter.stall.name,
        sender=m.t("mail.sender", shop=_one_line(letter.stall.name)),
        subject=m.t("mail.order_delivered.subject", number=letter.number),
        title=m.t("mail.order_delivered.title"),
        lead=m.t("mail.order_delivered.lead"),
        items=_items(letter.lines, m),
        facts=(
            (m.t("mail.total"), _money(letter.total, m)),
            (m.t("mail.order_number"), letter.number),
        ),
        action=m.t("mail.order_delivered.action"),
        url=_order_url(letter.stall, letter.token, m),
        note=m.t("mail.order_delivered.note"),
        contact=letter.stall.contact,
        footer=m.t("mail.footer.buyer", shop=letter.stall.name),
    )


def _order_link(letter: OrderLink, m: Messages) -> Sheet:
    return Sheet(
        brand=letter.stall.name,
        sender=m.t("mail.sender", shop=_one_line(letter.stall.name)),
        subject=m.t("mail.order_link.subject", number=letter.number),
        title=m.t("mail.order_link.title"),
        lead=m.t("mail.order_link.lead"),
        facts=((m.t("mail.order_number"), letter.number),),
        action=m.t("mail.order_link.action"),
        url=_order_url(letter.stall, letter.token, m),
        note=m.t("mail.order_link.note"),
        contact=letter.stall.contact,
        footer=m.t("mail.footer.buyer", shop=letter.stall.name),
    )


def _order_refunded(letter: OrderRefunded, m: Messages) -> Sheet:
    amount = _money(letter.amount, m)
    note = m.t("mail.order_refunded.by_hand") if letter.by_hand else m.t("mail.order_refunded.note")
    said = ((m.t("mail.order_refunded.said"), letter.said),) if letter.said else ()
    return Sheet(
        brand=letter.stall.name,
        sender=m.t("mail.sender", shop=_one_line(letter.stall.name)),
        subject=m.t("mail.order_refunded.subject", number=letter.number),
        title=m.t("mail.order_refunded.title", amount=amount),
        lead=m.label("mail.order_refunded.lead", letter.reason),
        facts=(*said, (m.t("mail.order_number"), letter.number)),
        action=m.t("mail.order_refunded.action"),
        url=_order_url(letter.stall, letter.token, m),
        note=note,
        contact=letter.stall.contact,
        footer=m.t("mail.footer.buyer", shop=letter.stall.name),
    )


def _merchant_order(letter: MerchantOrder, m: Messages) -> Sheet:
    total = _money(letter.total, m)
    return Sheet(
        brand=letter.stall.name,
        subject=m.t("mail.merchant_order.subject", shop=_short(letter.stall.name), total=total),
        title=m.t("mail.merchant_order.title", total=total),
        lead=m.t("mail.merchant_order.lead"),
        items=_items(letter.lines, m),
        facts=(
            (m.t("mail.total"), total),
            (m.t("mail.order_number"), letter.number),
            (m.t("mail.buyer"), letter.buyer),
        ),
        action=m.t("mail.merchant_order.action"),
        url=_console_url(letter.stall, "orders", "Order", letter.order),
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _merchant_sold_out(letter: MerchantSoldOut, m: Messages) -> Sheet:
    product = _goods(letter.product, letter.variant_name, m)
    return Sheet(
        brand=letter.stall.name,
        subject=m.t(
            "mail.merchant_sold_out.subject",
            shop=_short(letter.stall.name),
            product=_short(product),
        ),
        title=m.t("mail.merchant_sold_out.title", product=product),
        lead=m.t("mail.merchant_sold_out.lead"),
        action=m.t("mail.merchant_sold_out.action"),
        url=_console_url(letter.stall, "stock", "Variant", letter.variant),
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _merchant_low_stock(letter: MerchantLowStock, m: Messages) -> Sheet:
    product = _goods(letter.product, letter.variant_name, m)
    lead = m.t("mail.merchant_low_stock.lead_slow")
    if letter.lasts is not None:
        unit, count = letter.lasts
        if unit == "hours":
            span = m.t("mail.merchant_low_stock.hours", count=count)
        else:
            span = m.t("mail.merchant_low_stock.days", count=count)
        lead = m.t("mail.merchant_low_stock.lead", span=span)
    return Sheet(
        brand=letter.stall.name,
        subject=m.t(
            "mail.merchant_low_stock.subject",
            shop=_short(letter.stall.name),
            product=_short(product),
            count=letter.free,
        ),
        title=m.t("mail.merchant_low_stock.title", product=product, count=letter.free),
        lead=lead,
        action=m.t("mail.merchant_low_stock.action"),
        url=_console_url(letter.stall, "stock", "Variant", letter.variant),
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _merchant_refund_due(letter: MerchantRefundDue, m: Messages) -> Sheet:
    amount = _money(letter.amount, m)
    shop = _short(letter.stall.name)
    return Sheet(
        brand=letter.stall.name,
        subject=m.t("mail.merchant_refund_due.subject", shop=shop, amount=amount),
        title=m.t("mail.merchant_refund_due.title", amount=amount),
        lead=m.t("mail.merchant_refund_due.lead"),
        facts=(
            (m.t("mail.reason_label"), m.label("mail.merchant_refund_due.reason", letter.reason)),
            (m.t("mail.order_number"), letter.number),
            (m.t("mail.buyer"), letter.buyer),
        ),
        action=m.t("mail.merchant_refund_due.action"),
        url=_console_url(letter.stall, "orders", "Order", letter.order),
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _merchant_code_report(letter: MerchantCodeReport, m: Messages) -> Sheet:
    said = ((m.t("mail.merchant_code_report.note"), letter.note),) if letter.note else ()
    return Sheet(
        brand=letter.stall.name,
        subject=m.t("mail.merchant_code_report.subject", shop=_short(letter.stall.name)),
        title=m.t("mail.merchant_code_report.title"),
        lead=_goods(letter.product, letter.variant_name, m),
        facts=(
            (m.t("mail.reason_label"), m.label("mail.merchant_code_report.reason", letter.reason)),
            *said,
            (m.t("mail.order_number"), letter.number),
            (m.t("mail.buyer"), letter.buyer),
        ),
        action=m.t("mail.merchant_code_report.action"),
        url=_console_url(letter.stall, "orders", "Order", letter.order),
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _code_report_answered(letter: CodeReportAnswered, m: Messages) -> Sheet:
    said = ((m.t("mail.order_refunded.said"), letter.said),) if letter.said else ()
    return Sheet(
        brand=letter.stall.name,
        sender=m.t("mail.sender", shop=_one_line(letter.stall.name)),
        subject=m.t("mail.code_report_answered.subject", number=letter.number),
        title=m.t("mail.code_report_answered.title"),
        lead=m.label("mail.code_report_answered.lead", letter.outcome),
        facts=(*said, (m.t("mail.order_number"), letter.number)),
        action=m.t("mail.code_report_answered.action"),
        url=_order_url(letter.stall, letter.token, m),
        contact=letter.stall.contact,
        footer=m.t("mail.footer.buyer", shop=letter.stall.name),
    )


def _merchant_approved(letter: MerchantApproved, m: Messages) -> Sheet:
    return Sheet(
        brand=letter.stall.name,
        subject=m.t("mail.merchant_approved.subject", shop=_short(letter.stall.name)),
        title=m.t("mail.merchant_approved.title"),
        lead=m.t("mail.merchant_approved.lead"),
        action=m.t("mail.merchant_approved.action"),
        url=f"{letter.stall.public_url}/console/{letter.stall.slug}/",
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _merchant_declined(letter: MerchantDeclined, m: Messages) -> Sheet:
    return Sheet(
        brand=letter.stall.name,
        subject=m.t("mail.merchant_declined.subject", shop=_short(letter.stall.name)),
        title=m.t("mail.merchant_declined.title"),
        lead=m.t("mail.merchant_declined.lead"),
        facts=((m.t("mail.reason_label"), letter.reason),),
        action=m.t("mail.merchant_declined.action"),
        url=f"{letter.stall.public_url}/console/{letter.stall.slug}/settings",
        note=m.t("mail.merchant_declined.note"),
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _merchant_listing_stopped(letter: MerchantListingStopped, m: Messages) -> Sheet:
    return Sheet(
        brand=letter.stall.name,
        subject=m.t(
            "mail.merchant_listing_stopped.subject",
            shop=_short(letter.stall.name),
            product=_short(letter.product_name),
        ),
        title=m.t("mail.merchant_listing_stopped.title", product=letter.product_name),
        lead=m.t("mail.merchant_listing_stopped.lead"),
        facts=((m.t("mail.reason_label"), letter.reason),),
        action=m.t("mail.merchant_listing_stopped.action"),
        url=_console_url(letter.stall, "products", "Product", letter.product),
        note=m.t("mail.merchant_listing_stopped.note"),
        footer=m.t("mail.footer.merchant", shop=letter.stall.name),
    )


def _account_confirm(letter: AccountConfirm, m: Messages) -> Sheet:
    return Sheet(
        brand=_PRODUCT,
        subject=m.t("mail.account_confirm.subject"),
        title=m.t("mail.account_confirm.title"),
        lead=m.t("mail.account_confirm.lead"),
        action=m.t("mail.account_confirm.action"),
        url=f"{letter.public_url}/confirm/{letter.token}",
        note=m.t("mail.account_confirm.note", days=letter.days),
        footer=m.t("mail.footer.account"),
    )


def _account_reset(letter: AccountReset, m: Messages) -> Sheet:
    return Sheet(
        brand=_PRODUCT,
        subject=m.t("mail.account_reset.subject"),
        title=m.t("mail.account_reset.title"),
        lead=m.t("mail.account_reset.lead"),
        action=m.t("mail.account_reset.action"),
        url=f"{letter.public_url}/password-reset/{letter.token}",
        note=m.t("mail.account_reset.note", hours=letter.hours),
        footer=m.t("mail.footer.account"),
    )


def _customer_sign_in(letter: CustomerSignIn, m: Messages) -> Sheet:
    return Sheet(
        brand=letter.stall.name,
        sender=m.t("mail.sender", shop=_one_line(letter.stall.name)),
        subject=m.t("mail.customer_sign_in.subject", shop=_short(letter.stall.name)),
        title=m.t("mail.customer_sign_in.title"),
        lead=m.t("mail.customer_sign_in.lead"),
        action=m.t("mail.customer_sign_in.action"),
        url=f"{letter.stall.url}/{URL_CODES[m.locale]}/sign-in/{letter.token}",
        note=m.t("mail.customer_sign_in.note", minutes=letter.minutes),
        contact=letter.stall.contact,
        footer=m.t("mail.footer.buyer", shop=letter.stall.name),
    )


def _staff_invitation(letter: StaffInvitation, m: Messages) -> Sheet:
    return Sheet(
        brand=letter.stall.name,
        subject=m.t("mail.staff_invitation.subject", shop=_short(letter.stall.name)),
        title=m.t("mail.staff_invitation.title", shop=letter.stall.name),
        lead=m.label("mail.staff_invitation.lead", letter.role),
        facts=((m.t("mail.staff_invitation.by"), letter.invited_by),),
        action=m.t("mail.staff_invitation.action"),
        url=f"{letter.stall.public_url}/invitation/{letter.token}",
        note=m.t("mail.staff_invitation.note", days=letter.days),
        footer=m.t("mail.footer.invited", shop=letter.stall.name),
    )


def _order_url(stall: Stall, token: str, m: Messages) -> str:
    return f"{stall.url}/{URL_CODES[m.locale]}/order/{token}"


def _console_url(stall: Stall, page: str, kind: str, row: UUID) -> str:
    return f"{stall.public_url}/console/{stall.slug}/{page}/{ids.encode(kind, row)}"


def _items(lines: tuple[Bought, ...], m: Messages) -> tuple[Item, ...]:
    return tuple(
        Item(_goods(line.product, line.variant, m), line.quantity, _money(line.total, m))
        for line in lines
    )


def _goods(product: str, variant: str, m: Messages) -> str:
    if not variant or variant == product:
        return product
    return m.t("mail.goods", product=product, variant=variant)


def _money(money: Money, m: Messages) -> str:
    return format_money(money.minor, money.currency, m.locale)


def _one_line(name: str) -> str:
    # A header takes no line break of any kind, and a name must not turn around what follows it.
    return " ".join(_DIRECTIONS.sub("", name).split())


def _short(name: str) -> str:
    line = _one_line(name)
    return line if len(line) <= _SUBJECT_NAME else line[: _SUBJECT_NAME - 1].rstrip() + "…"
