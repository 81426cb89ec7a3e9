"""Headers that tell browsers what our answers may never be used for.

An answer that sets one of them itself (a page with its own content security policy) keeps it.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def content_security_policy(*, form_targets: Sequence[str] = (), scripts: str = "'self'",
                            styles: str = "'self'") -> str:  # fmt: skip
    """The policy of our pages: nothing inline, nothing foreign, no frames.

    `form_targets`: origins that a form's answer may redirect to, such as a payment page (browsers
    hold a redirect after a POST against `form-action`). `scripts` and `styles` take hashes.
    """
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            f"style-src {styles}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            " ".join(("form-action 'self'", *form_targets)),
        )
    )


class SecurityHeadersMiddleware:
    """Adds the headers to every answer. `https` also promises to stay on https."""

    def __init__(self, app: ASGIApp, *, https: bool, form_targets: Sequence[str] = ()) -> None:
        self.app = app
        headers = {
            "content-security-policy": content_security_policy(form_targets=form_targets),
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        }
        if https:
            headers["strict-transport-security"] = "max-age=31536000"
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._names = {name for name, _ in self._headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                own = {name for name, _ in given if name in self._names}
                missing = [h for h in self._headers if h[0] not in own] if own else self._headers
                message["headers"] = [*given, *missing]
            await send(message)

        await self.app(scope, receive, send_with_headers)
