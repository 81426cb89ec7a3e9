"""The way into one schema, whatever it is asked over: who asks, which document, what it costs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from graphql import OperationType
from starlette.requests import HTTPConnection

from keystall.graphql import trusted
from keystall.graphql.arrival import Caller, caller_of
from keystall.graphql.context import Program, RequestContext
from keystall.graphql.costs.metering import Meter
from keystall.graphql.errors import ApiError, ErrorCode, bad_input
from keystall.graphql.executor import SCHEMAS, Surface, execute
from keystall.graphql.operation import Answer, NotAllowed, refused
from keystall.graphql.storefront_tokens import Sent, sent_with
from keystall.graphql.trusted import Known
from keystall.graphql.wire import Asked
from keystall.platform.bucket import Bucket
from keystall.platform.throttle import network
from keystall.platform.web.headers import headers_of
from keystall.platform.web.hosts import host_name
from keystall.tenants.installation import Installation
from keystall.tenants.token_uses import Asked as Use

STATUSES = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.THROTTLED: 429,
    ErrorCode.TOO_MANY_STREAMS: 429,
}
_NOT_HERE = {
    OperationType.QUERY: (405, "Send queries by HTTP: a WebSocket is for subscriptions."),
    OperationType.MUTATION: (405, "Send mutations by POST."),
    OperationType.SUBSCRIPTION: (
        406,
        "Subscriptions are streams: accept text/event-stream, or open a WebSocket.",
    ),
}


class UnknownHost(LookupError):
    """No shop answers at the host."""


@dataclass(frozen=True, slots=True)
class Coming:
    """With what somebody came: the `host` they asked, the `secret` of their bearer, and what was
    `sent` along of the site whose code asks."""

    host: str
    secret: str | None
    caller: Caller
    sent: Sent = field(default_factory=Sent)


Admit = Callable[[Installation, Coming], Awaitable[RequestContext]]
"""Makes the context of who comes. Raises ApiError, or UnknownHost."""


def coming(connection: HTTPConnection) -> Coming:
    """With what a request or a WebSocket's handshake came (RFC 6750, 2.1)."""
    bearer = bearer_of(headers_of(connection.scope).get("authorization", ""))
    return Coming(host_name(connection.scope), bearer, caller_of(connection), sent_with(connection))


def bearer_of(authorization: str) -> str | None:
    """The secret in the value of an Authorization header; None where it is no bearer's."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of something that was asked. `text` is the document, where it was found; `status`
    the HTTP status of a refusal, None where the answer says it all."""

    answer: Answer
    meter: Meter
    text: str = ""
    status: int | None = None

    @property
    def told(self) -> Answer:
        """The answer, and in it what it cost."""
        cost = self.meter.told()
        return replace(self.answer, extensions={"cost": cost}) if cost else self.answer


@dataclass(frozen=True, slots=True)
class Gate:
    """The way into the schema `surface`. `known`: the documents of a shop's own pages; None where
    no documents are trusted."""

    installation: Installation
    surface: Surface
    admit: Admit
    known: Known | None

    async def admitted(self, who: Coming) -> RequestContext:
        """The context of who comes; whoever has it finishes its reader. Raises as `admit` does."""
        return await self.admit(self.installation, who)

    async def run(
        self,
        asked: Asked,
        context: RequestContext,
        allowed: frozenset[OperationType],
        *,
        again: bool = False,
    ) -> Ran:
        """Runs what is asked and takes what it costs. Asked `again`, as for the next answer of a
        subscription, its document is not paid for."""
        length = 0 if again else len(asked.document or "")
        meter = context.meter = self._meter(context, length)
        text, status = "", None
        try:
            text = await self.document(asked, context)
            answer = await execute(
                self.surface, text, asked.operation_name, asked.variables, context, allowed=allowed
            )
        except NotAllowed as error:
            status, message = _NOT_HERE[error.kind]
            answer = refused(bad_input(message), context.request_id)
        except ApiError as error:
            answer, status = refused(error, context.request_id), STATUSES.get(error.code)
        if meter.level is None:
            try:
                await meter.take_refused()
            except ApiError as error:
                answer = refused(error, context.request_id)
        if meter.throttled:
            status = 429
        self._note(context, asked, answer, text)
        return Ran(answer, meter, text, status)

    async def document(self, asked: Asked, context: RequestContext) -> str:
        """The text of what is asked. Raises ApiError where nobody vouches for it."""
        if self.known is None:
            return trusted.text_of(asked)
        return await trusted.document_of(asked, context, self.known)

    def counted_as(self, context: RequestContext) -> str:
        """Whom all that is asked is counted for: a program's token, a person or customer, or an
        address.

        A storefront token counts for nothing: all visitors of a site send the same, and one of them
        would use up what is everybody's; nor does another token give an address more.
        """
        match context.viewer:
            case Program(token_id=token_id):
                return f"token:{token_id}"
            case None if context.customer is not None:
                return f"customer:{context.customer.id}"
            case None:
                return f"address:{network(context.address)}"
            case person:
                return f"account:{person.account_id}"

    def _meter(self, context: RequestContext, length: int) -> Meter:
        """The bucket of whoever asks, at the shop."""
        settings = self.installation.settings
        shop = context.shop.id if context.shop else "none"
        bucket = Bucket(settings.api_bucket, settings.api_restore)
        key = f"{self.surface}:{shop}:{self.counted_as(context)}"
        return Meter(self.installation.queue, key, bucket, length)

    def _note(self, context: RequestContext, asked: Asked, answer: Answer, text: str) -> None:
        """Counts what was asked for the token that it came with; whence, of a program's alone: a
        storefront token is sent by every visitor of a site."""
        viewer, meter, token = context.viewer, context.meter, context.storefront_token
        if context.shop is None:
            return
        if isinstance(viewer, Program):
            counted, address = viewer.token_id, context.address
        elif token is not None:
            counted, address = token.id, ""
        else:
            return
        use = Use(refused=True)
        if answer.ran:
            documents = SCHEMAS[self.surface].documents
            old = documents.deprecated(text, asked.operation_name, asked.variables)
            cost = meter.requested if meter and meter.requested else 0
            use = Use(cost=cost, deprecated=old)
        uses = self.installation.token_uses
        uses.note(context.shop.id, counted, address, use)
