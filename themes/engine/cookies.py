"""The closed set of cookies that a page may set: session, cart, locale, currency."""

from dataclasses import dataclass

from starlette.responses import Response

from keystall.themes.engine.pages import EffectName
from keystall.themes.engine.visit import Effect

_DAYS: dict[EffectName, int] = {"session": 30, "cart": 30, "locale": 365, "currency": 365}


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
            max_age=_DAYS[effect.name] * 86_400,
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )
