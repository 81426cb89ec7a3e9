"""Headers of a page: what a browser may load and run, who may keep the page."""

from collections.abc import Iterable

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
