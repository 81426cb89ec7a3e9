"""The layers in their order, outermost first."""

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from keystall.platform.settings import Settings
from keystall.platform.web.csrf import CsrfMiddleware
from keystall.platform.web.observation import ObservationMiddleware
from keystall.platform.web.security_headers import SecurityHeadersMiddleware

BODY_LIMIT = 1024 * 1024
"""Bytes; a route for uploads raises it with a `RequestBodyLimitMiddleware` of its own."""

OPEN_PATHS = ("/callbacks/", "/graphql/storefront")
"""Meant for strangers: gateways' callbacks, and shops' API from any site, both without cookies."""


def middleware(settings: Settings) -> list[Middleware]:
    """What `Starlette(middleware=…)` takes."""
    targets = list(settings.payment_pages)
    return [
        Middleware(ObservationMiddleware),
        Middleware(SecurityHeadersMiddleware, https=settings.secure_cookies, form_targets=targets),
        Middleware(CsrfMiddleware, open_paths=OPEN_PATHS),
        Middleware(RequestBodyLimitMiddleware, max_body_size=BODY_LIMIT),
    ]
