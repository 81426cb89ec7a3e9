"""The layers in their order, outermost first."""

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from keystall.platform.settings import Settings
from keystall.platform.web.csrf import CsrfMiddleware
from keystall.platform.web.observation import Known, ObservationMiddleware
from keystall.platform.web.security_headers import SecurityHeaders, SecurityHeadersMiddleware

BODY_LIMIT = 1024 * 1024
"""Bytes; a route for uploads raises it with a `RequestBodyLimitMiddleware` of its own."""

OPEN_PATHS = ("/callbacks/", "/graphql/storefront")
"""Meant for strangers: gateways' callbacks, and shops' API from any site, both without cookies."""


def security_headers(settings: Settings) -> SecurityHeaders:
    """Those of an installation."""
    targets = list(settings.payment_pages)
    return SecurityHeaders(https=settings.secure_cookies, form_targets=targets)


def middleware(settings: Settings, known: Known | None = None) -> list[Middleware]:
    """What `Starlette(middleware=…)` takes. What is `known` is answered by the outermost layer: it
    changes nothing and reads no body."""
    return [
        Middleware(ObservationMiddleware, known=known),
        Middleware(SecurityHeadersMiddleware, security_headers(settings)),
        Middleware(CsrfMiddleware, open_paths=OPEN_PATHS),
        Middleware(RequestBodyLimitMiddleware, max_body_size=BODY_LIMIT),
    ]
