"""A test mail over a real connection: what the operator is told of what the server said."""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.mail import Mail, mailer_from
from keystall.tenants.desk.record import operator_actions
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.mails.trial import MailTrial, mail_trial
from tests.factories import a_viewer
from tests.graphql.asking import ask, merchant
from tests.platform.test_mail import listening


def kept(installation: Installation) -> set[Path]:
    """The mails in the installation's folder."""
    return set(Path(urlsplit(installation.settings.mail_url).path).glob("*.eml"))


MAIL = Mail(to="Ops@Example.com", subject="A test", text="A test.\n")


@pytest.mark.parametrize(
    ("says", "trial"),
    [
        ({}, MailTrial("accepted", "")),
        ({"rcpt": "550 no such box"}, MailTrial("refused", "SMTPRecipientsRefused 550")),
        ({"data": "554 spam"}, MailTrial("refused", "SMTPDataError 554")),
        ({"rcpt": "451 greylisted"}, MailTrial("later", "SMTPRecipientsRefused 451")),
        ({"mail": "553 not from here"}, MailTrial("later", "SMTPSenderRefused 553")),
        (
            {"ehlo": "250-here\r\n250 AUTH PLAIN", "auth": "535 wrong password"},
            MailTrial("later", "SMTPAuthenticationError 535"),
        ),
        (None, MailTrial("unreachable", "SMTPConnectError")),
    ],
)
async def test_what_the_server_says_is_told(
    installation: Installation, says: dict[str, str] | None, trial: MailTrial
) -> None:
    operator = await a_viewer(installation, operator=True)
    async with listening(**(says or {})) as server:
        user = "keystall:hidden@" if says and "auth" in says else ""
        url = f"smtp://{user}127.0.0.1:{server.port}?starttls=never"
        mailer = mailer_from(installation.settings.model_copy(update={"mail_url": url}))
        told = await mail_trial(installation, operator, mailer, MAIL) if says is not None else None
    if told is None:  # the server is gone by now
        told = await mail_trial(installation, operator, mailer, MAIL)
    assert told == trial
    assert (b"\nFrom: " in server.content) == (says in ({}, {"data": "554 spam"}))
    async with database.transaction(None) as tx:
        (action, *_) = await operator_actions(tx, operator, after=None, limit=1)
    assert (action.action, action.subject, action.email) == (
        "mail.test", "example.com", operator.email,
    )  # fmt: skip


async def test_an_operator_sends_one_through_the_api_in_their_language(
    installation: Installation,
) -> None:
    context = merchant(installation, None, await a_viewer(installation, operator=True))
    context.locale = "zh-CN"
    document = "mutation ($to: String!) { mailTest(email: $to) { test { outcome reason } } }"
    before = kept(installation)
    answer = await ask("operator", context, document, to=" Ops@Example.com ")
    assert answer == {"mailTest": {"test": {"outcome": "ACCEPTED", "reason": ""}}}
    (mail,) = kept(installation) - before
    assert b"To: Ops@Example.com" in mail.read_bytes()


async def test_what_is_no_address_and_who_is_no_operator_send_nothing(
    installation: Installation,
) -> None:
    before, mailer = kept(installation), mailer_from(installation.settings)
    operator = await a_viewer(installation, operator=True)
    for wrong in ("", "ops", "a@b.cc, c@d.ee", "a@b.cc\nBcc: c@d.ee"):
        with pytest.raises(Refused) as refused:
            await mail_trial(installation, operator, mailer, Mail(wrong, "A", "B"))
        assert [error.code for error in refused.value.errors] == ["EMAIL_INVALID"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await mail_trial(installation, await a_viewer(installation), mailer, MAIL)
    assert kept(installation) == before
