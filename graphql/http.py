"""The three endpoints: `/graphql/storefront` on shops' hosts, the others on the installation's.

The storefront endpoint is open to every site and therefore knows no cookies; a signed-in customer
is known by their session's secret as a bearer. The admin endpoint takes an API token as a bearer;
the operator endpoint a session's secret as a bearer. A browser's GET is answered with GraphiQL.
"""

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.routing import Route

from keystall.graphql import arrival
from keystall.graphql.arrival import Caller
from keystall.graphql.context import RequestContext
from keystall.graphql.endpoint import Endpoint, UnknownHost
from keystall.graphql.errors import unauthenticated
from keystall.graphql.graphiql import page as graphiql
from keystall.graphql.keeping import Keeps
from keystall.graphql.limits import MAX_BODY
from keystall.graphql.trusted import Known
from keystall.graphql.uploads import Uploads
from keystall.tenants.installation import Installation


def shop_routes(
    installation: Installation, known: Known = dict, keeps: Keeps | None = None
) -> list[Route]:
    """Routes of every shop's host. `known`: the documents of a shop's own pages."""
    return [
        _endpoint(Endpoint(installation, "storefront", _buyer, known, keeps)),
        Route("/graphql/assets/{name}", graphiql.asset),
    ]


def installation_routes(installation: Installation) -> list[Route]:
    """Routes of the installation's own host."""
    return [
        _endpoint(Endpoint(installation, "admin", _program, None)),
        _endpoint(Endpoint(installation, "operator", _operator, None)),
        Uploads(installation).route(),
        Route("/graphql/assets/{name}", graphiql.asset),
    ]


def _endpoint(endpoint: Endpoint) -> Route:
    surface = endpoint.surface
    # Wider than our own limit, which refuses in the API's words; the server's is narrower.
    room = Middleware(RequestBodyLimitMiddleware, max_body_size=2 * MAX_BODY[surface])
    methods = ["GET", "POST", "OPTIONS"]
    return Route(f"/graphql/{surface}", endpoint.answer, methods=methods, middleware=[room])


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
