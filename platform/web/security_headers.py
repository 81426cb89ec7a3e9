"""Headers that tell browsers what our answers may never be used for.

An answer that sets one of them itself (a page with its own content security policy) keeps it.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header: TypeAlias = tuple[bytes, bytes]


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


class SecurityHeaders:
    """What is added to every answer. `https` also promises to stay on https."""

    def __init__(self, *, https: bool, form_targets: Sequence[str] = ()) -> None:
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

    def added_to(self, given: Iterable[Header]) -> list[Header]:
        """The headers of an answer, its own first."""
        given = list(given)
        own = {name for name, _ in given if name in self._names}
        missing = [h for h in self._headers if h[0] not in own] if own else self._headers
        return [*given, *missing]


class SecurityHeadersMiddleware:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp, headers: SecurityHeaders) -> None:
        self.app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._headers.added_to(message.get("headers", ()))
            await send(message)

        await self.app(scope, receive, send_with_headers)
