"""A buyer's whole way, in Chromium against a running demo: with a script and without one."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Error, Page, Request, Route, expect

from keystall.platform.http import http_client
from tests.e2e.reading import PHONE
from tests.e2e.town import Placed, Town, patiently

pytestmark = pytest.mark.browser

Demo = dict[str, Any]
_LISTENING = """
  window.heard = 0;
  const Told = window.EventSource;
  window.EventSource = class extends Told {
    constructor(...all) {
      super(...all);
      this.addEventListener("changed", () => { window.heard += 1; });
      window.stream = this;
    }
  };
"""
_SEEN = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
_PART = {"hx-request": "true", "hx-target": "div#order_live", "accept": "text/html"}
_CODE = re.compile(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){3}")


def shop_url(demo: Demo, slug: str = "galaxy") -> str:
    return str(next(shop["url"] for shop in demo["shops"] if shop["slug"] == slug))


@asynccontextmanager
async def opened(chromium: Browser, *, script: bool = True) -> AsyncIterator[Page]:
    context = await chromium.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        java_script_enabled=script,
        locale="zh-CN",
        reduced_motion="reduce",
    )
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def pick(page: Page, base: str) -> None:
    """From the front page to the first product that is not sold out."""
    await page.goto(f"{base}/zh/")
    await page.locator(".item:not(.gone) .title a").first.click()
    await page.wait_for_url("**/zh/p/*")


async def order(page: Page, email: str) -> str:
    """From the checkout to the provider's page; answers the address to pay at."""
    await page.fill("[name=email]", email)
    await page.get_by_role("button", name="提交订单并支付").click()
    await page.wait_for_url("**/p/pay_*")
    return page.url


async def pay(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("^支付 ¥")).click()
    await page.wait_for_url("**/order/*")


async def test_a_buyer_holds_the_code_without_an_account(chromium: Browser, demo: Demo) -> None:
    async with opened(chromium) as page:
        await pick(page, shop_url(demo))
        await page.get_by_role("button", name="立即购买").click()
        await order(page, "wang@example.com")
        await pay(page)
        # The page that waits turns into the delivered order by itself.
        await expect(page.get_by_role("heading", level=1)).to_have_text("您的商品已送达")
        await expect(page).to_have_title(re.compile("^已发货 · "))
        assert _CODE.search(await page.content()) is None
        await page.get_by_role("link", name="显示卡密").click()
        code = page.locator("[data-code]")
        secret = await code.inner_text()
        assert _CODE.fullmatch(secret)
        # One tap shows it; another hides it from eyes over the shoulder.
        await expect(code).to_have_css("filter", "none")
        await page.get_by_role("button", name="隐藏").click()
        await expect(code).to_have_css("filter", "blur(7px)")
        await expect(page.get_by_role("button", name="隐藏")).to_have_count(0)
        await page.get_by_role("button", name="显示", exact=True).click()
        await expect(code).to_have_css("filter", "none")
        await expect(page.get_by_role("button", name="隐藏")).to_be_visible()
        await page.get_by_role("button", name="复制", exact=True).click()
        await expect(page.locator(".toast")).to_have_text("已复制")
        assert await page.evaluate("navigator.clipboard.readText()") == secret
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="下载 txt 文件").click()
        file = await (await downloading.value).path()
        assert file.read_text("utf-8") == f"{secret}\n"
        # Whoever can read it can try it, and say that it is no good.
        await page.get_by_text("卡密无法使用？").click()
        await page.get_by_role("button", name="反馈给商家").click()
        await expect(page.get_by_text("已反馈，等待商家处理：卡密无效。")).to_be_visible()
        assert "/codes" not in page.url


async def _ordered(town: Town, name: str, code: str) -> Placed:
    """An order of goods of its own, of which there is one."""
    goods = await town.product(name)
    await town.stock(goods["variant"], [code], until=("DONE",))
    return await town.place(goods["variant"])


async def test_an_order_that_expired_before_ones_eyes_still_hears_of_the_payment(
    chromium: Browser, demo: Demo
) -> None:
    async with http_client() as http, opened(chromium) as page:
        town = Town(demo, "galaxy", http)
        told = await _ordered(town, "Paid late", "LATE-1")
        await page.add_init_script(_LISTENING)
        await page.clock.install()
        await page.goto(f"{shop_url(demo)}/zh/order/{told.token}")
        heading = page.get_by_role("heading", level=1)
        await town.expire(told)
        await expect(heading).to_have_text("订单已过期")
        await expect(page).to_have_title(re.compile("^已过期 · "))
        await town.play(told, "pay")
        await expect(heading).to_have_text("您的商品已送达")
        await expect(page).to_have_title(re.compile("^已发货 · "))
        # The title is heard, too, and nothing else.
        assert await page.locator("body > [role=status]").inner_text() == await page.title()
        assert await page.locator("[aria-live]").count() == 0

        over = await _ordered(town, "Paid later still", "LATE-2")
        await town.expire(over)
        # A tab that nobody looks at holds its stream for an hour. Looked at again it catches up.
        await page.goto(f"{shop_url(demo)}/zh/order/{over.token}")
        await expect(heading).to_have_text("订单已过期")
        await page.evaluate(_SEEN, True)
        await page.clock.fast_forward("01:00:01")
        assert await page.evaluate("window.stream.readyState") == 2
        await town.play(over, "pay")
        await town.until(over, "DELIVERED")
        await expect(heading).to_have_text("订单已过期")
        await page.evaluate(_SEEN, False)
        await expect(heading).to_have_text("您的商品已送达")


async def test_where_no_stream_is_to_be_had_an_order_that_is_over_is_asked_for_more_seldom(
    chromium: Browser, demo: Demo
) -> None:
    async with http_client() as http, opened(chromium) as page:
        town = Town(demo, "galaxy", http)
        placed = await _ordered(town, "Paid late, and asked for", "LATE-4")
        asked = list[Request]()
        page.on("request", lambda one: asked.append(one) if "hx-request" in one.headers else None)

        async def asked_again() -> bool:
            return len(asked) == before + 1

        await page.route("**/events", lambda route: route.abort())
        await page.clock.install()
        await page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=1))
        await page.goto(f"{shop_url(demo)}/zh/order/{placed.token}")
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("还差一步：付款")
        await town.expire(placed)
        await page.clock.run_for(4_500)
        await expect(heading).to_have_text("订单已过期")
        before = len(asked)
        await page.clock.run_for(4_000)
        await patiently(asked_again, "the last look at the pace of an order that waits")
        await town.play(placed, "pay")
        await town.until(placed, "DELIVERED")
        await page.clock.run_for(28_000)
        await expect(heading).to_have_text("订单已过期")
        assert await asked_again()
        await page.clock.run_for(4_000)
        await expect(heading).to_have_text("您的商品已送达")


async def test_without_a_script_an_order_that_expired_shows_the_payment_and_a_bad_code_is_told(
    chromium: Browser, demo: Demo
) -> None:
    async with http_client() as http, opened(chromium, script=False) as page:
        town = Town(demo, "galaxy", http)
        placed = await _ordered(town, "Paid late, and read without a script", "LATE-3")
        await town.expire(placed)
        address = f"{shop_url(demo)}/zh/order/{placed.token}"
        await page.goto(f"{address}?look=18")
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("订单已过期")
        await town.play(placed, "pay")
        await expect(heading).to_have_text("您的商品已送达", timeout=30_000)
        assert page.url == f"{address}?look=19"
        await page.get_by_role("link", name="显示卡密").click()
        await expect(page.locator("[data-code]")).to_have_text("LATE-3")
        await page.get_by_role("link", name="返回订单").click()
        await expect(heading).to_have_text("您的商品已送达")
        await page.go_back()
        await page.get_by_text("卡密无法使用？").click()
        await page.get_by_role("button", name="反馈给商家").click()
        assert page.url == address
        await expect(page.get_by_text("已反馈，等待商家处理：卡密无效。")).to_be_visible()


async def test_buying_now_again_buys_what_the_page_shows_and_leaves_the_cart(
    chromium: Browser, demo: Demo
) -> None:
    async with http_client() as http, opened(chromium) as page:
        town = Town(demo, "galaxy", http)
        goods, other = [await town.product(name) for name in ("The last one", "Put aside")]
        await town.stock(goods["variant"], ["LAST-1"], until=("DONE",))
        await town.stock(other["variant"], ["ASIDE-1"], until=("DONE",))
        base = f"{shop_url(demo)}/zh"
        await page.goto(f"{base}/p/{other['slug']}")
        await page.get_by_role("button", name="加入购物车").click()
        await page.wait_for_url("**/zh/cart")
        for _ in range(2):
            await page.goto(f"{base}/p/{goods['slug']}")
            await page.get_by_role("button", name="立即购买").click()
            await page.wait_for_url("**/zh/buy/*")
            await expect(page.locator(".lines .line")).to_have_text(re.compile("The last one.*× 1"))
        await expect(page.locator(".cart-count")).to_have_text("1")
        checkout = page.url
        await order(page, "qian@example.com")
        await page.goto(checkout)
        await expect(page.get_by_role("link", name="查看订单")).to_be_visible()
        await page.goto(f"{base}/cart")
        await expect(page.locator(".lines .line")).to_have_text(re.compile("Put aside"))
        # With nothing in it the cart leads to what was ordered last.
        await page.get_by_role("button", name="删除").click()
        await expect(page.get_by_role("heading", level=2)).to_have_text("购物车还是空的")
        await page.context.clear_cookies(name="cart")
        await page.goto(f"{base}/cart")
        await page.get_by_role("link", name="查看订单").click()
        await page.wait_for_url("**/order/*")


async def test_what_changes_while_the_page_is_drawn_anew_is_not_lost(
    chromium: Browser, demo: Demo
) -> None:
    async with http_client() as http, opened(chromium) as page:
        town = Town(demo, "galaxy", http)
        placed = await _ordered(town, "One of a kind", "ONLY-ONE")
        await page.add_init_script(_LISTENING)
        address = f"{shop_url(demo)}/zh/order/{placed.token}"
        asks = list[Route]()

        async def answered(route: Route) -> None:
            asked = await route.request.header_value("hx-request")
            if not asked or asks:
                await route.continue_()
                return
            asks.append(route)
            # The stream just opened asks how things stand; the answer arrives after the next news.
            before = await http.get(page.url, headers=_PART)
            await town.play(placed, "pay")
            await page.wait_for_function("window.heard > 0")
            with suppress(Error):  # the page may have given up on it by now
                await route.fulfill(body=before.content, content_type="text/html")

        await page.route(address, answered)
        await page.goto(address)
        await expect(page.get_by_role("heading", level=1)).to_have_text("您的商品已送达")
        assert asks


async def test_the_same_way_goes_without_a_script(chromium: Browser, demo: Demo) -> None:
    async with opened(chromium, script=False) as page:
        await pick(page, shop_url(demo))
        await page.get_by_role("button", name="加入购物车").click()
        await page.wait_for_url("**/zh/cart")
        await page.locator("input[type=number]").fill("2")
        await page.get_by_role("button", name="更新").click()
        await expect(page.locator(".cart-count")).to_have_text("2")
        await page.get_by_role("link", name="去结算").click()
        await page.wait_for_url("**/zh/checkout")
        await page.fill("[name=email]", "nobody")
        await page.get_by_role("button", name="提交订单并支付").click()
        await expect(page.locator(".error")).to_have_text("邮箱地址不正确。")
        await expect(page.locator("[name=email]")).to_have_value("nobody")
        await order(page, "li@example.com")
        await pay(page)
        # No stream and no polling: the page asks again every few seconds.
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "您的商品已送达", timeout=30_000
        )
        await page.get_by_role("link", name="显示卡密").click()
        await page.wait_for_url("**/codes")
        secrets = await page.locator("[data-code]").all_inner_texts()
        assert len(set(secrets)) == 2
        assert all(_CODE.fullmatch(secret) for secret in secrets)


async def test_a_cart_is_changed_and_emptied(chromium: Browser, demo: Demo) -> None:
    async with opened(chromium) as page:
        await pick(page, shop_url(demo))
        await page.get_by_role("button", name="加入购物车").click()
        await page.wait_for_url("**/zh/cart")
        await page.get_by_role("button", name="增加一件").click()
        await expect(page.locator(".cart-count")).to_have_text("2")
        # Another page fetches the badge by itself.
        await page.goto(f"{shop_url(demo)}/zh/")
        await expect(page.locator(".cart-count")).to_have_text("2")
        await page.goto(f"{shop_url(demo)}/zh/cart")
        await page.get_by_role("button", name="删除").click()
        await expect(page.get_by_role("heading", level=2)).to_have_text("购物车还是空的")


async def test_an_order_is_found_again_from_its_cart_and_canceled(
    chromium: Browser, demo: Demo
) -> None:
    async with opened(chromium) as page:
        base = shop_url(demo)
        await pick(page, base)
        await page.get_by_role("button", name="立即购买").click()
        await order(page, "zhao@example.com")
        await page.goto(f"{base}/zh/cart")
        await page.get_by_role("link", name="查看订单").click()
        await page.wait_for_url("**/order/*")
        await expect(page.locator("time[data-countdown]")).to_have_text(re.compile(r"^\d\d:\d\d$"))
        await page.get_by_text("取消订单", exact=True).click()
        await page.get_by_role("button", name="确认取消").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("订单已取消")
        # The next purchase starts another cart.
        await pick(page, base)
        await page.get_by_role("button", name="加入购物车").click()
        await expect(page.locator(".cart-count")).to_have_text("1")


async def test_a_buyer_chooses_language_and_currency(chromium: Browser, demo: Demo) -> None:
    async with opened(chromium) as page:
        await page.goto(f"{shop_url(demo, 'northwind')}/en/p/inkwell")
        await expect(page.locator(".price.large")).to_have_text(re.compile(r"\$39\.00"))
        await page.get_by_role("button", name="CNY").click()
        await expect(page.locator(".price.large")).to_have_text(re.compile("CN¥"))
        await page.get_by_role("link", name="中文").click()
        await page.wait_for_url("**/zh/p/inkwell")
        await expect(page.get_by_role("button", name="立即购买")).to_be_visible()
