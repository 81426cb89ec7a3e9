"""A phone with an authenticator app, and people who use one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp

from keystall.platform import clock, database
from keystall.tenants.identity.second_factor import totp_begin, totp_confirm, totp_standing
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from tests.factories import PASSWORD


@dataclass(frozen=True)
class App:
    """An app that has read a QR code; `codes` are what its owner keeps besides."""

    secret: str
    codes: tuple[str, ...] = ()

    @classmethod
    def of(cls, uri: str, codes: tuple[str, ...] = ()) -> "App":
        return cls(parse_qs(urlsplit(uri).query)["secret"][0], codes)

    def code(self, *, later: int = 0, at: datetime | None = None) -> str:
        """What it shows now, or so many steps of thirty seconds later."""
        moment = (at or clock.now()) + timedelta(seconds=30 * later)
        return pyotp.TOTP(self.secret).at(moment)


async def begun(installation: Installation, person: Viewer) -> App:
    """The app of somebody who has scanned the code, and switched nothing on."""
    await totp_begin(installation, person, PASSWORD)
    async with database.transaction(None) as tx:
        setup = (await totp_standing(tx, installation, person)).setup
    assert setup is not None
    return App.of(setup.uri)


async def with_app(installation: Installation, person: Viewer) -> App:
    """The app of somebody who has switched it on: the code of the step before this one was used,
    so that the one of now, and the next, still work."""
    app = await begun(installation, person)
    codes = await totp_confirm(installation, person, app.code(later=-1))
    return App(app.secret, tuple(codes))
