"""Headers of a page: what a browser may load and run, who may keep the page."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from keystall.themes.engine.theme import Look


def content_security_policy(
    look: Look, form_targets: Iterable[str] = (), *, shows_mail: bool = False
) -> str:
    """No script or style but our own files, and the theme's tokens by hash.

    `form_targets` are origins that a form may end up at: browsers apply `form-action` to redirects.
    `shows_mail` lets elements have styles of their own, and nothing else more.
    """
    style = " ".join(part for part in ("'self'", look.csp_hash) if part)
    forms = " ".join(("'self'", *form_targets))
    mail = "style-src-attr 'unsafe-inline'; " if shows_mail else ""
    return (
        f"{mail}default-src 'none'; script-src 'self'; connect-src 'self'; font-src 'self'; "
        f"img-src 'self' data: blob:; style-src {style}; form-action {forms}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def same_etag(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match names `etag` (RFC 9110, 13.1.2: by weak comparison, for a proxy that
    compresses weakens what it hands on)."""
    if not if_none_match:
        return False
    named = (one.strip().removeprefix("W/") for one in if_none_match.split(","))
    return any(one in (etag, "*") for one in named)


def unmodified(request: Request, response: Response) -> Response:
    """The response, or a 304 in its place where the reader has it already."""
    etag = response.headers.get("etag", "")
    if response.status_code != 200 or not etag:
        return response
    if not same_etag(request.headers.get("if-none-match", ""), etag):
        return response
    headers = {k: v for k, v in response.headers.items() if not k.startswith("content-le")}
    headers.pop("content-type", None)
    return Response(status_code=304, headers=headers)
