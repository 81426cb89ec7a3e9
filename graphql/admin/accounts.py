"""Signing up, in and out: for the installation's own pages, which hold the cookies."""

from typing import Annotated

from keystall.graphql.admin.families import AccountUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.scalars import URL
from keystall.graphql.tries import count_try
from keystall.tenants.identity import service
from keystall.tenants.identity.service import Visitor

_TRIES_OF_EMAIL = 10
_MAILS_TO_EMAIL = 3

Email = Annotated[str, about("The email address.")]
Token = Annotated[str, about("The token in the mailed link.")]


@object_type
class AccountCreatePayload(Payload[AccountUserError]):
    """The answer to accountCreate."""

    done: bool = described("Whether it was done.")


@object_type
class AccountConfirmPayload(Payload[AccountUserError]):
    """The answer to accountConfirm."""

    done: bool = described("Whether it was done.")
    console_url: URL | None = described(
        "Where the person goes on, signed in: only in the browser that signed up."
    )


@object_type
class SessionCreatePayload(Payload[AccountUserError]):
    """The answer to sessionCreate."""

    done: bool = described("Whether the password was right; `secondStepUrl` says what is next.")
    second_step_url: URL | None = described(
        "Where the second step's code is asked, for an account that takes one: until then there is"
        " no session. Null where the person is signed in, and where refused."
    )


@object_type
class SessionEndPayload(Payload[AccountUserError]):
    """The answer to sessionEnd."""

    done: bool = described("Whether it was done.")


@object_type
class PasswordResetRequestPayload(Payload[AccountUserError]):
    """The answer to passwordResetRequest."""

    done: bool = described("Whether it was done.")


@object_type
class PasswordResetPayload(Payload[AccountUserError]):
    """The answer to passwordReset."""

    done: bool = described("Whether it was done.")


@object_type
class AccountMutation:
    """What strangers and signed-in people do about accounts."""

    @resolver
    async def account_create(
        self,
        info: Info,
        email: Email,
        password: Annotated[str, about("The password, 10 characters or more.")],
    ) -> AccountCreatePayload:
        """Signs up, and mails a link that confirms the address. Does not tell whether the address
        had an account. The page's answer carries what signs this browser in once the link is
        followed in it. Pages only."""
        info.context.require_page()
        call = _account_create(info.context, email, password)
        _, errors = await attempted(info.context, call, AccountUserError)
        return AccountCreatePayload(done=not errors, user_errors=errors)

    @resolver
    async def account_confirm(self, info: Info, token: Token) -> AccountConfirmPayload:
        """Confirms the address of an account, and signs in the browser that signed up. Pages
        only."""
        info.context.require_page()
        call = _account_confirm(info.context, token)
        url, errors = await attempted(info.context, call, AccountUserError)
        return AccountConfirmPayload(done=not errors, console_url=url, user_errors=errors)

    @resolver
    async def session_create(
        self,
        info: Info,
        email: Email,
        password: Annotated[str, about("The account's, as it was set.")],
    ) -> SessionCreatePayload:
        """Signs in: the page's answer carries the session, or for an account that takes a second
        step what `secondStepPass` wants. Pages only."""
        info.context.require_page()
        call = _session_create(info.context, email, password)
        url, errors = await attempted(info.context, call, AccountUserError)
        return SessionCreatePayload(done=not errors, second_step_url=url, user_errors=errors)

    @resolver
    async def session_end(self, info: Info) -> SessionEndPayload:
        """Signs out. Pages only."""
        context = info.context
        context.require_page()
        await service.sign_out(context.require_person().secret_hash)
        context.effect("session", None)
        return SessionEndPayload(done=True, user_errors=[])

    @resolver
    async def password_reset_request(self, info: Info, email: Email) -> PasswordResetRequestPayload:
        """Mails a link that sets a new password. Does not tell whether the address has an account.
        Pages only."""
        info.context.require_page()
        call = _reset_request(info.context, email)
        _, errors = await attempted(info.context, call, AccountUserError)
        return PasswordResetRequestPayload(done=not errors, user_errors=errors)

    @resolver
    async def password_reset(
        self,
        info: Info,
        token: Token,
        password: Annotated[str, about("The new password, 10 characters or more.")],
    ) -> PasswordResetPayload:
        """Sets a new password and ends every session of the account. Pages only."""
        info.context.require_page()
        call = _reset(info.context, token, password)
        _, errors = await attempted(info.context, call, AccountUserError)
        return PasswordResetPayload(done=not errors, user_errors=errors)


async def _account_create(context: RequestContext, email: str, password: str) -> None:
    await count_try(context, "account:mail", email=email, tries_of_email=_MAILS_TO_EMAIL)
    held = await service.register(context.installation, email, password, locale=context.locale)
    # Whoever is signed in stays so.
    if context.viewer is None:
        context.effect("session", held)


async def _account_confirm(context: RequestContext, token: str) -> URL | None:
    await count_try(context, "account:link")
    signed_in = await service.confirm(
        context.installation, token, held=context.held, visitor=_visitor(context)
    )
    if signed_in is None:
        return None
    context.effect("session", signed_in.secret)
    return URL("/console?done=confirmed")


async def _session_create(context: RequestContext, email: str, password: str) -> URL | None:
    await count_try(context, "account:sign-in", email=email, tries_of_email=_TRIES_OF_EMAIL)
    signed_in = await service.sign_in(
        context.installation, email, password, visitor=_visitor(context)
    )
    if isinstance(signed_in, service.StepBegun):
        context.effect("sign-in", signed_in.secret)
        return URL("/sign-in/code")
    context.effect("session", signed_in.secret)
    return None


async def _reset_request(context: RequestContext, email: str) -> None:
    await count_try(context, "account:mail", email=email, tries_of_email=_MAILS_TO_EMAIL)
    await service.request_password_reset(context.installation, email)


async def _reset(context: RequestContext, token: str, password: str) -> None:
    await count_try(context, "account:link")
    await service.reset_password(token, password)


def _visitor(context: RequestContext) -> Visitor:
    return Visitor(address=context.address, user_agent=context.user_agent)
