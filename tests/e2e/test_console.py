"""A merchant's whole way, in Chromium against a running demo: with a script and without one."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.reading import PHONE

pytestmark = pytest.mark.browser

Demo = dict[str, Any]
_PASSWORD = "a lamp on the harbour wall"
_CODES = ["MOON-7Q4X-1A", "MOON-7Q4X-2B", "MOON-7Q4X-3C"]


@asynccontextmanager
async def opened(
    chromium: Browser, *, script: bool = True, language: str = "en"
) -> AsyncIterator[Page]:
    context = await chromium.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        java_script_enabled=script,
        locale=language,
        reduced_motion="reduce",
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def speak(page: Page, base: str, language: str) -> None:
    """The browser asks for `language`; an account may have chosen another, a cookie beats both."""
    cookie = {"name": "locale", "value": language, "url": base}
    await page.context.add_cookies([cookie])  # type: ignore[list-item]


async def press(page: Page, form: str) -> None:
    """Sends the form of this name."""
    await page.locator(f"form:has([name=form][value={form}]) button:not([name])").last.click()


async def sign_in(page: Page, base: str, who: dict[str, str], to: str = "/console") -> None:
    await page.goto(f"{base}/sign-in?to={to}")
    await page.fill("[name=email]", who["email"])
    await page.fill("[name=password]", who["password"])
    await press(page, "SessionCreate")
    await page.wait_for_url(f"**{to}")


async def mailed(page: Page, demo: Demo, email: str, part: str) -> str:
    """The link with `part` in its address from the newest mail to `email`, waiting for it."""
    for _ in range(100):
        await page.goto(demo["mail_url"] + ".json")
        mails = json.loads(await page.locator("body").inner_text())
        links = [link for mail in mails if email in str(mail["to"]) for link in mail["links"]]
        found = [str(link) for link in links if part in link]
        if found:
            return found[0]
        await page.wait_for_timeout(100)
    raise TimeoutError(f"no mail to {email}")


async def sign_up(page: Page, demo: Demo, email: str) -> None:
    base = demo["platform_url"]
    await page.goto(base)
    await page.locator("main a[href='/sign-up']").click()
    await page.fill("[name=email]", email)
    await page.fill("[name=password]", "short")
    await press(page, "AccountCreate")
    await expect(page.locator(".error")).to_have_count(1)
    await expect(page.locator("[name=email]")).to_have_value(email)
    await page.fill("[name=password]", _PASSWORD)
    await press(page, "AccountCreate")
    await page.wait_for_url("**/sign-up/sent")
    await page.goto(await mailed(page, demo, email, "/confirm/"))
    await press(page, "AccountConfirm")
    # The browser that signed up is signed in by following the link.
    await page.wait_for_url("**/console?done=confirmed")
    await expect(page.locator(".notice.good")).to_have_count(1)


async def open_shop(page: Page, slug: str) -> None:
    await page.fill("[name=name]", "月光卡铺")
    await page.fill("[name=slug]", "admin")
    await press(page, "ShopCreate")
    await expect(page.locator(".error")).to_have_count(1)
    await page.fill("[name=slug]", slug)
    await page.locator("[name=currency]").select_option("CNY")
    await press(page, "ShopCreate")
    await page.wait_for_url(f"**/console/{slug}/")


async def add_product(page: Page) -> None:
    """From the checklist to a product with a price and a description that was previewed."""
    await page.locator(".checklist .next .btn").click()
    await page.fill("[name=name]", "Moon Card")
    await page.fill("[name=description]", "Works **everywhere**.")
    await page.locator("button[value=preview]").click()
    await expect(page.locator(".preview strong")).to_have_text("everywhere")
    await page.fill("[name='variants.0.prices.0.amount']", "9.90")
    await page.locator("button[value=variants]").click()
    await expect(page.locator("fieldset.variant")).to_have_count(2)
    await page.locator("button[value='drop variants.1']").click()
    await expect(page.locator("fieldset.variant")).to_have_count(1)
    await page.locator("form button.large").click()
    await page.wait_for_url("**/products/*?done=created#main")


async def add_codes(page: Page) -> None:
    await page.locator(".stock-of a.btn").click()
    await page.fill("[name=text]", "\n".join([*_CODES, _CODES[0], ""]))
    await press(page, "CodesPreview")
    preview = page.locator("section[aria-labelledby=preview]")
    await expect(preview.locator(".lead")).to_contain_text("3")
    assert _CODES[0] not in await page.content()
    await press(page, "CodesImport")
    await page.wait_for_url("**/jobs/*")
    await expect(page.locator("#job_live .badge.good")).to_be_visible(timeout=30_000)
    await page.locator("#job_live a[href*='/stock/']").click()
    await expect(page.locator(".stat dd").first).to_have_text("3")
    assert _CODES[0] not in await page.content()
    await page.locator("form:has([value=CodeReveal]) button").first.click()
    await page.fill("[name=password]", _PASSWORD)
    await page.locator("form:has([name=password]) button").first.click()
    assert await page.locator(".revealed").inner_text() in _CODES


async def buy(page: Page, shop: str) -> str:
    """Buys one of the first product; answers the code that comes."""
    await page.goto(shop)
    await page.locator("main a[href*='/p/']").first.click()
    await page.locator("[value=BuyNow]").click()
    await page.wait_for_url("**/buy/*")
    await page.fill("[name=email]", "buyer@example.com")
    await page.locator("main form button:not([type=button])").last.click()
    await page.wait_for_url("**/p/pay_*")
    await page.get_by_role("button", name=re.compile("9.90")).first.click()
    await page.wait_for_url("**/order/*")
    await expect(page.locator(".badge.good")).to_be_visible(timeout=30_000)
    await page.locator("main a[href$='/codes']").first.click()
    return await page.locator("[data-code]").inner_text()


async def finish(page: Page, home: str) -> None:
    """The last step of the checklist, which then says that it is done and is put away."""
    await page.goto(home)
    await page.locator(".checklist .next .btn").click()
    await page.fill("[name=contact]", "moon@example.com")
    await press(page, "ShopBasics")
    await page.wait_for_url("**/settings?done=saved#main")
    await page.goto(home)
    await expect(page.locator(".checklist")).to_have_count(0)
    await press(page, "ChecklistDismiss")
    await expect(page.locator("[value=ChecklistDismiss]")).to_have_count(0)


@pytest.mark.parametrize(("script", "language"), [(True, "zh-CN"), (False, "en")])
async def test_a_newcomer_opens_a_shop_and_sells(
    chromium: Browser, demo: Demo, script: bool, language: str
) -> None:
    slug = f"moonlight-{'script' if script else 'plain'}"
    async with opened(chromium, script=script, language=language) as page:
        await sign_up(page, demo, f"{slug}@example.com")
        await open_shop(page, slug)
        home = page.url
        await add_product(page)
        await add_codes(page)
        await page.goto(home)
        address = await page.locator("#share-url").inner_text()
        async with opened(chromium, script=script, language=language) as buyers_page:
            assert await buy(buyers_page, address) in _CODES
        await finish(page, home)
        await page.goto(f"{home}orders")
        await page.locator("td a").click()
        await expect(page.locator(".timeline li")).to_have_count(3)
        assert not [code for code in _CODES if code in await page.content()]
        await press(page, "OrderResend")
        await expect(page.locator("main .notice")).to_be_visible()


async def linked(page: Page, address: str, link: str) -> str:
    """The address behind the first of these links."""
    await page.goto(address)
    return str(await page.locator(link).first.evaluate("a => a.href"))


async def test_a_stranger_is_sent_to_sign_in_and_led_back(chromium: Browser, demo: Demo) -> None:
    base, shop = demo["platform_url"], demo["shops"][0]
    async with opened(chromium) as page:
        await page.goto(f"{base}/console/{shop['slug']}/orders")
        assert page.url.startswith(f"{base}/sign-in?to=")
        await page.fill("[name=email]", shop["merchant"]["email"])
        await page.fill("[name=password]", shop["merchant"]["password"])
        await press(page, "SessionCreate")
        await page.wait_for_url(f"**/console/{shop['slug']}/orders")
        other = await page.goto(f"{base}/console/{demo['shops'][1]['slug']}/orders")
        assert other is not None
        assert other.status == 404
        await page.goto(f"{base}/console/{shop['slug']}/")
        await page.locator("form[action='/sign-out'] button").click()
        await page.goto(f"{base}/console")
        assert page.url.startswith(f"{base}/sign-in?to=")


async def test_an_operator_suspends_a_shop_and_lets_it_go_on(chromium: Browser, demo: Demo) -> None:
    base = demo["platform_url"]
    shop = next(shop for shop in demo["shops"] if shop["slug"] == "mulan")
    async with opened(chromium, script=False) as page:
        await sign_in(page, base, demo["operator"], "/operator/")
        await page.goto(await linked(page, f"{base}/operator/?query=mulan", "td.lead-cell a"))
        await page.fill("[name=reason]", "Stolen keys were reported.")
        await press(page, "ShopSuspend")
        await expect(page.locator("main .notice.good")).to_be_visible()
        desk = page.url
        answer = await page.goto(shop["url"])
        assert answer is not None
        assert answer.status == 403
        await page.goto(desk)
        await press(page, "ShopResume")
        await expect(page.locator("main .notice.good")).to_be_visible()
        answer = await page.goto(shop["url"])
        assert answer is not None
        assert answer.status == 200
