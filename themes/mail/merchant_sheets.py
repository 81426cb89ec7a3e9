"""Letters to a merchant about their shop."""

from uuid import UUID

from keystall.graphql import ids
from keystall.tenants.mails.port import (
    MerchantApproved,
    MerchantCodeReport,
    MerchantDeclined,
    MerchantListingStopped,
    MerchantLowStock,
    MerchantOrder,
    MerchantRefundDue,
    MerchantSoldOut,
    MerchantTokenEnding,
    MerchantWebhookDisabled,
    Stall,
)
from keystall.themes.mail.sheet import Letterhead, Sheet, goods, items, money, short
from keystall.themes.messages import Messages

MerchantLetter = (
    MerchantOrder
    | MerchantSoldOut
    | MerchantLowStock
    | MerchantRefundDue
    | MerchantCodeReport
    | MerchantApproved
    | MerchantDeclined
    | MerchantListingStopped
    | MerchantWebhookDisabled
    | MerchantTokenEnding
)


def merchant_sheet(letter: MerchantLetter, messages: Messages) -> Sheet:
    """The sheet of a letter to a merchant, in the language of `messages`."""
    match letter:
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
        case MerchantApproved():
            return _merchant_approved(letter, messages)
        case MerchantDeclined():
            return _merchant_declined(letter, messages)
        case MerchantListingStopped():
            return _merchant_listing_stopped(letter, messages)
        case MerchantWebhookDisabled():
            return _merchant_webhook_disabled(letter, messages)
        case MerchantTokenEnding():
            return _merchant_token_ending(letter, messages)


def _merchant_order(letter: MerchantOrder, m: Messages) -> Sheet:
    total = money(letter.total, m)
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.merchant_order.subject", shop=short(letter.stall.name), total=total),
        title=m.t("mail.merchant_order.title", total=total),
        lead=m.t("mail.merchant_order.lead"),
        items=items(letter.lines, m),
        facts=(
            (m.t("mail.total"), total),
            (m.t("mail.order_number"), letter.number),
            (m.t("mail.buyer"), letter.buyer),
        ),
        action=m.t("mail.merchant_order.action"),
        url=_console_url(letter.stall, "orders", "Order", letter.order),
    )


def _merchant_sold_out(letter: MerchantSoldOut, m: Messages) -> Sheet:
    product = goods(letter.product, letter.variant_name, m)
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t(
            "mail.merchant_sold_out.subject",
            shop=short(letter.stall.name),
            product=short(product),
        ),
        title=m.t("mail.merchant_sold_out.title", product=product),
        lead=m.t("mail.merchant_sold_out.lead"),
        action=m.t("mail.merchant_sold_out.action"),
        url=_console_url(letter.stall, "stock", "Variant", letter.variant),
    )


def _merchant_low_stock(letter: MerchantLowStock, m: Messages) -> Sheet:
    product = goods(letter.product, letter.variant_name, m)
    lead = m.t("mail.merchant_low_stock.lead_slow")
    if letter.lasts is not None:
        unit, count = letter.lasts
        if unit == "hours":
            span = m.t("mail.merchant_low_stock.hours", count=count)
        else:
            span = m.t("mail.merchant_low_stock.days", count=count)
        lead = m.t("mail.merchant_low_stock.lead", span=span)
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t(
            "mail.merchant_low_stock.subject",
            shop=short(letter.stall.name),
            product=short(product),
            count=letter.free,
        ),
        title=m.t("mail.merchant_low_stock.title", product=product, count=letter.free),
        lead=lead,
        action=m.t("mail.merchant_low_stock.action"),
        url=_console_url(letter.stall, "stock", "Variant", letter.variant),
    )


def _merchant_refund_due(letter: MerchantRefundDue, m: Messages) -> Sheet:
    amount = money(letter.amount, m)
    shop = short(letter.stall.name)
    return Sheet(
        head=_head(letter.stall, m),
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
    )


def _merchant_code_report(letter: MerchantCodeReport, m: Messages) -> Sheet:
    said = ((m.t("mail.merchant_code_report.note"), letter.note),) if letter.note else ()
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.merchant_code_report.subject", shop=short(letter.stall.name)),
        title=m.t("mail.merchant_code_report.title"),
        lead=goods(letter.product, letter.variant_name, m),
        facts=(
            (m.t("mail.reason_label"), m.label("mail.merchant_code_report.reason", letter.reason)),
            *said,
            (m.t("mail.order_number"), letter.number),
            (m.t("mail.buyer"), letter.buyer),
        ),
        action=m.t("mail.merchant_code_report.action"),
        url=_console_url(letter.stall, "orders", "Order", letter.order),
    )


def _merchant_approved(letter: MerchantApproved, m: Messages) -> Sheet:
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.merchant_approved.subject", shop=short(letter.stall.name)),
        title=m.t("mail.merchant_approved.title"),
        lead=m.t("mail.merchant_approved.lead"),
        action=m.t("mail.merchant_approved.action"),
        url=f"{letter.stall.public_url}/console/{letter.stall.slug}/",
    )


def _merchant_declined(letter: MerchantDeclined, m: Messages) -> Sheet:
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.merchant_declined.subject", shop=short(letter.stall.name)),
        title=m.t("mail.merchant_declined.title"),
        lead=m.t("mail.merchant_declined.lead"),
        facts=((m.t("mail.reason_label"), letter.reason),),
        action=m.t("mail.merchant_declined.action"),
        url=f"{letter.stall.public_url}/console/{letter.stall.slug}/settings",
        note=m.t("mail.merchant_declined.note"),
    )


def _merchant_listing_stopped(letter: MerchantListingStopped, m: Messages) -> Sheet:
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t(
            "mail.merchant_listing_stopped.subject",
            shop=short(letter.stall.name),
            product=short(letter.product_name),
        ),
        title=m.t("mail.merchant_listing_stopped.title", product=letter.product_name),
        lead=m.t("mail.merchant_listing_stopped.lead"),
        facts=((m.t("mail.reason_label"), letter.reason),),
        action=m.t("mail.merchant_listing_stopped.action"),
        url=_console_url(letter.stall, "products", "Product", letter.product),
        note=m.t("mail.merchant_listing_stopped.note"),
    )


def _merchant_webhook_disabled(letter: MerchantWebhookDisabled, m: Messages) -> Sheet:
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t(
            "mail.merchant_webhook_disabled.subject",
            shop=short(letter.stall.name),
            host=short(letter.host),
        ),
        title=m.t("mail.merchant_webhook_disabled.title", host=letter.host),
        lead=m.t(f"mail.merchant_webhook_disabled.lead.{letter.reason}"),
        action=m.t("mail.merchant_webhook_disabled.action"),
        url=_console_url(letter.stall, "webhooks", "Webhook", letter.webhook),
        note=m.t("mail.merchant_webhook_disabled.note"),
    )


def _merchant_token_ending(letter: MerchantTokenEnding, m: Messages) -> Sheet:
    whose = "site" if letter.of_site else "program"
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t(
            "mail.merchant_token_ending.subject",
            shop=short(letter.stall.name),
            name=short(letter.name),
            date=letter.ends_on,
        ),
        title=m.t("mail.merchant_token_ending.title", name=letter.name, date=letter.ends_on),
        lead=m.t(f"mail.merchant_token_ending.lead.{whose}"),
        action=m.t("mail.merchant_token_ending.action"),
        url=_console_url(letter.stall, "tokens", "ApiToken", letter.token),
        note=m.t("mail.merchant_token_ending.note"),
    )


def _head(stall: Stall, m: Messages) -> Letterhead:
    return Letterhead(brand=stall.name, footer=m.t("mail.footer.merchant", shop=stall.name))


def _console_url(stall: Stall, page: str, kind: str, row: UUID) -> str:
    return f"{stall.public_url}/console/{stall.slug}/{page}/{ids.encode(kind, row)}"
