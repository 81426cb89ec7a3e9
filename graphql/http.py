"""The three endpoints: `/graphql/storefront` on shops' hosts, the others on the installation's.

The storefront endpoint is open to every site and therefore knows no cookies; a signed-in customer
is known by their session's secret as a bearer, and a site by its storefront token, which a shop may
ask for. The admin endpoint takes an API token as a bearer; the operator endpoint a session's secret
as a bearer. A browser's GET is answered with GraphiQL, and a WebSocket is spoken with where the
schema has subscriptions.
"""

from collections.abc import Iterator
from functools import partial

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from keystall.graphql import arrival, storefront_tokens
from keystall.graphql.context import RequestContext
from keystall.graphql.endpoint import Endpoint
from keystall.graphql.errors import ApiError, unauthenticated
from keystall.graphql.executor import SCHEMAS
from keystall.graphql.gate import Coming, Gate, UnknownHost
from keystall.graphql.graphiql import page as graphiql
from keystall.graphql.keeping import Keeps
from keystall.graphql.limits import MAX_BODY
from keystall.graphql.streams.sockets import Sockets
from keystall.graphql.streams.streams import Streams
from keystall.graphql.trusted import Known
from keystall.graphql.uploads import Uploads
from keystall.platform.live import Live
from keystall.tenants.installation import Installation


def shop_routes(
    installation: Installation,
    known: Known = dict,
    keeps: Keeps | None = None,
    streams: Streams | None = None,
) -> list[BaseRoute]:
    """Routes of every shop's host. `known`: the documents of a shop's own pages; `streams`: what
    subscriptions hear by, nothing where there is none."""
    streams = streams or Streams(Live(installation.queue))
    admit = partial(_buyer, keeps)
    return [
        *_endpoint(Endpoint(Gate(installation, "storefront", admit, known), streams, keeps)),
        Route("/graphql/assets/{name}", graphiql.asset),
    ]


def installation_routes(
    installation: Installation, streams: Streams | None = None
) -> list[BaseRoute]:
    """Routes of the installation's own host."""
    streams = streams or Streams(Live(installation.queue))
    return [
        *_endpoint(Endpoint(Gate(installation, "admin", _program, None), streams)),
        *_endpoint(Endpoint(Gate(installation, "operator", _operator, None), streams)),
        Uploads(installation).route(),
        Route("/graphql/assets/{name}", graphiql.asset),
    ]


def _endpoint(endpoint: Endpoint) -> Iterator[BaseRoute]:
    surface = endpoint.gate.surface
    # Wider than our own limit, which refuses in the API's words; the server's is narrower.
    room = Middleware(RequestBodyLimitMiddleware, max_body_size=2 * MAX_BODY[surface])
    methods = ["GET", "POST", "OPTIONS"]
    path = f"/graphql/{surface}"
    yield Route(path, endpoint.answer, methods=methods, middleware=[room])
    if SCHEMAS[surface]._schema.subscription_type is not None:
        yield WebSocketRoute(path, Sockets(endpoint.gate, endpoint.streams).serve)


async def _buyer(keeps: Keeps | None, installation: Installation, who: Coming) -> RequestContext:
    context = None
    if keeps is None or who.sent.token:
        context = await arrival.by_host(
            installation, who.host, who.caller, secret=who.secret, token=who.sent.token
        )
    elif shop := await keeps.shop(who.sent.host, who.host):
        context = await arrival.as_customer(installation, shop, who.caller, who.secret)
    if context is None:
        raise UnknownHost
    try:
        storefront_tokens.admit(context, who.sent)
        if who.secret and context.customer is None:
            raise unauthenticated()
    except ApiError:
        await context.reader.finish()
        raise
    return context


async def _program(installation: Installation, who: Coming) -> RequestContext:
    if not who.secret:
        raise unauthenticated()
    context = await arrival.by_token(installation, who.secret, who.caller)
    if context is None:
        raise unauthenticated()
    return context


async def _operator(installation: Installation, who: Coming) -> RequestContext:
    context = await arrival.by_session(installation, who.secret, who.caller)
    if context.viewer is None:
        raise unauthenticated()
    return context
