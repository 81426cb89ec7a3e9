"""The three endpoints: `/graphql/storefront` on shops' hosts, the others on the installation's.

The storefront endpoint is open to every site and therefore knows no cookies; a signed-in customer
is known by their session's secret as a bearer. The admin endpoint takes an API token as a bearer;
the operator endpoint a session's secret as a bearer. A browser's GET is answered with GraphiQL.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from keystall.graphql import arrival, wire
from keystall.graphql.arrival import Caller
from keystall.graphql.context import Program, RequestContext
from keystall.graphql.costs.metering import Meter
from keystall.graphql.errors import ApiError, ErrorCode, bad_input, unauthenticated, unavailable
from keystall.graphql.executor import Surface, execute
from keystall.graphql.graphiql import page as graphiql
from keystall.graphql.limits import MAX_BODY
from keystall.graphql.operation import ANY, READING, Answer, NotAllowed, refused
from keystall.platform.bucket import Bucket
from keystall.platform.database import AWAY
from keystall.platform.throttle import network
from keystall.tenants.installation import Installation

Admit = Callable[[Installation, Request, Caller], Awaitable[RequestContext]]
"""Makes the context of a request. Raises ApiError, or UnknownHost."""

_CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "x-request-id, ratelimit, ratelimit-policy, retry-after",
}
_PREFLIGHT = _CORS | {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": (
        "authorization, content-type, accept, x-keystall-locale, x-keystall-currency"
    ),
    "access-control-max-age": "86400",
}


_log = structlog.get_logger(__name__)


class UnknownHost(LookupError):
    """No shop answers at the host."""


def shop_routes(installation: Installation) -> list[Route]:
    """Routes of every shop's host."""
    return [
        _endpoint(installation, "storefront", _buyer),
        Route("/graphql/assets/{name}", graphiql.asset),
    ]


def installation_routes(installation: Installation) -> list[Route]:
    """Routes of the installation's own host."""
    return [
        _endpoint(installation, "admin", _program),
        _endpoint(installation, "operator", _operator),
        Route("/graphql/assets/{name}", graphiql.asset),
    ]


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


def _endpoint(installation: Installation, surface: Surface, admit: Admit) -> Route:
    async def answer(request: Request) -> Response:
        response = await _answer(installation, surface, admit, request)
        if surface == "storefront":
            response.headers.update(_CORS)
        return response

    # Wider than our own limit, which refuses in the API's words; the server's is narrower.
    room = Middleware(RequestBodyLimitMiddleware, max_body_size=2 * MAX_BODY[surface])
    methods = ["GET", "POST", "OPTIONS"]
    return Route(f"/graphql/{surface}", answer, methods=methods, middleware=[room])


async def _answer(
    installation: Installation, surface: Surface, admit: Admit, request: Request
) -> Response:
    if request.method == "OPTIONS":
        return _preflight(surface)
    if request.method == "GET" and graphiql.wants_page(request):
        return graphiql.page(surface)
    caller = caller_of(request)
    media_type = wire.JSON
    try:
        media_type = wire.answer_type(request)
        if request.method == "GET":
            asked = wire.asked_by_get(request.query_params)
        else:
            asked = await wire.asked_by_post(request, MAX_BODY[surface])
        context = await admit(installation, request, caller)
        context.meter = _meter(installation, surface, context, len(asked.document))
    except wire.Malformed as error:
        answer = refused(bad_input(error.message), caller.request_id)
        return wire.respond(answer, media_type, error.status)
    except ApiError as error:
        status = 401 if error.code is ErrorCode.UNAUTHENTICATED else 403
        return wire.respond(refused(error, caller.request_id), media_type, status)
    except AWAY as error:
        _log.warning("database away", error=type(error).__name__)
        response = wire.respond(refused(unavailable(), caller.request_id), media_type, 503)
        response.headers["retry-after"] = "5"
        return response
    except UnknownHost:
        return PlainTextResponse("There is no shop at this address.\n", 404)
    return await _run(surface, asked, context, media_type, request.method)


async def _run(
    surface: Surface, asked: wire.Asked, context: RequestContext, media_type: str, method: str
) -> Response:
    try:
        answer = await execute(
            surface,
            asked.document,
            asked.operation_name,
            asked.variables,
            context,
            allowed=READING if method == "GET" else ANY,
        )
    except NotAllowed:
        refusal = refused(bad_input("Send mutations by POST."), context.request_id)
        response = wire.respond(refusal, media_type, 405)
        response.headers["allow"] = "POST"
        return response
    finally:
        await context.reader.finish()
    return await _metered(answer, context, media_type)


async def _metered(answer: Answer, context: RequestContext, media_type: str) -> Response:
    """The answer with what it cost. What was refused before its cost was known cost us, too."""
    meter = context.meter
    if meter is None:
        return wire.respond(answer, media_type)
    if meter.level is None:
        try:
            await meter.take_refused()
        except ApiError as error:
            answer = refused(error, context.request_id)
    if told := meter.told():
        answer = replace(answer, extensions={"cost": told})
    response = wire.respond(answer, media_type, 429 if meter.throttled else None)
    response.headers.update(meter.headers())
    return response


def _meter(
    installation: Installation, surface: Surface, context: RequestContext, length: int
) -> Meter:
    """The bucket of a token, a signed-in person or customer, or else an address, at the shop."""
    settings = installation.settings
    match context.viewer:
        case Program(token_id):
            who = f"token:{token_id}"
        case None if context.customer is not None:
            who = f"customer:{context.customer.id}"
        case None:
            who = f"address:{network(context.address)}"
        case person:
            who = f"account:{person.account_id}"
    shop = context.shop.id if context.shop else "none"
    bucket = Bucket(settings.api_bucket, settings.api_restore)
    return Meter(installation.queue, f"{surface}:{shop}:{who}", bucket, length)


def _preflight(surface: Surface) -> Response:
    if surface == "storefront":
        return Response(status_code=204, headers=_PREFLIGHT)
    return JSONResponse({}, 405, {"allow": "GET, POST"})


async def _buyer(installation: Installation, request: Request, caller: Caller) -> RequestContext:
    secret = _bearer(request)
    host = request.url.hostname or ""
    context = await arrival.by_host(installation, host, caller, secret=secret)
    if context is None:
        raise UnknownHost
    if secret and context.customer is None:
        await context.reader.finish()
        raise unauthenticated()
    return context


async def _program(installation: Installation, request: Request, caller: Caller) -> RequestContext:
    secret = _bearer(request)
    context = await arrival.by_token(installation, secret, caller) if secret else None
    if context is None:
        raise unauthenticated()
    return context


async def _operator(installation: Installation, request: Request, caller: Caller) -> RequestContext:
    context = await arrival.by_session(installation, _bearer(request), caller)
    if context.viewer is None:
        raise unauthenticated()
    return context


def _bearer(request: Request) -> str | None:
    """The bearer token (RFC 6750, 2.1)."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None
