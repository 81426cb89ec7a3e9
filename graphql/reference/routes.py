"""The reference over HTTP: a storefront's for anyone, the other two for those who may introspect.

A shop's host has the reference of its own schema; the installation's has those of the other two,
for people who are signed in, and for programs with the bearer that the endpoint takes. Operators
alone read the operators'.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from keystall.graphql import arrival
from keystall.graphql.arrival import caller_of
from keystall.graphql.executor import Surface
from keystall.graphql.reference import site
from keystall.platform import database
from keystall.platform.web.hosts import host_name
from keystall.tenants.installation import Installation
from keystall.tenants.shops.queries import shop_by_host

SessionOf = Callable[[Request], str | None]

POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_FOR_ANYONE = {"content-security-policy": POLICY, "cache-control": "no-cache"}
_FOR_ONE = {"content-security-policy": POLICY, "cache-control": "private, no-store"}
_MISSING = PlainTextResponse("Not found.\n", 404)


@dataclass(frozen=True)
class Reference:
    """The reference's handlers. `session_of` reads the secret of a person's session."""

    installation: Installation
    session_of: SessionOf

    def shop_routes(self) -> list[Route]:
        """Routes of every shop's host."""
        at = f"{site.BASE}/storefront"
        return [
            Route(f"{site.BASE}/reference.css", _styles),
            Route(f"{site.BASE}/", lambda _: RedirectResponse(f"{at}/", 303)),
            Route(f"{at}/{{path:path}}", self._storefront),
        ]

    def installation_routes(self) -> list[Route]:
        """Routes of the installation's host."""
        return [
            Route(f"{site.BASE}/reference.css", _styles),
            Route(f"{site.BASE}/", self._entrance),
            Route(f"{site.BASE}/{{surface}}/{{path:path}}", self._guarded),
        ]

    async def _entrance(self, request: Request) -> Response:
        shown = self.installation.settings.shop_url("your-shop")
        return HTMLResponse(site.entrance(shown), headers=_FOR_ANYONE)

    async def _storefront(self, request: Request) -> Response:
        shop = await shop_by_host(database.single(), host_name(request.scope))
        if shop is None:
            return PlainTextResponse("There is no shop at this address.\n", 404)
        origin = self.installation.settings.shop_url(shop.slug)
        return await _shown("storefront", request, origin, _FOR_ANYONE)

    async def _guarded(self, request: Request) -> Response:
        surface = request.path_params["surface"]
        if surface not in ("admin", "operator"):
            return _MISSING
        refused = await self._refused(request, surface)
        if refused is not None:
            return refused
        return await _shown(surface, request, self.installation.settings.public_url, _FOR_ONE)

    async def _refused(self, request: Request, surface: str) -> Response | None:
        """What somebody gets who may not read a schema; None for whoever may."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if bearer and scheme.lower() == "bearer" and surface == "admin":
            program = await arrival.by_token(self.installation, bearer, caller_of(request))
            if program is None:
                return PlainTextResponse("This token opens nothing.\n", 401)
            await program.reader.finish()
            return None
        secret = bearer or self.session_of(request)
        context = await arrival.by_session(self.installation, secret, caller_of(request))
        await context.reader.finish()
        if context.viewer is None:
            here = quote(request.url.path, safe="")
            return RedirectResponse(f"/sign-in?to={here}", 303, _FOR_ONE)
        if surface == "operator" and not context.require_person().is_operator:
            return PlainTextResponse("This is for operators of the installation.\n", 403)
        return None


async def _shown(surface: str, request: Request, origin: str, headers: dict[str, str]) -> Response:
    # The first page of a schema takes a second to draw, in which others are answered.
    found = await asyncio.to_thread(
        site.page, cast("Surface", surface), request.path_params["path"], origin.rstrip("/")
    )
    return HTMLResponse(found, headers=headers) if found is not None else _MISSING


async def _styles(request: Request) -> Response:
    headers = {"cache-control": "public, max-age=3600"}
    return Response(site.styles(), headers=headers, media_type="text/css")
