"""Somebody is invited by mail, comes to support buyers without a script, and is let go."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

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
