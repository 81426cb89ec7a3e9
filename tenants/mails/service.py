"""Sending the mails that the outbox asks for.

A mail is sent first and its work claimed after: a worker that dies in between sends it again,
rather than never. What the mail server refuses for good is not tried again; the order's timeline
tells of it. A server that is away leaves the work undone, to be handed out again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from uuid import UUID

import structlog

from keystall.platform import database
from keystall.platform.database import Transaction
from keystall.platform.mail import Mail, Mailer, MailRefused, UnmailableMail
from keystall.tenants.installation import Installation
from keystall.tenants.mails import queries
from keystall.tenants.mails.port import MailText, MailTexts
from keystall.tenants.mails.queries import Post
from keystall.tenants.orders.events import record
from keystall.tenants.outbox.claims import claim, keep, peek
from keystall.tenants.writing import writing

SENDING = timedelta(seconds=30)
"""As long as a server that answers slowly may take before another worker sends the mail beside this
one; and as long as a mail waits whose worker died."""

_HEADERS = MappingProxyType({"Auto-Submitted": "auto-generated"})  # RFC 3834: no holiday replies
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MailDesk:
    """What sends mails and what words them."""

    mailer: Mailer
    texts: MailTexts


Handler = Callable[[Installation, MailDesk, UUID, UUID], Awaitable[None]]
_Read = Callable[[Transaction, Installation, UUID, UUID], Awaitable[list[Post]]]


async def send_mails(
    installation: Installation, desk: MailDesk, shop: UUID, item: UUID, *, kind: str, read: _Read
) -> None:
    """Sends what the outbox row `item` asks for; nothing where that was done before.

    `read` makes the letters of `kind` from what the row is about. Raises MailUnavailable, upon
    which the work is handed out again; of several readers the first then hear twice.
    """
    async with database.transaction(shop) as tx:
        subject = await peek(tx, shop, item)
        posts = [] if subject is None else await read(tx, installation, shop, subject)
        await keep(tx, shop, item, SENDING)
    if subject is None:
        return
    refused = [post for post in posts if not await _send(desk, post)]
    async with writing(installation, shop) as work:
        if await claim(work, shop, item) is not None:
            for order in _orders(refused):
                await record(work, shop, order, "mail.refused", actor="system", data={"kind": kind})


async def _send(desk: MailDesk, post: Post) -> bool:
    """Whether the mail was taken; False where it never will be."""
    text = _worded(desk, post)
    mail = Mail(
        to=post.to,
        subject=text.subject,
        text=text.text,
        html=text.html,
        headers=_HEADERS,
        sender_name=text.sender,
    )
    try:
        await desk.mailer.send(mail)
    except (MailRefused, UnmailableMail) as refusal:
        # Neither the address nor the server's words: both may name a person.
        _log.warning("mail refused for good", error=type(refusal).__name__)
        return False
    return True


def _worded(desk: MailDesk, post: Post) -> MailText:
    """The letter in the shop's own words, or in ours where those cannot be said any more."""
    try:
        return desk.texts.render(post.letter, post.locale, post.own)
    except LookupError as unsaid:
        _log.warning("a shop's own words for a letter cannot be said", problem=str(unsaid))
        return desk.texts.render(post.letter, post.locale)


def _orders(posts: Sequence[Post]) -> list[UUID]:
    return list(dict.fromkeys(post.order for post in posts if post.order is not None))


_READS: Mapping[str, _Read] = {
    "mail.order_delivered": queries.order_delivered,
    "mail.order_link": queries.order_link,
    "mail.order_refunded": queries.order_refunded,
    "mail.merchant_order": queries.merchant_order,
    "mail.merchant_sold_out": queries.merchant_sold_out,
    "mail.merchant_low_stock": queries.merchant_low_stock,
    "mail.merchant_refund_due": queries.merchant_refund_due,
    "mail.merchant_approved": queries.merchant_reviewed,
    "mail.merchant_declined": queries.merchant_reviewed,
    "mail.merchant_listing_stopped": queries.merchant_listing_stopped,
    "mail.merchant_code_report": queries.merchant_code_report,
    "mail.code_report_answered": queries.code_report_answered,
    "mail.customer_link": queries.customer_link,
    "mail.invitation": queries.staff_invitation,
    # Posted under tenants.writing.INSTALLATION; the ids are of account tokens.
    "mail.account_confirm": queries.account_mail,
    "mail.account_reset": queries.account_mail,
    # Likewise; the ids are of accounts.
    "mail.totp_on": queries.totp_on,
    "mail.totp_off": queries.totp_off,
    "mail.recovery_codes_low": queries.recovery_codes_low,
}

HANDLERS: dict[str, Handler] = {
    kind: partial(send_mails, kind=kind, read=read) for kind, read in _READS.items()
}
"""For the worker: what sends each kind of mail."""
