"""Pages and answers that are the same for everyone, from the memory of this process.

A page of a shop that was drawn once is given again to whoever asks for the same address in the same
currency, and so is the API's answer to a public document asked for by its hash: before any route is
looked for and without a statement to the database, until the version of what the public sees of the
shop moves (`tenants/catalog/standing.py`) or its time is over. News of a version come over the line
to Redis, told by whoever changed something; should a message get lost, the versions of all shops
of which something is kept are read again twice a second, by one statement. While the line is down
nothing is kept and every page is drawn from the database.

A page is kept as of the version that its own snapshot of the database had, and only if the shop
that it was drawn for was read at the very same one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import structlog
from graphql import GraphQLSchema, parse
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from keystall.graphql.context import RequestContext
from keystall.graphql.public import private_parts
from keystall.graphql.storefront_tokens import HEADER
from keystall.graphql.wire import VARY_SHARED
from keystall.platform import database
from keystall.platform.kept import Kept, Making
from keystall.platform.web.hosts import host_name
from keystall.platform.web.observation import Ready, loggable_path
from keystall.platform.web.stack import security_headers
from keystall.tenants.catalog.standing import Standing, catalog_versions, standing
from keystall.tenants.installation import Installation
from keystall.tenants.shops.queries import shop_by_host
from keystall.tenants.shops.shop import Shop
from keystall.themes.engine import Cache, Page, same_etag
from keystall.themes.engine.documents import load_document

LOOK_SECONDS = 0.5
"""How often versions are looked at, whatever was told."""

LONGEST_ADDRESS = 1024
"""Bytes of path and query; a page with a longer address is drawn each time."""

_TOPICS = frozenset({"catalog", "shop"})
"""What is announced when something that visitors see of a shop has changed."""

_API = "/graphql/storefront"
_VARYING = frozenset(name.encode() for name in VARY_SHARED.split(", "))
_OF_SOMEBODY = frozenset({b"authorization", HEADER.encode()})
"""Who sends one of them is answered by the API itself: refused, or counted."""
_OF_ASKER = frozenset({b"ratelimit", b"ratelimit-policy", b"retry-after"})
"""Headers that tell one asker how much they may still ask: what is known costs nobody anything."""

_DRAFT = "keystall.draft"
_OF_BODY = frozenset({b"content-length", b"content-type"})
_log = structlog.get_logger()

Show = Callable[[], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page ready to be sent, and the 304 for who has it."""

    ready: Ready
    unmodified: Ready
    etag: str

    def response(self) -> Response:
        """The same for Starlette."""
        response = Response(self.ready.body)
        response.raw_headers = list(self.ready.headers)
        return response


@dataclass(slots=True)
class Draft:
    """An answer that may be kept, while it is made: for which shop, and as of when it was read."""

    shop: Shop
    standing: Standing | None = field(default=None)

    async def seen(self, context: RequestContext) -> None:
        """Notes as of when the answer is true: asked of the snapshot that it was read of, while
        that is still open."""
        self.shop = context.require_shop()
        self.standing = await standing(context.reader, self.shop.id)


def draft_of(request: Request) -> Draft | None:
    """The draft that a request for a page makes; None where it is not to be kept."""
    draft: Draft | None = request.scope["state"].get(_DRAFT)
    return draft


class Front:
    """What one process keeps of shops' pages. Watches the line (`platform.live`)."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.kept = Kept(installation.settings.kept_megabytes * 2**20)
        self._security = security_headers(installation.settings)
        prefix = "__Host-" if installation.settings.secure_cookies else ""
        self._currency_cookie = f"{prefix}currency"

    def line_up(self) -> None:
        self.kept.line_up()

    def line_down(self) -> None:
        self.kept.line_down()

    def told(self, topic: str) -> None:
        shop, _, what = topic.partition(":")
        if what in _TOPICS:
            self.kept.doubt(UUID(shop))

    def known(self, scope: Scope) -> Ready | None:
        """What is answered at once, without any other layer."""
        if scope["method"] != "GET" or not self.kept.up:
            return None
        asked = _Asked.of(scope)
        if asked is None:
            return None
        shop: Shop | None = self.kept.find(asked.host)
        if shop is None:
            return None
        page: KeptPage | None = self.kept.find(self._key(shop, asked))
        if page is None:
            return None
        self.kept.hit()
        if asked.if_none_match and same_etag(asked.if_none_match, page.etag):
            return page.unmodified
        return page.ready

    async def seen(self, request: Request, context: RequestContext) -> None:
        """Notes that an answer is for everyone, and as of when it is true."""
        draft = draft_of(request)
        if draft is not None:
            await draft.seen(context)

    async def keep(self, request: Request, show: Show) -> Response:
        """The answer from memory, or made by `show`, and kept if it was `seen`; many who ask for
        the same at once have it made once."""
        scope = request.scope
        asked = _Asked.of(scope)
        if not self.kept.up or asked is None:
            return await show()
        shop = await self.shop(asked.host.decode("latin-1"), host_name(scope))
        if shop is None:
            return await show()
        key = self._key(shop, asked)
        async with self.kept.making(key, shop.id) as making:
            if making.found is not None:
                found: KeptPage = making.found
                return found.response()
            draft = scope["state"][_DRAFT] = Draft(shop)
            response = await show()
            self._keep(making, draft, scope, response)
            return response

    async def shop(self, host: str, name: str) -> Shop | None:
        """The shop that answers at `host`, as a request has it, and without its port at `name`;
        from memory where it is known. What of it changes has its version move."""
        key = host.encode("latin-1")
        found: Shop | None = self.kept.find(key)
        if found is not None:
            return found
        async with self.kept.making(key) as making:
            if making.found is not None:
                known: Shop = making.found
                return known
            shop = await shop_by_host(database.single(), name)
            if shop is not None:
                until = Standing.longest()
                size = 1500 + 4 * len(repr(shop))
                making.keep(
                    shop, size, scope=shop.id, version=shop.catalog_version, until=until
                )  # fmt: skip
            return shop

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Looks at versions while inside."""
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def look(self) -> None:
        """Reads the versions of all shops of which something is kept."""
        shops: list[UUID] = self.kept.scopes()
        if not shops:
            return
        versions = await catalog_versions(database.single(), shops)
        for shop in shops:
            if shop in versions:
                self.kept.learn(shop, versions[shop])
            else:
                self.kept.doubt(shop)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.kept.count()
            try:
                await self.look()
            except Exception as error:
                # The database may be away; the line still tells what changes.
                _log.warning("versions are not looked at", error=type(error).__name__)

    def _key(self, shop: Shop, asked: "_Asked") -> Hashable:
        """What an answer depends on: the shop, the address (page or document, language, variables),
        the currency; of the API's answers, the headers that they vary by."""
        currency = ""
        if len(shop.currencies) > 1:
            chosen = cookie_parser(asked.cookie).get(self._currency_cookie, "")
            currency = chosen if chosen in shop.currencies else shop.default_currency
        return shop.id, asked.path, asked.query, currency, asked.varying

    def _keep(self, making: Making, draft: Draft, scope: Scope, response: Response) -> None:
        seen, shop = draft.standing, draft.shop
        if seen is None or response.status_code != 200:
            return
        given = [pair for pair in response.raw_headers if pair[0] not in _OF_ASKER]
        headers = self._security.added_to(given)
        names = {name for name, _ in headers}
        if b"set-cookie" in names:
            raise RuntimeError("a page that is the same for everyone sets no cookie")
        if seen.version != shop.catalog_version:
            # The frame is of one version and the goods of another: right enough to be shown once.
            self.kept.learn(shop.id, seen.version)
            return
        ready = Ready(
            status=200,
            headers=headers,
            body=bytes(response.body),
            route=getattr(scope.get("route"), "path", "other"),
            path=loggable_path(scope["path"]),
            facts={"shop": str(shop.id)},
        )
        less = [pair for pair in headers if pair[0] not in _OF_BODY]
        unmodified = ready._replace(status=304, headers=less, body=b"")
        page = KeptPage(ready, unmodified, response.headers["etag"])
        size = len(ready.body) + sum(len(name) + len(value) for name, value in headers)
        making.keep(page, size, scope=shop.id, version=seen.version, until=seen.until)


class _Asked(NamedTuple):
    """What of a request decides over its page; `host` as it came, port and all."""

    host: bytes
    path: str
    query: bytes
    cookie: str
    if_none_match: str
    varying: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, scope: Scope) -> "_Asked | None":
        """None for a part of a page, for who signs in or sends a token, and for addresses without
        end."""
        host = b""
        cookie = if_none_match = ""
        path, query = scope["path"], scope["query_string"]
        length = len(path) + len(query)
        is_api = path == _API
        varying: tuple[tuple[bytes, bytes], ...] = ()
        for name, value in scope["headers"]:
            if name == b"host":
                host = host or value  # the first one decides elsewhere, too
            elif name == b"cookie":
                cookie = (
                    f"{cookie}; {value.decode('latin-1')}" if cookie else value.decode("latin-1")
                )
            elif name == b"if-none-match":
                if_none_match = value.decode("latin-1")
            elif name == b"hx-request":
                return None
            elif is_api and name in _VARYING:
                if name in _OF_SOMEBODY:
                    return None
                varying += ((name, value),)
                length += len(value)
        if length > LONGEST_ADDRESS or not host:
            return None
        return cls(host, path, query, cookie, if_none_match, varying)


def require_public(pages: Iterable[Page], schema: GraphQLSchema) -> None:
    """Raises ValueError for a page that says it is the same for everyone and asks for something
    that the schema does not call public, or for something of its visitor."""
    for page in pages:
        if page.cache is not Cache.EVERYONE:
            continue
        document = load_document(page)
        assert document.query is not None  # noqa: S101 - such pages show data
        assert document.query.name is not None  # noqa: S101 - check_pages holds it
        asked = parse(document.text(document.query.name.value))
        private = private_parts(schema, asked)
        private += [
            f"${variable.variable.name.value}"
            for variable in document.query.variable_definitions or ()
            if variable.variable.name.value in _OF_VISITOR
        ]
        if private:
            raise ValueError(f"{page.name} is for everyone and asks for {', '.join(private)}")


_OF_VISITOR = frozenset({"cartId"})
"""Values of a visit that are its visitor's own."""
