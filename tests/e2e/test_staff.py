"""People who work for shops: one is invited by mail, comes to support buyers without a script, and
is let go; one signs in by a passkey."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.devices import a_device
from tests.e2e.test_console import mailed, opened, press, sign_in, speak

pytestmark = pytest.mark.browser

EMAIL = "hua@support.example.com"
PASSWORD = "a lamp on the harbour wall"


async def test_an_invitation_by_mail_leads_to_what_the_role_allows_until_let_go(
    chromium: Browser, demo: dict[str, Any]
) -> None:
    base, shop = demo["platform_url"], demo["shops"][0]
    console = f"{base}/console/{shop['slug']}"
    async with opened(chromium) as owner, opened(chromium, script=False) as hers:
        for page in (owner, hers):
            await speak(page, base, "en")
        await sign_in(owner, base, shop["merchant"], f"/console/{shop['slug']}/staff")
        await invite(owner, EMAIL, "SUPPORT")
        await expect(owner.locator(".notice.good")).to_contain_text("7 days")
        await expect(owner.get_by_text(EMAIL, exact=True)).to_be_visible()
        link = await mailed(hers, demo, EMAIL, "/invitation/")

        # Whoever is signed in as somebody else is told so, and nothing happens.
        await owner.goto(link)
        await expect(owner.locator(".notice.warn")).to_contain_text(shop["merchant"]["email"])
        await expect(owner.locator("[value=InvitationAccept]")).to_have_count(0)

        await hers.goto(link)
        await expect(hers.locator("h1")).to_contain_text(shop["name"])
        await hers.fill("[name=password]", PASSWORD)
        await press(hers, "InvitationSignUp")
        await hers.wait_for_url("**/?done=joined")
        await expect(hers.locator(".sidebar")).to_contain_text("Support")
        await hers.goto(f"{console}/products")
        await expect(hers.locator("main tbody tr")).not_to_have_count(0)
        await expect(hers.locator("main a[href*='/products/']")).to_have_count(0)
        for path in ("settings", "staff", "payments", "products/new"):
            answer = await hers.goto(f"{console}/{path}")
            assert answer is not None
            assert answer.status == 403
            await expect(hers.locator("h1")).to_have_text("Your role does not allow this")

        # A manager from the next page on, and nobody from the one after.
        await change(owner, console, "MemberUpdate", role="MANAGER")
        await hers.goto(f"{console}/settings")
        await expect(hers.locator("h1")).to_have_text("Settings")
        await expect(hers.locator("[value=ShopClose]")).to_have_count(0)
        await change(owner, console, "MemberRemove")
        answer = await hers.goto(f"{console}/orders")
        assert answer is not None
        assert answer.status == 404
        await hers.goto(link)
        await expect(hers.locator("h1")).to_have_text("This invitation no longer works")


async def test_a_merchant_signs_in_by_a_passkey_alone_and_after_the_password(
    chromium: Browser, demo: dict[str, Any]
) -> None:
    base, merchant = demo["platform_url"], demo["shops"][1]["merchant"]
    async with opened(chromium) as page:
        await speak(page, base, "en")
        await sign_in(page, base, merchant, "/account/passkeys")
        await expect(page.locator("[data-without-passkeys]")).to_be_hidden()
        device = await a_device(page)
        await page.fill("#PasskeyBegin-password", "not hers")
        await press(page, "PasskeyBegin")
        await expect(page.locator(".error")).to_have_text("This is not your password.")
        await page.fill("#PasskeyBegin-password", merchant["password"])
        await press(page, "PasskeyBegin")
        await expect(page.locator("[data-code]")).to_have_count(10)

        # The same device is told apart, and nothing is added.
        await page.goto(f"{base}/account/passkeys")
        await page.fill("#PasskeyBegin-password", merchant["password"])
        await press(page, "PasskeyBegin")
        await expect(page.locator("[data-says]")).to_contain_text("has a passkey")
        await mailed(page, demo, merchant["email"], "/account/passkeys")

        await sign_out(page, base)
        await page.goto(f"{base}/sign-in?to=/account/passkeys")
        await press(page, "PasskeyAttempt")
        await page.wait_for_url("**/account/passkeys")
        await expect(page.locator(".rows > li")).to_contain_text("last used")

        await sign_out(page, base)
        await page.goto(f"{base}/sign-in?to=/account/passkeys")
        await page.fill("[name=email]", merchant["email"])
        await page.fill("[name=password]", merchant["password"])
        await press(page, "SessionCreate")
        # A wrong finger, or a press on "cancel": no error, and the button is there again.
        await device.is_shown_the_right_finger(False)
        await press(page, "PasskeyStep")
        await expect(page.locator("#passkey button")).to_be_focused()
        await expect(page.locator(".notice.bad:visible")).to_have_count(0)
        await device.is_shown_the_right_finger(True)
        await press(page, "PasskeyStep")
        await page.wait_for_url("**/account/passkeys")

        await page.get_by_text("Remove", exact=False).first.click()
        await page.fill("#remove-1-password", merchant["password"])
        await press(page, "PasskeyRemove")
        await page.wait_for_url("**?done=removed")
        await expect(page.locator(".rows")).to_have_count(0)


async def sign_out(page: Page, base: str) -> None:
    await page.goto(f"{base}/sign-out")
    await press(page, "SessionEnd")
    await page.wait_for_url(f"{base}/")


async def invite(page: Page, email: str, role: str) -> None:
    form = page.locator("form:has([name=form][value=MemberInvite])")
    await form.locator("[name=email]").fill(email)
    await form.locator(f"[name=role][value={role}]").check()
    await form.locator("button").last.click()
    await page.wait_for_url("**?done=invited*")


async def change(page: Page, console: str, form: str, role: str = "") -> None:
    """Changes the role of whoever was invited, or lets them go."""
    await page.goto(f"{console}/staff")
    row = page.locator("li", has_text=EMAIL)
    asked = row.locator("details.confirm", has=page.locator(f"[value={form}]"))
    await asked.locator("summary").click()
    if role:
        await asked.locator(f"[name=role][value={role}]").check()
    await asked.locator("button").last.click()
    await page.wait_for_url("**?done=*")
