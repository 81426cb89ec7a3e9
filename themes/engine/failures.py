"""Error pages: themed, in the reader's language, with the request's id.

They need no database and no schema, so that they can be shown when nothing else works.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keystall.themes.engine.headers import content_security_policy
from keystall.themes.engine.render import Renderer
from keystall.themes.engine.theme import PLAIN, Look
from keystall.themes.messages import LOCALES, URL_CODES, negotiate

KINDS: Mapping[str, int] = {
    "bad_request": 400,
    "sign_in": 401,
    "forbidden": 403,
    "not_found": 404,
    "too_large": 413,
    "too_many": 429,
    "broken": 500,
    "unavailable": 503,
    "shop_suspended": 403,
    "shop_pending": 403,
    "shop_closed": 503,
}
_BY_STATUS = {status: kind for kind, status in reversed(list(KINDS.items()))}
_BY_CODE: Mapping[str, str] = {
    "UNAUTHENTICATED": "sign_in",
    "FORBIDDEN": "forbidden",
    "THROTTLED": "too_many",
    "UNAVAILABLE": "unavailable",
    "BAD_USER_INPUT": "bad_request",
    "GRAPHQL_VALIDATION_FAILED": "broken",
}
_READING = frozenset({"GET", "HEAD"})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Failures:
    """Makes error pages. `request_id` reads the id that the middleware gave a request."""

    renderer: Renderer
    request_id: Callable[[Request], str]

    def page(
        self, request: Request, kind: str, *, locale: str = "", look: Look = PLAIN, status: int = 0
    ) -> Response:
        """The error page of a kind (a key of KINDS), with its status or another."""
        chosen = locale or locale_of(request)
        status = status or KINDS[kind]
        names = {
            "kind": kind,
            "status": status,
            "request_id": self.request_id(request),
            "look": look,
            "home": _home(request),
        }
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": content_security_policy(look),
        }
        if status in (429, 503):
            headers["Retry-After"] = "60"
        if "hx-request" in request.headers:
            # A badge or a live block that cannot be fetched keeps what it shows; a form says so.
            aim = ("HX-Reswap", "none") if request.method in _READING else ("HX-Retarget", "body")
            headers[aim[0]] = aim[1]
        body = self.renderer.page("engine/error.html", chosen, names)
        return HTMLResponse(body, status_code=status, headers=headers)

    def handlers(
        self, away: Sequence[type[Exception]] = ()
    ) -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
        """`exception_handlers` for a Starlette application. `away`: what is raised while something
        we cannot do without is gone for a while, and told as such."""

        async def refused(request: Request, error: Exception) -> Response:
            status = error.status_code if isinstance(error, HTTPException) else 500
            kind = _BY_STATUS.get(status) or _family(status)
            response = self.page(request, kind, status=status)
            # What the route tells with it: the `Allow` that a 405 must have (RFC 9110, 15.5.6).
            response.headers.update(getattr(error, "headers", None) or {})
            return response

        async def unavailable(request: Request, error: Exception) -> Response:
            _log.warning("unavailable", error=type(error).__name__)
            return self.page(request, "unavailable")

        async def broken(request: Request, _: Exception) -> Response:
            return self.page(request, "broken")

        return {HTTPException: refused, 500: broken, **dict.fromkeys(away, unavailable)}


def kind_of_errors(errors: Any) -> str:
    """The kind of page for top-level GraphQL errors, by the first one's `extensions.code`."""
    code = (errors[0].get("extensions") or {}).get("code", "")
    return _BY_CODE.get(code, "broken")


def _family(status: int) -> str:
    return "bad_request" if status < 500 else "broken"


def locale_of(request: Request) -> str:
    """The language of a request: the address, the cookie, Accept-Language, English."""
    first = request.url.path.split("/")[1]
    for locale, code in URL_CODES.items():
        if first == code:
            return locale
    chosen = request.cookies.get("__Host-locale") or request.cookies.get("locale")
    if chosen in LOCALES:
        return str(chosen)
    return negotiate(request.headers.get("accept-language", ""))


def _home(request: Request) -> str:
    first = request.url.path.split("/")[1]
    return f"/{first}/" if first in URL_CODES.values() or first == "operator" else "/"
