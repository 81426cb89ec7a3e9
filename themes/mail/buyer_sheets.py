"""Letters to a shop's buyers, in the shop's name."""

from dataclasses import replace

from keystall.tenants.mails.port import (
    CodeReportAnswered,
    CustomerSignIn,
    OrderDelivered,
    OrderLink,
    OrderRefunded,
    Stall,
)
from keystall.themes.mail.sheet import Letterhead, Sheet, items, mailed, money, one_line, short
from keystall.themes.messages import URL_CODES, Messages

BuyerLetter = OrderDelivered | OrderLink | OrderRefunded | CodeReportAnswered | CustomerSignIn


def buyer_sheet(letter: BuyerLetter, messages: Messages) -> Sheet:
    """The sheet of a letter to a buyer, in the language of `messages`."""
    match letter:
        case OrderDelivered():
            return _order_delivered(letter, messages)
        case OrderLink():
            return _order_link(letter, messages)
        case OrderRefunded():
            return _order_refunded(letter, messages)
        case CodeReportAnswered():
            return _code_report_answered(letter, messages)
        case CustomerSignIn():
            return _customer_sign_in(letter, messages)


def _order_delivered(letter: OrderDelivered, m: Messages) -> Sheet:
    says = _says(letter.stall, number=letter.number, total=money(letter.total, m))
    sheet = Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.order_delivered.subject", **says),
        title=m.t("mail.order_delivered.title", **says),
        lead=m.t("mail.order_delivered.lead", **says),
        items=items(letter.lines, m),
        facts=(
            (m.t("mail.total"), money(letter.total, m)),
            (m.t("mail.order_number"), letter.number),
        ),
        action=m.t("mail.order_delivered.action", **says),
        url=_order_url(letter.stall, letter.token, m),
        note=m.t("mail.order_delivered.note", **says),
    )
    return _with_codes(sheet, letter, says, m) if letter.codes.lines else sheet


def _with_codes(
    sheet: Sheet, letter: OrderDelivered, says: dict[str, object], m: Messages
) -> Sheet:
    """The same order with its codes in the mail: what it says of them is another thing then."""
    return replace(
        sheet,
        subject=m.t("mail.order_delivered_codes.subject", **says),
        title=m.t("mail.order_delivered_codes.title", **says),
        lead=m.t("mail.order_delivered_codes.lead", **says),
        codes=mailed(letter.codes, m),
        action=m.t("mail.order_delivered_codes.action", **says),
        note=m.t("mail.order_delivered_codes.note", **says),
    )


def _order_link(letter: OrderLink, m: Messages) -> Sheet:
    says = _says(letter.stall, number=letter.number)
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.order_link.subject", **says),
        title=m.t("mail.order_link.title", **says),
        lead=m.t("mail.order_link.lead", **says),
        facts=((m.t("mail.order_number"), letter.number),),
        action=m.t("mail.order_link.action", **says),
        url=_order_url(letter.stall, letter.token, m),
        note=m.t("mail.order_link.note", **says),
    )


def _order_refunded(letter: OrderRefunded, m: Messages) -> Sheet:
    says = _says(letter.stall, number=letter.number, amount=money(letter.amount, m))
    note = m.t("mail.order_refunded.note", **says)
    if letter.by_hand:
        note = m.t("mail.order_refunded.by_hand")
    said = ((m.t("mail.order_refunded.said"), letter.said),) if letter.said else ()
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.order_refunded.subject", **says),
        title=m.t("mail.order_refunded.title", **says),
        lead=m.label("mail.order_refunded.lead", letter.reason),
        facts=(*said, (m.t("mail.order_number"), letter.number)),
        action=m.t("mail.order_refunded.action", **says),
        url=_order_url(letter.stall, letter.token, m),
        note=note,
    )


def _code_report_answered(letter: CodeReportAnswered, m: Messages) -> Sheet:
    says = _says(letter.stall, number=letter.number)
    said = ((m.t("mail.order_refunded.said"), letter.said),) if letter.said else ()
    lead = m.label("mail.code_report_answered.lead", letter.outcome)
    if letter.codes.lines:
        lead = m.t("mail.code_report_answered.lead_code")
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.code_report_answered.subject", **says),
        title=m.t("mail.code_report_answered.title", **says),
        lead=lead,
        codes=mailed(letter.codes, m),
        facts=(*said, (m.t("mail.order_number"), letter.number)),
        action=m.t("mail.code_report_answered.action", **says),
        url=_order_url(letter.stall, letter.token, m),
        note=m.t("mail.code_report_answered.note_code") if letter.codes.lines else "",
    )


def _customer_sign_in(letter: CustomerSignIn, m: Messages) -> Sheet:
    says = _says(letter.stall, minutes=letter.minutes)
    return Sheet(
        head=_head(letter.stall, m),
        subject=m.t("mail.customer_sign_in.subject", **says),
        title=m.t("mail.customer_sign_in.title", **says),
        lead=m.t("mail.customer_sign_in.lead", **says),
        action=m.t("mail.customer_sign_in.action", **says),
        url=f"{letter.stall.url}/{URL_CODES[m.locale]}/sign-in/{letter.token}",
        note=m.t("mail.customer_sign_in.note", **says),
    )


def _says(stall: Stall, **more: object) -> dict[str, object]:
    """What fills the holes of a letter's parts: as `WORDABLE` promises to merchants."""
    return {"shop": short(stall.name), **more}


def _head(stall: Stall, m: Messages) -> Letterhead:
    return Letterhead(
        brand=stall.name,
        sender=m.t("mail.sender", shop=one_line(stall.name)),
        contact=stall.contact,
        footer=m.t("mail.footer.buyer", shop=stall.name),
    )


def _order_url(stall: Stall, token: str, m: Messages) -> str:
    return f"{stall.url}/{URL_CODES[m.locale]}/order/{token}"
