"""One process of the product: what it opens at its start, and which part answers which host."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from keystall.graphql import http as graphql_http
from keystall.graphql.executor import SCHEMAS, execute
from keystall.graphql.handlers import Handlers
from keystall.graphql.reference.routes import Reference
from keystall.graphql.streams.streams import Streams
from keystall.platform import clock, database
from keystall.platform.asgi.front import Front, require_public
from keystall.platform.asgi.late import Late
from keystall.platform.asgi.sign_in import SignIn
from keystall.platform.asgi.visits import Visits
from keystall.platform.collection import keep_what_start_up_made, nothing_is_garbage
from keystall.platform.live import Live
from keystall.platform.settings import Settings
from keystall.platform.web.health import ALIVE, READY, Check, Unready, health_routes
from keystall.platform.web.hosts import host_name
from keystall.platform.web.server import END_STREAMS
from keystall.platform.web.stack import middleware
from keystall.tenants.installation import Installation, installed
from keystall.tenants.schema import connect
from keystall.themes.accounts.pages import PAGES as ACCOUNT_PAGES
from keystall.themes.console.pages import PAGES as CONSOLE_PAGES
from keystall.themes.engine import (
    Cookies,
    Failures,
    Pages,
    locale_route,
    make_renderer,
    routes,
    vouched,
)
from keystall.themes.mail.texts import ThemedMails
from keystall.themes.operator.pages import PAGES as OPERATOR_PAGES
from keystall.themes.storefront.pages import PAGES as STOREFRONT_PAGES

STOREFRONT = SCHEMAS["storefront"]._schema
"""Loaded with this module: what buyers use is there before the process is ready."""

OUTBOX_LAG = timedelta(minutes=1)
"""Work that has waited longer than this, handed out or not, means that no worker does it."""


class Application:
    """The ASGI application. Everything is opened at start-up and closed at shutdown."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._serve: ASGIApp | None = None
        self._open = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live_and_die(scope, receive, send)
        elif self._serve is not None:
            await self._serve(scope, receive, send)

    async def _live_and_die(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            with nothing_is_garbage():
                served = await self._open.enter_async_context(serving(self._settings()))
        except BaseException as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        self._serve = served.app
        scope.get("state", {})[END_STREAMS] = served.live.end
        keep_what_start_up_made()
        await send({"type": "lifespan.startup.complete"})
        console = asyncio.create_task(_load(served.console))
        await receive()
        console.cancel()
        await self._open.aclose()
        await send({"type": "lifespan.shutdown.complete"})


async def _load(console: Late) -> None:
    with suppress(Exception):  # logged, and told by /readyz
        await console.built()
        keep_what_start_up_made()


@dataclass(frozen=True, slots=True)
class Served:
    """The application that is open, the part of it that is loaded last, and what its open streams
    hear by."""

    app: ASGIApp
    console: Late
    live: Live


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Served]:
    """The whole application over what `settings` name, open while inside."""
    async with installed(settings, ThemedMails()) as installation:
        await connect(settings)
        try:
            live, front = Live(installation.queue), Front(installation)
            live.watch(front)
            async with live.running(), front.running(), installation.token_uses.running():
                app, console = put_together(installation, live, front)
                yield Served(app, console, live)
        finally:
            await database.disconnect()


def application(
    installation: Installation,
    live: Live,
    front: Front | None = None,
    streams: Streams | None = None,
) -> ASGIApp:
    """The application over what is open already; without a `front` nothing is kept."""
    return put_together(installation, live, front, streams)[0]


def put_together(
    installation: Installation,
    live: Live,
    front: Front | None = None,
    streams: Streams | None = None,
) -> tuple[ASGIApp, Late]:
    """The same, and the part of it that is loaded late: what answers at the installation's own
    host, a quarter of all that a web process loads. Shops sell before it is there."""
    settings = installation.settings
    renderer = make_renderer()
    failures = Failures(renderer, lambda request: request.scope["state"]["request_id"])
    cookies = Cookies(secure=settings.secure_cookies)
    visits = Visits(installation, cookies, failures)
    sign_in = SignIn(visits)
    handlers = Handlers(installation, live, visits.session_of, front)
    reference = Reference(installation, visits.session_of)
    streams = streams or Streams(live)
    pages = Pages(
        execute,
        visits.make,
        {"storefront": STOREFRONT},
        failures,
        cookies,
        store_upload=visits.store_upload,
        keep=front.keep if front is not None else None,
    )
    require_public(STOREFRONT_PAGES, STOREFRONT)
    errors = failures.handlers(away=database.AWAY)
    shop = Starlette(
        routes=[
            *graphql_http.shop_routes(installation, _page_documents, front, streams),
            *health_routes(_checks(installation, lambda: own.check())),
            renderer.assets.route(),
            *reference.shop_routes(),
            *handlers.shop_routes(),
            *visits.shop_routes(),
            *sign_in.shop_routes(),
            *routes(STOREFRONT_PAGES, pages),
        ],
        exception_handlers=errors,
    )

    def load_own() -> ASGIApp:
        shared = replace(pages, schemas={name: one._schema for name, one in SCHEMAS.items()})
        return Starlette(
            routes=[
                *graphql_http.installation_routes(installation, streams),
                renderer.assets.route(),
                *reference.installation_routes(),
                *handlers.console_routes(),
                *sign_in.installation_routes(),
                locale_route(cookies),
                *routes([*ACCOUNT_PAGES, *CONSOLE_PAGES, *OPERATOR_PAGES], shared),
            ],
            exception_handlers=errors,
        )

    own = Late(load_own)
    layers = middleware(settings, front.known if front is not None else None)
    return _layered(_by_host(settings.public_host, own, shop), layers), own


def _layered(app: ASGIApp, layers: list[Middleware]) -> ASGIApp:
    for layer in reversed(layers):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return app


def _by_host(public_host: str, own: ASGIApp, shop: ASGIApp) -> ASGIApp:
    """The installation's own application at its own host, that of shops at any other. Whether the
    process is well is told at any, whatever is loaded."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] in ("http", "websocket") and scope["path"] not in (ALIVE, READY)
        host = host_name(scope) if asked else ""
        await (own if host == public_host else shop)(scope, receive, send)

    return answer


@cache
def _page_documents() -> Mapping[str, str]:
    """What the storefront's pages ask of its API; others may ask it, too, by the hash."""
    return vouched(page for page in STOREFRONT_PAGES if page.audience == "storefront")


def _checks(installation: Installation, console: Check) -> dict[str, Check]:
    async def database_answers() -> None:
        await database.single().value("select 1")

    async def redis_answers() -> None:
        await installation.queue.redis.ping()

    async def outbox_moves() -> None:
        late = await database.system().value(
            "select count(*) from outbox where done_at is null and failed_at is null"
            " and due_at < $1 and attempts = 0",
            clock.now() - OUTBOX_LAG,
        )
        if late:
            raise Unready(f"{late} pieces of work wait for a worker")

    return {
        "database": database_answers,
        "redis": redis_answers,
        "outbox": outbox_moves,
        "console": console,
    }
