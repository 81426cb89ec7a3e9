"""One endpoint: who asks, which document, what it costs, and how the answer goes over the wire."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from keystall.graphql import trusted, wire
from keystall.graphql.arrival import Caller
from keystall.graphql.context import Program, RequestContext
from keystall.graphql.costs.metering import Meter
from keystall.graphql.errors import ApiError, ErrorCode, bad_input, unavailable
from keystall.graphql.executor import SCHEMAS, Surface, execute
from keystall.graphql.graphiql import page as graphiql
from keystall.graphql.keeping import Keeps
from keystall.graphql.limits import MAX_BODY
from keystall.graphql.operation import ANY, READING, Answer, NotAllowed, refused
from keystall.graphql.public import is_public
from keystall.graphql.trusted import Known
from keystall.platform.bucket import Bucket
from keystall.platform.database import AWAY
from keystall.platform.throttle import network
from keystall.tenants.installation import Installation
from keystall.tenants.token_uses import Asked

Admit = Callable[[Installation, Request, Caller], Awaitable[RequestContext]]
"""Makes the context of a request. Raises ApiError, or UnknownHost."""

_CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "x-request-id, ratelimit, ratelimit-policy, retry-after, etag",
}
_PREFLIGHT = _CORS | {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": (
        "authorization, content-type, accept, if-none-match, x-keystall-locale, x-keystall-currency"
    ),
    "access-control-max-age": "86400",
}
_ASKS = frozenset({"GET", "HEAD"})
_STATUS = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.THROTTLED: 429,
}
_log = structlog.get_logger(__name__)


class UnknownHost(LookupError):
    """No shop answers at the host."""


def caller_of(request: Request) -> Caller:
    """What every context is made of, whoever asks."""
    headers = request.headers
    state = request.scope.get("state", {})
    return Caller(
        request_id=state.get("request_id") or secrets.token_hex(16),
        address=request.client.host if request.client else "",
        user_agent=headers.get("user-agent", ""),
        accept_language=headers.get("accept-language", ""),
        locale=headers.get("x-keystall-locale", ""),
        currency=headers.get("x-keystall-currency", ""),
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of one audience. `known`: the documents of a shop's own pages; None where no
    documents are trusted. `keeps` has answers to documents asked for by their hash."""

    installation: Installation
    surface: Surface
    admit: Admit
    known: Known | None
    keeps: Keeps | None = None

    async def answer(self, request: Request) -> Response:
        """The answer to whatever was sent."""
        by_hash = request.method == "GET" and "query" not in request.query_params
        if self.keeps is None or not by_hash:
            return await self._made(request)
        return await self.keeps.keep(request, partial(self._made, request))

    async def _made(self, request: Request) -> Response:
        response = await self._answer(request)
        if self.surface == "storefront":
            response.headers.update(_CORS)
        return response

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._preflight()
        if request.method == "GET" and graphiql.wants_page(request):
            return graphiql.page(self.surface)
        caller = caller_of(request)
        media_type = wire.JSON
        try:
            media_type = wire.answer_type(request)
            if request.method in _ASKS:
                asked = wire.asked_by_get(request.query_params)
            else:
                asked = await wire.asked_by_post(request, MAX_BODY[self.surface])
            context = await self.admit(self.installation, request, caller)
            try:
                return await self._run(request, asked, context, media_type)
            finally:
                await context.reader.finish()
        except wire.Malformed as error:
            answer = refused(bad_input(error.message), caller.request_id)
            return wire.respond(answer, media_type, error.status)
        except ApiError as error:
            answer = refused(error, caller.request_id)
            return wire.respond(answer, media_type, _STATUS.get(error.code))
        except AWAY as error:
            _log.warning("database away", error=type(error).__name__)
            response = wire.respond(refused(unavailable(), caller.request_id), media_type, 503)
            response.headers["retry-after"] = "5"
            return response
        except UnknownHost:
            return PlainTextResponse("There is no shop at this address.\n", 404)

    async def _run(
        self, request: Request, asked: wire.Asked, context: RequestContext, media_type: str
    ) -> Response:
        meter = context.meter = self._meter(context, len(asked.document or ""))
        text, status = "", None
        try:
            text = await self._document(asked, context)
            answer = await execute(
                self.surface,
                text,
                asked.operation_name,
                asked.variables,
                context,
                allowed=READING if request.method in _ASKS else ANY,
            )
        except NotAllowed:
            answer = refused(bad_input("Send mutations by POST."), context.request_id)
            status = 405
        except ApiError as error:
            answer, status = refused(error, context.request_id), _STATUS.get(error.code)
        if meter.level is None:
            try:
                await meter.take_refused()
            except ApiError as error:
                answer = refused(error, context.request_id)
        if meter.throttled:
            status = 429
        self._note(context, answer, text)
        if self._is_for_everyone(request, asked, text, answer):
            if asked.document is None and self.keeps is not None:
                await self.keeps.seen(request, context)
            response = _shared(request, wire.respond(answer, media_type))
        else:
            told = meter.told()
            answer = replace(answer, extensions={"cost": told}) if told else answer
            response = wire.respond(answer, media_type, status)
        if status == 405:
            response.headers["allow"] = "POST"
        response.headers.update(meter.headers())
        return response

    def _note(self, context: RequestContext, answer: Answer, text: str) -> None:
        """Counts the request for the token that it came with."""
        viewer, meter = context.viewer, context.meter
        if context.shop is None or not isinstance(viewer, Program):
            return
        asked = Asked(refused=True)
        if answer.ran:
            document = SCHEMAS[self.surface].documents.read(text)
            cost = meter.requested if meter and meter.requested else 0
            asked = Asked(cost=cost, deprecated=document.deprecated)
        uses = self.installation.token_uses
        uses.note(context.shop.id, viewer.token_id, context.address, asked)

    async def _document(self, asked: wire.Asked, context: RequestContext) -> str:
        if self.known is None:
            return trusted.text_of(asked)
        return await trusted.document_of(asked, context, self.known)

    def _is_for_everyone(
        self, request: Request, asked: wire.Asked, text: str, answer: Answer
    ) -> bool:
        """Whether the answer would be the same for anyone who asks like this."""
        if self.surface != "storefront" or request.method not in _ASKS:
            return False
        if "authorization" in request.headers or answer.errors or not answer.ran:
            return False
        schema = SCHEMAS[self.surface]
        return is_public(schema, schema.documents.read(text), asked.operation_name)

    def _meter(self, context: RequestContext, length: int) -> Meter:
        """The bucket of a token, a person or customer, or else an address, at the shop."""
        settings = self.installation.settings
        match context.viewer:
            case Program(token_id=token_id):
                who = f"token:{token_id}"
            case None if context.customer is not None:
                who = f"customer:{context.customer.id}"
            case None:
                who = f"address:{network(context.address)}"
            case person:
                who = f"account:{person.account_id}"
        shop = context.shop.id if context.shop else "none"
        bucket = Bucket(settings.api_bucket, settings.api_restore)
        return Meter(self.installation.queue, f"{self.surface}:{shop}:{who}", bucket, length)

    def _preflight(self) -> Response:
        if self.surface == "storefront":
            return Response(status_code=204, headers=_PREFLIGHT)
        return JSONResponse({}, 405, {"allow": "GET, POST"})


def _shared(request: Request, response: Response) -> Response:
    """An answer that caches may keep, and ask after each time (RFC 9111, 5.2.2.4): nothing with
    status 304 where the client has it already."""
    kind = response.headers["content-type"].encode()
    tag = f'"{hashlib.sha256(kind + bytes(response.body)).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "public, no-cache", "vary": wire.VARY_SHARED}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _has(told: str, tag: str) -> bool:
    """Whether an If-None-Match header has the tag, compared weakly (RFC 9110, 13.1.2)."""
    held = {one.strip().removeprefix("W/") for one in told.split(",")}
    return tag in held or held == {"*"}
