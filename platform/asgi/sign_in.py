"""Signing in at a shop by a provider: out, back by the installation's host, and in again.

Plain handlers, for a browser on its way has no page. What they decide stands in
`tenants/customers/flows.py`.
"""

from dataclasses import dataclass, replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from keystall.graphql import arrival
from keystall.graphql.arrival import caller_of
from keystall.graphql.context import RequestContext
from keystall.graphql.tries import count_try
from keystall.platform.asgi.visits import Visits
from keystall.tenants.customers.flows import Handover, flow_begin, flow_end, flow_hand_over
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import Visitor
from keystall.themes.engine import URL_CODES, Effect

_LOCALES = {code: locale for locale, code in URL_CODES.items()}
_NEVER_KEPT = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_LONGEST_CODE = 2048


@dataclass(frozen=True)
class SignIn:
    """Handlers of shops' hosts and of the installation's."""

    visits: Visits

    def shop_routes(self) -> list[Route]:
        """At the shop: where a try begins, and where it ends."""
        return [
            Route("/{l}/sign-in/with/{provider}", self._begin),
            Route("/sign-in/return", self._end),
        ]

    def installation_routes(self) -> list[Route]:
        """The one address for each provider to register with it."""
        return [Route("/oauth/{provider}", self._hand_over)]

    async def _begin(self, request: Request) -> Response:
        locale = _LOCALES.get(request.path_params["l"])
        context = await self._context(request, locale or "") if locale else None
        if context is None or locale is None:
            return self._missing(request)
        try:
            shop = context.require_shop().id
            await count_try(context, f"customer:flow:{shop}")
            begun = await flow_begin(
                self.visits.installation, shop, request.path_params["provider"],
                host=(request.url.hostname or "").lower(), locale=locale,
            )  # fmt: skip
        except Refused:
            return self._back(locale, "throttled")
        finally:
            await context.reader.finish()
        if begun is None:
            return self._missing(request)
        response = RedirectResponse(begun.url, 303, _NEVER_KEPT)
        self.visits.cookies.write(response, Effect("sign-in", begun.browser_secret))
        return response

    async def _hand_over(self, request: Request) -> Response:
        said = request.query_params
        code = "" if "error" in said else said.get("code", "")
        there = await flow_hand_over(
            self.visits.installation,
            request.path_params["provider"],
            said.get("state", ""),
            code if len(code) <= _LONGEST_CODE else "",
        )
        if there is None:
            return self.visits.failures.page(request, "bad_request")
        return RedirectResponse(there, 303, _NEVER_KEPT)

    async def _end(self, request: Request) -> Response:
        context = await self._context(request, "")
        if context is None:
            return self._missing(request)
        said = request.query_params
        try:
            ended = await flow_end(
                self.visits.installation,
                context.require_shop().id,
                Handover(*(said.get(name, "") for name in ("flow", "until", "mark", "code"))),
                browser_secret=self.visits.cookie(request, "sign-in") or "",
                customer=context.customer,
                visitor=Visitor(address=context.address, user_agent=context.user_agent),
            )
        finally:
            await context.reader.finish()
        if ended is None or ended.signed_in is None:
            return self._back(ended.locale if ended else context.locale, "failed")
        response = RedirectResponse(f"/{URL_CODES[ended.locale]}/account", 303, _NEVER_KEPT)
        self.visits.cookies.write(response, Effect("session", ended.signed_in.secret))
        self.visits.cookies.write(response, Effect("sign-in", None))
        return response

    async def _context(self, request: Request, locale: str) -> RequestContext | None:
        spoken = locale or self.visits.cookie(request, "locale") or ""
        return await arrival.by_host(
            self.visits.installation,
            request.url.hostname or "",
            replace(caller_of(request), locale=spoken),
            secret=self.visits.session_of(request),
        )

    def _back(self, locale: str, done: str) -> Response:
        to = f"/{URL_CODES[locale]}/sign-in?done={quote(done)}"
        return RedirectResponse(to, 303, _NEVER_KEPT)

    def _missing(self, request: Request) -> Response:
        return self.visits.failures.page(request, "not_found")
