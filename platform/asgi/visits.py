"""Making visits: who stands behind a request for a page, and may they see it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from keystall.graphql import arrival, ids
from keystall.graphql.arrival import caller_of
from keystall.graphql.context import Program, RequestContext
from keystall.graphql.wording import worded
from keystall.platform.asgi.front import draft_of
from keystall.platform.settings import Settings
from keystall.platform.web.hosts import host_name
from keystall.tenants.errors import Refused
from keystall.tenants.files.service import picture_upload
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.staff.roles import Permission
from keystall.tenants.stock.uploads import codes_upload
from keystall.themes.engine import (
    URL_CODES,
    Cache,
    Cookies,
    Effect,
    Failures,
    Look,
    Page,
    Visit,
    alias,
    load_theme,
)
from keystall.themes.engine.theme import PLAIN, ThemeError
from keystall.themes.engine.visit import UploadRefused
from keystall.themes.paths import THEMES

_THEME = load_theme(THEMES / "storefront" / "theme.toml")
_LOCALES = {code: locale for locale, code in URL_CODES.items()}
_UPLOAD_PART = 256 * 1024
_READABLE_WHEN_SUSPENDED = frozenset({
    "order", "codes", "find_order", "find_order_sent", "sign_in", "sign_in_sent", "sign_in_link",
    "account",
})  # fmt: skip
"""Whoever has paid may still reach the goods."""

_UPLOADS: Mapping[str, Permission] = {
    "uploadId": Permission.STOCK,
    "uploadIds": Permission.CATALOG,
    "logoUploadId": Permission.SETTINGS,
}
"""What it takes to have a file kept, by the form's field."""

_ANY_MEMBER = "member"
"""The permission of pages that are for everybody who works for the shop."""

_SHUT: Mapping[str, str] = {
    "suspended": "shop_suspended", "pending": "shop_pending", "declined": "shop_pending",
}  # fmt: skip
"""States in which nobody looks around, with the page that says so."""


@lru_cache(maxsize=1024)
def _look(preset: str, chosen: tuple[tuple[str, str], ...]) -> Look:
    with suppress(ThemeError):
        return _THEME.look(preset, dict(chosen))
    return PLAIN


def look_of(shop: Shop) -> Look:
    """How a shop's pages look; the plain look where its settings do not fit the theme any more."""
    chosen = tuple(sorted((name, str(value)) for name, value in shop.theme_settings.items()))
    return _look(shop.theme, chosen)


@dataclass(frozen=True)
class Visits:
    """Makes a `Visit` of each request for a page, or the answer that it gets instead of one."""

    installation: Installation
    cookies: Cookies
    failures: Failures

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    def cookie(self, request: Request, name: str) -> str | None:
        """One of our cookies, by its bare name."""
        prefix = "__Host-" if self.settings.secure_cookies else ""
        return request.cookies.get(prefix + name)

    def session_of(self, request: Request) -> str | None:
        """The secret of the person's session."""
        return self.cookie(request, "session")

    async def make(self, request: Request, page: Page) -> Visit | Response:
        """What the engine asks for."""
        if page.surface == "storefront":
            return await self._buyer(request, page)
        return await self._person(request, page)

    async def _buyer(self, request: Request, page: Page) -> Visit | Response:
        effects: list[Effect] = []
        caller = replace(
            caller_of(request),
            locale=_LOCALES[request.path_params["l"]],
            currency=self.cookie(request, "currency") or "",
            effects=effects,
        )
        draft = draft_of(request)
        if draft is not None:
            # Kept for everyone: nothing may hang on what this one browser speaks.
            caller = replace(caller, accept_language="")
            context: RequestContext | None = arrival.at_shop(self.installation, draft.shop, caller)
        else:
            host = host_name(request.scope)
            # What is the same for everyone need not know who asks.
            secret = None if page.cache is Cache.EVERYONE else self.session_of(request)
            context = await arrival.by_host(self.installation, host, caller, secret=secret)
        if context is None:
            return self.failures.page(request, "not_found")
        shop = context.require_shop()
        if shop.status in _SHUT and page.name not in _READABLE_WHEN_SUSPENDED:
            return self.failures.page(
                request, _SHUT[shop.status], locale=context.locale, look=look_of(shop)
            )
        if page.permission == "customer" and context.customer is None:
            await context.reader.finish()
            return RedirectResponse(f"/{request.path_params['l']}/sign-in", status_code=303)
        visit = Visit(
            context=context,
            locale=caller.locale,
            request_id=context.request_id,
            look=look_of(shop),
            values={
                "cartId": self._cart(request),
                "buying": self.cookie(request, "buying"),
                "boughtId": self.cookie(request, "bought"),
            },
            form_targets=self.settings.payment_pages,
            effects=effects,
            release=context.reader.finish,
        )
        return visit if draft is None else replace(visit, seen=partial(draft.seen, context))

    def _cart(self, request: Request) -> str | None:
        """The buyer's cart, or the one that the address stands for: only in a browser that has
        started it, so that nobody pays at an address that another one has sent."""
        asked = request.path_params.get("begun")
        if asked is None:
            return self.cookie(request, "cart")
        begun = (self.cookie(request, "buying") or "").split(".")
        return next((cart for cart in begun if alias(cart) == asked), "")

    async def _person(self, request: Request, page: Page) -> Visit | Response:
        effects: list[Effect] = []
        caller = replace(
            caller_of(request), locale=self.cookie(request, "locale") or "", effects=effects
        )
        slug = request.path_params.get("slug")
        context = await arrival.by_session(
            self.installation, self.session_of(request), caller, slug=slug
        )
        refusal = self._refusal(request, page, context)
        if refusal is not None:
            return refusal
        person = context.viewer
        email = person.email if person is not None and not isinstance(person, Program) else ""
        return Visit(
            context=context,
            locale=context.locale,
            request_id=context.request_id,
            values={
                "session": self.session_of(request),
                "step": self.cookie(request, "sign-in"),
                **_asked_for(context),
            },
            extras={
                "viewer_email": email,
                "may": frozenset(str(one) for one in context.permissions),
                "role": context.role or "",
            },
            effects=effects,
            release=context.reader.finish,
        )

    def _refusal(self, request: Request, page: Page, context: RequestContext) -> Response | None:
        if page.permission == "":
            return None
        person = context.viewer
        if person is None or isinstance(person, Program):
            return RedirectResponse(f"/sign-in?to={quote(request.url.path)}", status_code=303)
        if page.permission == "operator" and not person.is_operator:
            return self.failures.page(request, "not_found", locale=context.locale)
        if page.permission in ("operator", "person"):
            return None
        if context.shop is None:
            return self.failures.page(request, "not_found", locale=context.locale)
        allowed = page.permission == _ANY_MEMBER or (
            Permission(page.permission) in context.permissions
        )
        return None if allowed else self.failures.page(request, "forbidden", locale=context.locale)

    async def store_upload(self, visit: Visit, field: str, upload: UploadFile) -> str:
        """Keeps an uploaded file and answers its opaque id. Raises UploadRefused."""
        shop = visit.context.require_shop()
        if _UPLOADS[field] not in visit.context.permissions:
            raise HTTPException(403)
        keep = codes_upload if field == "uploadId" else picture_upload
        try:
            kept = await keep(self.installation, shop.id, upload.filename or "", _chunks(upload))
        except Refused as refused:
            error = refused.errors[0]
            message = worded(error.code, visit.locale, error.params)
            raise UploadRefused(message, error.code) from None
        return ids.encode("Upload", kept.id)

    def shop_routes(self) -> list[Route]:
        """Addresses of a shop that lead on: "/" and an order's address without a language."""
        return [
            Route("/", self._home),
            Route("/order/{token}", self._order),
            Route("/currency", self._currency, methods=["POST"]),
        ]

    async def _home(self, request: Request) -> Response:
        return await self._lead(request, "")

    async def _order(self, request: Request) -> Response:
        return await self._lead(request, f"order/{request.path_params['token']}")

    async def _lead(self, request: Request, rest: str) -> Response:
        """To the page in the language of the cookie, the browser or the shop, in this order."""
        caller = replace(caller_of(request), locale=self.cookie(request, "locale") or "")
        host = host_name(request.scope)
        context = await arrival.by_host(self.installation, host, caller)
        if context is None:
            return self.failures.page(request, "not_found")
        headers = {"cache-control": "no-store", "vary": "accept-language, cookie"}
        return RedirectResponse(f"/{URL_CODES[context.locale]}/{rest}", 303, headers)

    async def _currency(self, request: Request) -> Response:
        """Keeps the currency a buyer chose, and goes back to where they were."""
        async with request.form(max_fields=2, max_files=0) as sent:
            currency, to = str(sent.get("currency", "")), str(sent.get("to", "/"))
        safe = to.startswith("/") and not to.startswith(("//", "/\\"))
        response = RedirectResponse(to if safe else "/", status_code=303)
        if len(currency) == 3 and currency.isascii() and currency.isalpha():
            self.cookies.write(response, Effect("currency", currency.upper()))
        return response


def _asked_for(context: RequestContext) -> dict[str, str]:
    """What a page asks only for whoever may see it: `mayStock` and the like, for its query."""
    return {
        "may" + "".join(word.title() for word in one.split("_")): (
            "true" if one in context.permissions else "false"
        )
        for one in Permission
    }


async def _chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await upload.read(_UPLOAD_PART):
        yield chunk
