"""The closed set of cookies that we set: session, cart, carts of what is bought at once, the
cart bought last, locale, currency; and for as long as a provider of sign-in is asked, or a second
step, the browser's own secret."""

import hashlib
from dataclasses import dataclass

from starlette.responses import Response

from keystall.themes.engine.pages import EffectName
from keystall.themes.engine.visit import Effect

_DAY = 86_400
_SECONDS: dict[EffectName, int] = {
    "session": 30 * _DAY, "cart": 30 * _DAY, "buying": _DAY, "bought": 30 * _DAY,
    "locale": 365 * _DAY, "currency": 365 * _DAY, "sign-in": 600,
}  # fmt: skip


@dataclass(frozen=True)
class Cookies:
    """Writes effects as cookies; `secure` where the public address is https (`__Host-` names)."""

    secure: bool

    def name(self, effect: EffectName) -> str:
        """The cookie's name on the wire."""
        return f"__Host-{effect}" if self.secure else effect

    def write(self, response: Response, effect: Effect) -> None:
        """Add one effect to a response."""
        name = self.name(effect.name)
        if effect.value is None:
            response.delete_cookie(name, secure=self.secure, httponly=True, samesite="lax")
            return
        response.set_cookie(
            name,
            effect.value,
            max_age=_SECONDS[effect.name],
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )


def alias(value: str) -> str:
    """What stands for a cookie's value in an address: whoever reads it there has not the value."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]
