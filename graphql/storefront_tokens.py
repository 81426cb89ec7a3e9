"""Storefront tokens: what may ask a shop's API from where, and what browsers are told of it.

A token stands in the code of sites and is no secret. It says which site's code asks, so that its
use is counted and it can be revoked; and its origins are a promise that browsers keep: code of any
other site is refused, and may not read what it was answered. What is no browser writes into
`Origin` what it likes, so a request without one (a server, an app) passes: refusing it would keep
nobody out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from keystall.graphql.context import RequestContext
from keystall.graphql.errors import ApiError, ErrorCode
from keystall.graphql.wording import worded
from keystall.platform.web.headers import headers_of
from keystall.tenants.token_uses import Asked

HEADER = "x-keystall-storefront-token"

_CORS = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"x-request-id, ratelimit, ratelimit-policy, retry-after, etag",
    ),
)
PREFLIGHT: Mapping[str, str] = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": (
        "authorization, content-type, accept, if-none-match, x-keystall-locale,"
        f" x-keystall-currency, {HEADER}"
    ),
    "access-control-max-age": "86400",
}
"""What a browser is told besides that asks before it sends, whatever it is going to send: it tells
neither the token nor the document, so the answer is the same for all sites and shops."""


class Reason(StrEnum):
    """Why a request is refused for its token, or for want of one: `extensions.reason`."""

    NEEDED = "STOREFRONT_TOKEN_NEEDED"
    UNKNOWN = "STOREFRONT_TOKEN_UNKNOWN"
    ORIGIN = "STOREFRONT_TOKEN_ORIGIN"


_CODES = {
    Reason.NEEDED: ErrorCode.UNAUTHENTICATED,
    Reason.UNKNOWN: ErrorCode.UNAUTHENTICATED,
    Reason.ORIGIN: ErrorCode.FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request says of where it comes from. `token` and `origin` are empty where it does not;
    `host` is whom it asks, port included."""

    token: str = ""
    origin: str = ""
    host: str = ""


def sent_with(connection: HTTPConnection) -> Sent:
    """What came with a request."""
    headers = headers_of(connection.scope)
    token, origin = headers.get(HEADER, ""), headers.get("origin", "")
    return Sent(token.strip(), origin.lower(), headers.get("host", "").lower())


def refusal(sent: Sent, *, needed: bool, origins: frozenset[str] | None) -> Reason | None:
    """Why a request is refused; None where it may be answered. Pure.

    `needed`: the shop answers nobody without a token. `origins` are those of the token that was
    sent, None where it opens nothing here. The shop's own pages may send any of its tokens.
    """
    if not sent.token:
        return Reason.NEEDED if needed else None
    if origins is None:
        return Reason.UNKNOWN
    own = {f"https://{sent.host}", f"http://{sent.host}"}
    return None if not sent.origin or sent.origin in origins | own else Reason.ORIGIN


def admit(context: RequestContext, sent: Sent) -> None:
    """Lets a request to the shop's API in. Raises ApiError: UNAUTHENTICATED, FORBIDDEN."""
    shop, token = context.require_shop(), context.storefront_token
    reason = refusal(sent, needed=shop.token_only, origins=token.origins if token else None)
    if reason is None:
        return
    if token is not None:
        context.installation.token_uses.note(shop.id, token.id, "", Asked(refused=True))
    message = worded(reason, context.locale)
    raise ApiError(_CODES[reason], message, details={"reason": reason.value})


def note_reader(request: Request, outcome: RequestContext | ApiError) -> None:
    """Remembers for `tell_browsers` what a request came to: whose answer it is, or why none."""
    if isinstance(outcome, ApiError):
        if outcome.details.get("reason") == Reason.ORIGIN:
            request.state.reader = ""
    elif outcome.storefront_token is not None:
        request.state.reader = sent_with(request).origin


def tell_browsers(request: Request, response: Response) -> None:
    """Adds to an answer which sites' code may read it: of any site, or with a token of the one that
    sent it and may. A refusal that is of no token's may be read by any."""
    response.raw_headers.extend(_CORS)
    if HEADER not in headers_of(request.scope):
        return
    response.headers.add_vary_header(HEADER)
    response.headers.add_vary_header("origin")
    reader: str | None = getattr(request.state, "reader", None)
    if reader:
        response.headers["access-control-allow-origin"] = reader
    elif reader is not None:
        del response.headers["access-control-allow-origin"]
