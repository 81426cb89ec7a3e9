"""Mails sent to see what becomes of them: whether mails are sent at all, by the operator to an
address of theirs; how a letter looks, by whoever words it to themselves."""

from dataclasses import dataclass
from typing import Literal

from keystall.platform.mail import Mail, Mailer, MailRefused, MailUnavailable, UnmailableMail
from keystall.tenants.errors import refuse
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.writing import INSTALLATION, writing

Outcome = Literal["accepted", "refused", "later", "unreachable"]
"""What became of it: the server took it; said no for good to the address or the mail; said no for
now, or to the installation's own sign-in or sender; did not answer."""


@dataclass(frozen=True, slots=True)
class MailTrial:
    """`reason` is the class of the refusal with the server's number, "SMTPRecipientsRefused 550";
    empty where the mail was accepted."""

    outcome: Outcome
    reason: str


async def mail_trial(
    installation: Installation, viewer: Viewer, mailer: Mailer, mail: Mail
) -> MailTrial:
    """Sends `mail` and answers what became of it. On record is the domain alone that it went to.

    Refuses EMAIL_INVALID.
    """
    address = normalised_email(mail.to)
    if problem := email_problem(address):
        raise refuse(problem, "email")
    async with writing(installation, INSTALLATION) as tx:
        await tx.execute(
            "select operator_mail_trial($1, $2)", viewer.secret_hash, address.rpartition("@")[2]
        )
    try:
        await mailer.send(mail)
    except (MailRefused, UnmailableMail) as refused:
        return MailTrial("refused", str(refused))
    except MailUnavailable as away:
        return MailTrial("later" if away.answered else "unreachable", str(away))
    return MailTrial("accepted", "")


async def letter_trial(mailer: Mailer, mail: Mail) -> None:
    """Sends a letter to whoever words it. Refuses MAIL_UNSENT."""
    try:
        await mailer.send(mail)
    except (MailRefused, MailUnavailable, UnmailableMail):
        raise refuse("MAIL_UNSENT") from None
