"""Selling through Stripe, in Chromium: keys, a purchase, refunds, a late payment, a dispute."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.reading import faults
from tests.e2e.test_console import opened, press, sign_in, speak
from tests.payments.emulator import Emulator
from tests.payments.world import World

pytestmark = pytest.mark.browser

Demo = dict[str, Any]
SLUG = "northwind"


async def until(true: Callable[[], object]) -> None:
    """Waits for what happens elsewhere."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110  # in another process
            await asyncio.sleep(0.05)


async def seen(page: Page, part: str) -> Locator:
    """What a page shows once the worker is done, for pages that do not change by themselves."""
    found = page.locator(part)
    async with asyncio.timeout(30):
        while not await found.count():
            await page.wait_for_timeout(100)
            await page.reload()
    return found


async def connect(page: Page, console: str, key: str) -> None:
    """The merchant enters a wrong key, is told at its field, and enters the right one."""
    await page.goto(f"{console}/payments")
    await page.fill("[name='stripe.secretKey']", "sk_test_51StrangersKeyThatNobodyKnows9")
    await press(page, "StripeConnect")
    await expect(page.locator(".error")).to_contain_text("Stripe does not accept this key")
    assert "Strangers" not in await page.content()
    await page.fill("[name='stripe.secretKey']", key)
    await press(page, "StripeConnect")
    await page.wait_for_url("**/payments?done=connected#main")
    card = page.locator("section[aria-labelledby='method-stripe']")
    await expect(card.locator(".badge.warn")).to_have_text("Test mode")
    await expect(card.locator(".facts")).to_contain_text(key[-4:])
    assert key not in await page.content()
    assert await faults(page) == []


async def order(page: Page, shop: str) -> None:
    """From the shop's first product to Stripe's page."""
    await page.goto(f"{shop}/en/")
    await page.locator(".item:not(.gone) .title a").first.click()
    await page.locator("[value=BuyNow]").click()
    await page.wait_for_url("**/buy/*")
    await page.fill("[name=email]", "buyer@example.com")
    stripe = page.locator(".choice", has_text="Stripe")
    await expect(stripe).to_contain_text("Test mode")
    await stripe.locator("input").check()
    await page.locator("main form button:not([type=button])").last.click()
    await page.wait_for_url("**/pay/cs_test_*")


async def delivered(page: Page) -> None:
    await page.wait_for_url("**/order/*")
    await expect(page.locator(".badge.good").first).to_be_visible(timeout=30_000)


async def newest_order(page: Page, console: str) -> None:
    await page.goto(f"{console}/orders")
    await page.locator("td a").first.click()
    await page.wait_for_url("**/orders/*")


async def refund(page: Page, world: World, amount: str) -> None:
    """Sends back so much, or all that is left, and waits until Stripe has it."""
    before = len(world.of_kind("refund"))
    form = page.locator("form:has([value=OrderRefund])")
    await page.locator("details.confirm", has=form).locator("summary").click()
    await form.locator("[name='amount.amount']").fill(amount)
    await form.locator("[name=reason]").fill("The buyer asked for it.")
    await form.locator("button").last.click()
    await page.wait_for_url("**?done=refunded")
    await until(lambda: len(world.of_kind("refund")) > before)


async def test_a_merchant_sells_refunds_and_is_disputed_through_stripe(
    chromium: Browser, demo: Demo, stripe: Emulator
) -> None:
    base = demo["platform_url"]
    shop = next(shop for shop in demo["shops"] if shop["slug"] == SLUG)
    console, world = f"{base}/console/{SLUG}", stripe.account()
    async with opened(chromium) as page, opened(chromium) as buyers:
        await speak(page, base, "en")
        await sign_in(page, base, shop["merchant"])
        await connect(page, console, world.key)

        await order(buyers, shop["url"])
        await buyers.click("#card-pay")
        await delivered(buyers)
        await buyers.locator("main a[href$='/codes']").first.click()
        assert await buyers.locator("[data-code]").first.inner_text()
        await newest_order(page, console)
        await refund(page, world, "1.00")
        await refund(page, world, "")
        (charge,) = world.of_kind("charge")
        parts = [refund["amount"] for refund in reversed(world.of_kind("refund"))]
        assert parts == [100, charge["amount"] - 100]
        await page.reload()
        await expect(page.locator("form:has([value=OrderRefund])")).to_have_count(0)

        # Canceled, and paid all the same: late, by a way that takes its time.
        await order(buyers, shop["url"])
        late = buyers.url
        session = world.things[late.rpartition("/")[2]]
        await buyers.goto(session["cancel_url"])
        cancel = buyers.locator("details.confirm", has=buyers.locator("[value=Cancel]"))
        await cancel.locator("summary").click()
        await press(buyers, "Cancel")
        await expect(buyers.locator("main")).to_contain_text(re.compile("cancel", re.IGNORECASE))
        await buyers.goto(late)
        await buyers.click("#alipay-later")
        await buyers.wait_for_url("**/order/*")
        world.finish(session, paid=True)
        assert set(await stripe.deliver_new(world)) == {200}
        await seen(buyers, ".badge.good")

        dispute = world.dispute(world.of_kind("charge")[0])
        assert set(await stripe.deliver_new(world)) == {200}
        await newest_order(page, console)
        shown = await seen(page, "section[aria-labelledby=disputes]")
        await expect(shown).to_contain_text("The card holder says the payment was not theirs.")
        await expect(shown).to_contain_text("Answer by")
        await expect(page.locator(".page-head .badge.bad")).to_have_text("Disputed")
        assert await faults(page) == []
        world.dispute_ends(dispute, won=True)
        assert set(await stripe.deliver_new(world)) == {200}
