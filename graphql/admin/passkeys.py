"""Passkeys: keeping them, and signing in by them. For the installation's own pages, whose script
asks the browser and which hold the cookies."""

from datetime import datetime
from typing import Annotated

import strawberry

from keystall.graphql.admin.families import AccountUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.ids import encode, row_of
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.tries import count_try
from keystall.tenants.identity import passkey_sign_in, passkeys
from keystall.tenants.identity.second_step import second_step_of
from keystall.tenants.identity.service import Visitor

_TRIES_OF_PERSON = 10

Name = Annotated[str, about("What its owner calls it.")]
Password = Annotated[str, about("Of whoever is signed in, said again.")]
PasskeyId = Annotated[strawberry.ID, about("The passkey.")]
Credential = Annotated[
    str, about("What the browser answered, as the JSON that PublicKeyCredential.toJSON gives.")
]
Step = Annotated[str | None, about("What the browser holds since it began to sign in.")]


@object_type
class Passkey:
    """A passkey of the viewer."""

    id: strawberry.ID = described("Opaque id, to hand to `passkeyRename` and `passkeyRemove`.")
    name: str = described("What its owner calls it.")
    created_at: datetime = described("When it was added.")
    last_used_at: datetime | None = described("When it last signed in; null where never.")


@object_type
class PasskeyBeginPayload(Payload[AccountUserError]):
    """The answer to passkeyBegin."""

    options: str | None = described(
        "What to give navigator.credentials.create, as JSON; null where refused."
    )


@object_type
class PasskeyAddPayload(Payload[AccountUserError]):
    """The answer to passkeyAdd."""

    done: bool = described("Whether it was done.")
    recovery_codes: list[str] = described(
        "Ten codes that each stand in for a passkey once, where the account had none; shown here"
        " and never again."
    )


@object_type
class PasskeyRenamePayload(Payload[AccountUserError]):
    """The answer to passkeyRename."""

    done: bool = described("Whether it was done.")


@object_type
class PasskeyRemovePayload(Payload[AccountUserError]):
    """The answer to passkeyRemove."""

    done: bool = described("Whether it was done.")


@object_type
class PasskeyAttemptPayload(Payload[AccountUserError]):
    """The answer to passkeyAttempt."""

    options: str | None = described(
        "What to give navigator.credentials.get, as JSON; null where refused."
    )


@object_type
class PasskeyStepPayload(Payload[AccountUserError]):
    """The answer to passkeyStep."""

    options: str | None = described(
        "What to give navigator.credentials.get, as JSON; null where refused."
    )


@object_type
class PasskeySignInPayload(Payload[AccountUserError]):
    """The answer to passkeySignIn."""

    done: bool = described("Whether it was done.")


@object_type
class PasskeyMutation:
    """What people do about passkeys, and by them."""

    @resolver
    async def passkey_begin(
        self, info: Info, name: Name, password: Password
    ) -> PasskeyBeginPayload:
        """Begins to add a passkey to the viewer's account: five minutes, one answer, which goes to
        `passkeyAdd`. Pages only."""
        context = info.context
        context.require_page()
        call = _passkey_begin(context, name, password)
        options, errors = await attempted(context, call, AccountUserError)
        return PasskeyBeginPayload(options=options, user_errors=errors)

    @resolver
    async def passkey_add(self, info: Info, credential: Credential) -> PasskeyAddPayload:
        """Adds the passkey that the browser made. Where nothing was asked after the password
        before, a second step is from now on. Pages only."""
        context = info.context
        context.require_page()
        call = _passkey_add(context, credential)
        codes, errors = await attempted(context, call, AccountUserError)
        return PasskeyAddPayload(done=not errors, recovery_codes=codes or [], user_errors=errors)

    @resolver
    async def passkey_rename(
        self, info: Info, id: PasskeyId, name: Name, password: Password
    ) -> PasskeyRenamePayload:
        """Gives a passkey of the viewer another name. Pages only."""
        context = info.context
        context.require_page()
        call = _passkey_rename(context, id, name, password)
        _, errors = await attempted(context, call, AccountUserError)
        return PasskeyRenamePayload(done=not errors, user_errors=errors)

    @resolver
    async def passkey_remove(
        self, info: Info, id: PasskeyId, password: Password
    ) -> PasskeyRemovePayload:
        """Takes a passkey of the viewer away. With the last one, where no app is set up, the second
        step and its recovery codes end. Pages only."""
        context = info.context
        context.require_page()
        call = _passkey_remove(context, id, password)
        _, errors = await attempted(context, call, AccountUserError)
        return PasskeyRemovePayload(done=not errors, user_errors=errors)

    @resolver
    async def passkey_attempt(self, info: Info) -> PasskeyAttemptPayload:
        """Begins a sign-in by a passkey alone, of whoever the browser finds one of: five minutes,
        one answer, which goes to `passkeySignIn`. Pages only."""
        context = info.context
        context.require_page()
        options, errors = await attempted(context, _passkey_attempt(context), AccountUserError)
        return PasskeyAttemptPayload(options=options, user_errors=errors)

    @resolver
    async def passkey_step(self, info: Info, step: Step = None) -> PasskeyStepPayload:
        """The same for the second step, after `sessionCreate` asked for one: by a passkey of that
        account. Pages only."""
        context = info.context
        context.require_page()
        call = _passkey_step(context, step or "")
        options, errors = await attempted(context, call, AccountUserError)
        return PasskeyStepPayload(options=options, user_errors=errors)

    @resolver
    async def passkey_sign_in(
        self, info: Info, credential: Credential, step: Step = None
    ) -> PasskeySignInPayload:
        """Signs in by what the browser answered: the page's answer carries the session. Pages
        only."""
        context = info.context
        context.require_page()
        call = _passkey_sign_in(context, step or "", credential)
        _, errors = await attempted(context, call, AccountUserError)
        return PasskeySignInPayload(done=not errors, user_errors=errors)


async def passkeys_of(context: RequestContext) -> list[Passkey]:
    """The passkeys of the person who asks, oldest first."""
    found = await passkeys.passkeys_of(context.reader, context.require_person())
    return [
        Passkey(
            id=encode("Passkey", one.id),
            name=one.name,
            created_at=one.created_at,
            last_used_at=one.last_used_at,
        )
        for one in found
    ]


async def recovery_codes_left(context: RequestContext) -> int:
    """How many recovery codes the person who asks has left."""
    return await passkeys.recovery_codes_left(context.reader, context.require_person())


async def _passkey_begin(context: RequestContext, name: str, password: str) -> str:
    await _count_password(context)
    return await passkeys.passkey_begin(
        context.installation, context.require_person(), name=name, password=password
    )


async def _passkey_add(context: RequestContext, credential: str) -> list[str]:
    person = context.require_person()
    await _count_answer(context, person.email)
    return await passkeys.passkey_add(context.installation, person, credential)


async def _passkey_rename(
    context: RequestContext, id: strawberry.ID, name: str, password: str
) -> None:
    await _count_password(context)
    await passkeys.passkey_rename(
        context.installation,
        context.require_person(),
        row_of("Passkey", id),
        name=name,
        password=password,
    )


async def _passkey_remove(context: RequestContext, id: strawberry.ID, password: str) -> None:
    await _count_password(context)
    await passkeys.passkey_remove(
        context.installation, context.require_person(), row_of("Passkey", id), password=password
    )


async def _passkey_attempt(context: RequestContext) -> str:
    # Of nobody yet: each leaves a row, and an address may leave so many.
    await count_try(context, "account:passkey-asked")
    attempt = await passkey_sign_in.passkey_attempt(context.installation)
    context.effect("sign-in", attempt.secret)
    return attempt.options


async def _passkey_step(context: RequestContext, step: str) -> str:
    await count_try(context, "account:passkey-asked")
    return await passkey_sign_in.passkey_step(context.installation, step)


async def _passkey_sign_in(context: RequestContext, step: str, credential: str) -> None:
    found = await second_step_of(context.reader, step)
    # Alone, a passkey names nobody before it has proven to be theirs: its credential is counted.
    await _count_answer(context, found.email if found else passkey_sign_in.named(credential))
    signed_in = await passkey_sign_in.passkey_sign_in(
        context.installation,
        step,
        credential,
        visitor=Visitor(address=context.address, user_agent=context.user_agent),
    )
    context.effect("session", signed_in.secret)
    context.effect("sign-in", None)


async def _count_password(context: RequestContext) -> None:
    email = context.require_person().email
    await count_try(context, "account:password", email=email, tries_of_email=_TRIES_OF_PERSON)


async def _count_answer(context: RequestContext, whose: str) -> None:
    await count_try(context, "account:passkey", email=whose, tries_of_email=_TRIES_OF_PERSON)
