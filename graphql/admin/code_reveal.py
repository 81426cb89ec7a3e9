"""Codes shown whole, to a person who has said the password again."""

from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.codes import Code, code, codes
from keystall.graphql.admin.families import CodeUserError
from keystall.graphql.context import Info, Program, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.ids import row_of
from keystall.graphql.refusals import Payload, attempted
from keystall.platform.throttle import allow
from keystall.tenants.delivery.service import reveal_code
from keystall.tenants.errors import refuse
from keystall.tenants.identity.service import password_confirm, password_confirmed

_TRIES, _WINDOW = 10, 900
"""Passwords that one account may try in so many seconds."""


@object_type
class CodeRevealPayload(Payload[CodeUserError]):
    """The answer to codeReveal."""

    code: Code | None = described("The code; null where it was refused.")
    secret: str | None = described("The code, whole; null where it was refused.")


@object_type
class PasswordConfirmPayload(Payload[CodeUserError]):
    """The answer to passwordConfirm."""

    done: bool = described("Whether the password was right.")


@object_type
class RevealMutation:
    """What a merchant does to see codes."""

    @resolver
    async def code_reveal(
        self,
        info: Info,
        id: Annotated[strawberry.ID, about("The code.")],
        password: Annotated[
            str | None, about("The password, where it was not said again lately.")
        ] = None,
    ) -> CodeRevealPayload:
        """Answers a code whole, to a person who said the password again within the last ten
        minutes. Each call is recorded."""
        context = info.context
        row = row_of("Code", id)
        call = _reveal(context, row, password or "")
        secret, errors = await attempted(context, call, CodeUserError)
        found = await context.load(codes, row) if secret is not None else None
        return CodeRevealPayload(
            code=code(found, context.locale) if found else None, secret=secret, user_errors=errors
        )

    @resolver
    async def password_confirm(
        self, info: Info, password: Annotated[str, about("Of whoever is signed in, said again.")]
    ) -> PasswordConfirmPayload:
        """Says the password again: for ten minutes this session may see and export codes."""
        call = _confirm(info.context, password)
        _, errors = await attempted(info.context, call, CodeUserError)
        return PasswordConfirmPayload(done=not errors, user_errors=errors)


async def _reveal(context: RequestContext, row: UUID, password: str) -> str:
    shop = context.require_shop().id
    await require_confirmed(context, password)
    secret = await reveal_code(
        context.installation,
        shop,
        row,
        actor=context.actor,
        address=context.address,
        user_agent=context.user_agent,
    )
    if secret is None:
        raise refuse("NOT_FOUND", "id")
    return secret


async def require_confirmed(context: RequestContext, password: str = "") -> None:
    """Lets only a person on who said the password again, now or within the last ten minutes.

    Refuses PERSON_NEEDED (to tokens), PASSWORD_NEEDED, PASSWORD_WRONG, THROTTLED.
    """
    viewer = context.require_viewer()
    if isinstance(viewer, Program):
        raise refuse("PERSON_NEEDED")
    if password:
        await _confirm(context, password)
    elif not await password_confirmed(viewer):
        raise refuse("PASSWORD_NEEDED", "password")


async def _confirm(context: RequestContext, password: str) -> None:
    viewer = context.require_viewer()
    if isinstance(viewer, Program):
        raise refuse("PERSON_NEEDED")
    key = f"account:confirm:{viewer.account_id}"
    if not await allow(context.installation.queue, key, _TRIES, _WINDOW):
        raise refuse("THROTTLED")
    await password_confirm(context.installation, viewer, password)
