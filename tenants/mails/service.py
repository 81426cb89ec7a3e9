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
from keystall.tenants.mails import account_posts, buyer_posts, merchant_posts
from keystall.tenants.mails.port import MailTexts
from keystall.tenants.mails.posts import Post
from keystall.tenants.mails.wording import worded_letter
from keystall.tenants.orders.events import record
from keystall.tenants.outbox.claims import claim, finish, take_up
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
    async with database.transaction(shop, few=True) as tx:
        subject = await take_up(tx, shop, item, SENDING)
        posts = [] if subject is None else await read(tx, installation, shop, subject)
    if subject is None:
        return
    refused = _orders([post for post in posts if not await _send(desk, post)])
    if not refused:
        await finish(shop, item)
        return
    async with writing(installation, shop) as work:
        if await claim(work, shop, item) is not None:
            for order in refused:
                await record(work, shop, order, "mail.refused", actor="system", data={"kind": kind})


async def _send(desk: MailDesk, post: Post) -> bool:
    """Whether the mail was taken; False where it never will be."""
    text = worded_letter(desk.texts, post.letter, post.locale, post.own)
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


def _orders(posts: Sequence[Post]) -> list[UUID]:
    return list(dict.fromkeys(post.order for post in posts if post.order is not None))


_READS: Mapping[str, _Read] = {
    "mail.order_delivered": buyer_posts.order_delivered,
    "mail.order_link": buyer_posts.order_link,
    "mail.order_refunded": buyer_posts.order_refunded,
    "mail.merchant_order": merchant_posts.merchant_order,
    "mail.merchant_sold_out": merchant_posts.merchant_sold_out,
    "mail.merchant_low_stock": merchant_posts.merchant_low_stock,
    "mail.merchant_refund_due": merchant_posts.merchant_refund_due,
    "mail.merchant_approved": merchant_posts.merchant_reviewed,
    "mail.merchant_declined": merchant_posts.merchant_reviewed,
    "mail.merchant_listing_stopped": merchant_posts.merchant_listing_stopped,
    "mail.merchant_webhook_disabled": merchant_posts.merchant_webhook_disabled,
    "mail.merchant_token_ending": merchant_posts.merchant_token_ending,
    "mail.merchant_code_report": merchant_posts.merchant_code_report,
    "mail.code_report_answered": buyer_posts.code_report_answered,
    "mail.customer_link": buyer_posts.customer_link,
    "mail.invitation": account_posts.staff_invitation,
    # Posted under tenants.writing.INSTALLATION; the ids are of account tokens.
    "mail.account_confirm": account_posts.account_mail,
    "mail.account_reset": account_posts.account_mail,
    # Likewise; the ids are of accounts.
    "mail.totp_on": account_posts.totp_on,
    "mail.totp_off": account_posts.totp_off,
    "mail.recovery_codes_low": account_posts.recovery_codes_low,
    "mail.passkey_added": account_posts.passkey_added,
    "mail.passkey_removed": account_posts.passkey_removed,
    "mail.passkey_refused": account_posts.passkey_refused,
}

HANDLERS: dict[str, Handler] = {
    kind: partial(send_mails, kind=kind, read=read) for kind, read in _READS.items()
}
"""For the worker: what sends each kind of mail."""
