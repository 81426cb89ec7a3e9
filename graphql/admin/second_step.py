"""The second step of signing in: taking it, setting it up, ending it. For the installation's own
pages, which hold the cookies."""

from datetime import datetime
from typing import Annotated

from keystall.graphql.admin.families import AccountUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.tries import count_try
from keystall.tenants.errors import refuse
from keystall.tenants.identity import second_factor
from keystall.tenants.identity.second_factor import TotpStanding
from keystall.tenants.identity.second_step import second_step_of, second_step_pass
from keystall.tenants.identity.service import Visitor

_TRIES_OF_PERSON = 10

Password = Annotated[str, about("Of whoever is signed in, said again.")]
Code = Annotated[str, about("The code that the app shows now, or a recovery code.")]


@object_type
class SecondStep:
    """A sign-in whose password was right, and whose second step is asked."""

    email: str = described("Whose account it is.")
    totp: bool = described("Whether a code of an app does.")
    passkey: bool = described("Whether a passkey does.")


@object_type
class TotpSetup:
    """A secret on its way into an authenticator app."""

    secret: str = described("The secret to type into the app, in groups of four characters.")
    uri: str = described("The same as the otpauth address that a QR code says.")


@object_type
class Totp:
    """How it stands with a person's codes by time."""

    on: bool = described("Whether a code is asked for when they sign in.")
    since: datetime | None = described("Since when; null where it is off.")
    recovery_codes_left: int = described(
        "How many recovery codes were not used yet; 0 where it is off. `Viewer.recoveryCodesLeft`"
        " tells of all."
    )
    setup: TotpSetup | None = described(
        "What to put into the app, while a first code is waited for; ten minutes at most."
    )


@object_type
class SecondStepPassPayload(Payload[AccountUserError]):
    """The answer to secondStepPass."""

    done: bool = described("Whether it was done.")


@object_type
class TotpBeginPayload(Payload[AccountUserError]):
    """The answer to totpBegin."""

    done: bool = described("Whether it was done.")


@object_type
class TotpConfirmPayload(Payload[AccountUserError]):
    """The answer to totpConfirm."""

    recovery_codes: list[str] = described(
        "Ten codes that each stand in for the app once; shown here and never again. Empty where"
        " refused."
    )


@object_type
class TotpEndPayload(Payload[AccountUserError]):
    """The answer to totpEnd."""

    done: bool = described("Whether it was done.")


@object_type
class RecoveryCodesRenewPayload(Payload[AccountUserError]):
    """The answer to recoveryCodesRenew."""

    recovery_codes: list[str] = described(
        "Ten new codes in place of all earlier ones; shown here and never again. Empty where"
        " refused."
    )


@object_type
class SecondStepMutation:
    """What people do about the second step of signing in."""

    @resolver
    async def second_step_pass(
        self,
        info: Info,
        code: Code,
        step: Annotated[
            str | None, about("What the browser holds since the password was right.")
        ] = None,
    ) -> SecondStepPassPayload:
        """Signs in, after `sessionCreate` asked for a second step: the page's answer carries the
        session. A code works once. Pages only."""
        info.context.require_page()
        call = _second_step_pass(info.context, step or "", code)
        _, errors = await attempted(info.context, call, AccountUserError)
        return SecondStepPassPayload(done=not errors, user_errors=errors)

    @resolver
    async def totp_begin(self, info: Info, password: Password) -> TotpBeginPayload:
        """Makes a secret for the viewer's app, which `viewer.totp.setup` then tells for ten
        minutes; nothing is asked at sign-in before `totpConfirm`. Pages only."""
        context = info.context
        context.require_page()
        _, errors = await attempted(context, _totp_begin(context, password), AccountUserError)
        return TotpBeginPayload(done=not errors, user_errors=errors)

    @resolver
    async def totp_confirm(
        self, info: Info, code: Annotated[str, about("The code that the app shows now.")]
    ) -> TotpConfirmPayload:
        """Switches the second step on for the viewer. Pages only."""
        context = info.context
        context.require_page()
        codes, errors = await attempted(context, _totp_confirm(context, code), AccountUserError)
        return TotpConfirmPayload(recovery_codes=codes or [], user_errors=errors)

    @resolver
    async def totp_end(self, info: Info, password: Password, code: Code) -> TotpEndPayload:
        """Switches the second step off for the viewer. Pages only."""
        context = info.context
        context.require_page()
        _, errors = await attempted(context, _totp_end(context, password, code), AccountUserError)
        return TotpEndPayload(done=not errors, user_errors=errors)

    @resolver
    async def recovery_codes_renew(
        self, info: Info, password: Password, code: Code
    ) -> RecoveryCodesRenewPayload:
        """Makes new recovery codes for the viewer; the old ones end. Pages only."""
        context = info.context
        context.require_page()
        call = _recovery_codes_renew(context, password, code)
        codes, errors = await attempted(context, call, AccountUserError)
        return RecoveryCodesRenewPayload(recovery_codes=codes or [], user_errors=errors)


async def second_step(context: RequestContext, step: str | None) -> SecondStep | None:
    """The step that a browser is at; None where it is over or never was."""
    found = await second_step_of(context.reader, step or "")
    if found is None:
        return None
    return SecondStep(
        email=found.email, totp=found.totp_id is not None, passkey=bool(found.passkeys)
    )


async def totp_of(context: RequestContext) -> Totp:
    """How it stands with the person who asks."""
    person = context.require_person()
    standing = await second_factor.totp_standing(context.reader, context.installation, person)
    return _totp(standing)


async def _second_step_pass(context: RequestContext, step: str, code: str) -> None:
    found = await second_step_of(context.reader, step)
    await _count_code(context, found.email if found else "")
    if found is None:
        raise refuse("STEP_OVER")
    signed_in = await second_step_pass(
        context.installation,
        step,
        code,
        visitor=Visitor(address=context.address, user_agent=context.user_agent),
    )
    context.effect("session", signed_in.secret)
    context.effect("sign-in", None)


async def _totp_begin(context: RequestContext, password: str) -> None:
    await _count_password(context)
    await second_factor.totp_begin(context.installation, context.require_person(), password)


async def _totp_confirm(context: RequestContext, code: str) -> list[str]:
    person = context.require_person()
    await _count_code(context, person.email)
    return await second_factor.totp_confirm(context.installation, person, code)


async def _totp_end(context: RequestContext, password: str, code: str) -> None:
    person = context.require_person()
    await _count_password(context)
    await _count_code(context, person.email)
    await second_factor.totp_end(context.installation, person, password=password, code=code)


async def _recovery_codes_renew(context: RequestContext, password: str, code: str) -> list[str]:
    person = context.require_person()
    await _count_password(context)
    await _count_code(context, person.email)
    return await second_factor.recovery_codes_renew(
        context.installation, person, password=password, code=code
    )


async def _count_password(context: RequestContext) -> None:
    email = context.require_person().email
    await count_try(context, "account:password", email=email, tries_of_email=_TRIES_OF_PERSON)


async def _count_code(context: RequestContext, email: str) -> None:
    # Wherever codes are tried, they are guesses at one secret.
    await count_try(context, "account:code", email=email, tries_of_email=_TRIES_OF_PERSON)


def _totp(standing: TotpStanding) -> Totp:
    setup = standing.setup
    return Totp(
        on=standing.since is not None,
        since=standing.since,
        recovery_codes_left=standing.codes_left,
        setup=TotpSetup(secret=setup.secret, uri=setup.uri) if setup else None,
    )
