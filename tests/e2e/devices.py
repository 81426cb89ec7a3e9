"""Devices with passkeys, as Chromium plays them (WebAuthn Level 3, 11; by CDP)."""

from dataclasses import dataclass

from playwright.async_api import CDPSession, Page


@dataclass(frozen=True)
class Device:
    """A device that keeps passkeys."""

    cdp: CDPSession
    id: str

    async def is_shown_the_right_finger(self, right: bool) -> None:
        """Whether its owner is the one who touches it, from now on."""
        told = {"authenticatorId": self.id, "isUserVerified": right}
        await self.cdp.send("WebAuthn.setUserVerified", told)


async def a_device(page: Page) -> Device:
    """Gives the page's browser a device, whose owner's finger is right."""
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True,
    }  # fmt: skip
    added = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Device(cdp, str(added["authenticatorId"]))
