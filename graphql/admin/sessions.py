"""Where a person is signed in, and their password: for the installation's own pages."""

from datetime import datetime
from typing import Annotated

import strawberry

from keystall.graphql.admin.families import AccountUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, object_type, resolver
from keystall.graphql.ids import encode, row_of
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.tries import count_try
from keystall.platform.web.browsers import browser_name
from keystall.tenants.identity import sessions
from keystall.tenants.identity.sessions import SessionView

_TRIES_OF_PERSON = 10


@object_type
class Session:
    """A browser in which the viewer is signed in."""

    id: strawberry.ID = described("Opaque id, to hand to `sessionRevoke`.")
    browser: str = described("The browser, as people call it; empty for an unknown one.")
    address: str = described("The network address from which it was signed in.")
    created_at: datetime = described("Since when.")
    current: bool = described("Whether it is the one that asks.")


@object_type
class SessionRevokePayload(Payload[AccountUserError]):
    """The answer to sessionRevoke."""

    done: bool = described("Whether it was done.")


@object_type
class SessionsEndOthersPayload(Payload[AccountUserError]):
    """The answer to sessionsEndOthers."""

    ended: int = described("How many were ended.")


@object_type
class PasswordChangePayload(Payload[AccountUserError]):
    """The answer to passwordChange."""

    done: bool = described("Whether it was done.")


@object_type
class SessionMutation:
    """What signed-in people do about where they are signed in."""

    @resolver
    async def session_revoke(
        self, info: Info, id: Annotated[strawberry.ID, about("The session.")]
    ) -> SessionRevokePayload:
        """Signs out another browser of the viewer, at once. Pages only."""
        context = info.context
        context.require_page()
        call = sessions.session_revoke(context.require_person(), row_of("Session", id))
        _, errors = await attempted(context, call, AccountUserError)
        return SessionRevokePayload(done=not errors, user_errors=errors)

    @resolver
    async def sessions_end_others(self, info: Info) -> SessionsEndOthersPayload:
        """Signs out every other browser of the viewer, at once. Pages only."""
        context = info.context
        context.require_page()
        ended = await sessions.sessions_end_others(context.require_person())
        await context.renew()
        return SessionsEndOthersPayload(ended=ended, user_errors=[])

    @resolver
    async def password_change(
        self,
        info: Info,
        current: Annotated[str, about("The password as it is.")],
        password: Annotated[str, about("The new password, 10 characters or more.")],
    ) -> PasswordChangePayload:
        """Sets a new password and signs out every other browser of the viewer. Pages only."""
        info.context.require_page()
        call = _password_change(info.context, current, password)
        _, errors = await attempted(info.context, call, AccountUserError)
        return PasswordChangePayload(done=not errors, user_errors=errors)


async def sessions_of(context: RequestContext) -> list[Session]:
    """Where the person who asks is signed in."""
    person = context.require_person()
    return [_session(one) for one in await sessions.sessions_of(context.reader, person)]


async def _password_change(context: RequestContext, current: str, password: str) -> None:
    person = context.require_person()
    await count_try(
        context, "account:password", email=person.email, tries_of_email=_TRIES_OF_PERSON
    )
    await sessions.password_change(person, current, password)


def _session(view: SessionView) -> Session:
    return Session(
        id=encode("Session", view.id),
        browser=browser_name(view.user_agent),
        address=view.address,
        created_at=view.created_at,
        current=view.is_current,
    )
