"""A test mail."""

from enum import Enum
from typing import Annotated

from keystall.graphql.context import Info
from keystall.graphql.describing import about, described, enum_type, object_type, resolver, value
from keystall.graphql.operator import access
from keystall.graphql.refusals import UserError, attempted, error_codes
from keystall.graphql.wording import worded
from keystall.platform.mail import Mail, mailer_from
from keystall.tenants.mails.trial import mail_trial


@enum_type
class MailOutcome(Enum):
    """What became of a mail."""

    ACCEPTED = value("accepted", "The mail server took it.")
    REFUSED = value("refused", "The mail server said no for good to this address or this mail.")
    LATER = value(
        "later", "The mail server said no for now, or to the installation's sign-in or sender."
    )
    UNREACHABLE = value("unreachable", "The mail server could not be reached.")


@object_type
class MailTest:
    """How sending a test mail went."""

    outcome: MailOutcome = described("What became of the mail.")
    reason: str = described(
        "The class of the failure, with the server's number where it gave one; empty on success."
    )


MailErrorCode = error_codes("MailErrorCode", "a test mail", "EMAIL_INVALID")


@object_type
class MailUserError(UserError):
    """Why no test mail was sent."""

    family = MailErrorCode
    code: Enum = described("The reason for programs.", graphql_type=MailErrorCode)


@object_type
class MailTestPayload:
    """The answer to mailTest."""

    test: MailTest | None = described("How it went; null where nothing was sent.")
    user_errors: list[MailUserError] = described(
        "Why nothing was sent; empty otherwise.", assumed=1
    )


@object_type
class MailMutation:
    """What an operator does about mail."""

    @resolver
    async def mail_test(
        self, info: Info, email: Annotated[str, about("Where to.")]
    ) -> MailTestPayload:
        """Sends a test mail by the installation's mail server, and waits for what it says."""
        context, person = info.context, access.operator_of(info.context)
        settings = context.installation.settings
        mail = Mail(
            to=email.strip(),
            subject=worded("mail_test.subject", context.locale),
            text=worded("mail_test.text", context.locale, {"url": settings.public_url}),
            headers={"Auto-Submitted": "auto-generated"},
        )
        call = mail_trial(context.installation, person, mailer_from(settings), mail)
        found, errors = await attempted(context, call, MailUserError)
        return MailTestPayload(
            test=MailTest(outcome=MailOutcome(found.outcome), reason=found.reason)
            if found
            else None,
            user_errors=errors,
        )
