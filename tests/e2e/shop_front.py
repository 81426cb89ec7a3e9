"""The example's shop front, built for shops of a demo and served from elsewhere: it sells a code.

Run by `python -m tests.example`, which installs what building takes.
"""

import re
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import environ
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from playwright.async_api import Browser, Page, Response, Route, expect

from keystall.platform.http import http_client
from tests.e2e.reading import DESK, PHONE, faults, strange_words
from tests.e2e.town import Placed, Town

pytestmark = pytest.mark.browser

Demo: TypeAlias = dict[str, Any]
EXAMPLE = Path(__file__).parents[2] / "examples" / "shop-front"
CODE = re.compile(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){3}")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """The address of a static server, such as any host of files is."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


class Fronts:
    """The example, built for shops of a demo and served."""

    def __init__(self, demo: Demo, folder: Path, served: ExitStack) -> None:
        self._demo, self._folder, self._served = demo, folder, served
        self._addresses: dict[tuple[str, bool], str] = {}

    async def of(self, slug: str, *, named: bool = False) -> str:
        """The address of the front of a shop; `named`: the shop has made a token for its site."""
        if (slug, named) not in self._addresses:
            folder = self._folder / f"{slug}-{named}"
            folder.mkdir()
            address = self._served.enter_context(_serving(folder))
            async with http_client() as http:
                town = Town(self._demo, slug, http)
                token = await town.storefront_token(address.rstrip("/")) if named else ""
            self._build(folder, {"VITE_SHOP": town.shop["url"], "VITE_SHOP_TOKEN": token})
            self._addresses[slug, named] = address
        return self._addresses[slug, named]

    def _build(self, folder: Path, given: dict[str, str]) -> None:
        npm = shutil.which("npm")
        assert npm is not None
        command = [npm, "run", "--silent", "build", "--", "--outDir", str(folder), "--emptyOutDir"]
        subprocess.run(
            command, cwd=EXAMPLE, env=environ | given, check=True, stdout=subprocess.DEVNULL
        )


@pytest.fixture(scope="module")
def fronts(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronts]:
    with ExitStack() as served:
        yield Fronts(demo, tmp_path_factory.mktemp("fronts"), served)


@pytest.fixture
async def town(demo: Demo) -> AsyncIterator[Town]:
    async with http_client() as http:
        yield Town(demo, "northwind", http)


@asynccontextmanager
async def opened(chromium: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page in which nothing may fail by itself."""
    context = await chromium.new_context(reduced_motion="reduce", **options)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    try:
        yield page
        assert failed == []
    finally:
        await context.close()


async def test_a_buyer_on_a_phone_holds_a_code(chromium: Browser, fronts: Fronts) -> None:
    base = await fronts.of("northwind", named=True)
    found: list[str] = []
    async with opened(chromium, viewport=PHONE, locale="en-US") as page:
        await page.goto(base)
        await expect(page.get_by_role("link", name="Parcel Backup")).to_contain_text("$24.00")
        found += await faults(page)
        await page.get_by_role("link", name="Parcel Backup").click()
        await page.get_by_role("button", name="One more").click()
        found += await faults(page)
        await page.get_by_role("button", name="Add to cart").click()
        await page.get_by_role("button", name="Order and pay $48.00").click()
        await expect(page.get_by_label("Email address")).to_have_attribute("aria-invalid", "true")
        found += await faults(page)
        await page.get_by_role("button", name="One fewer").click()
        await page.get_by_label("Email address").fill("front@buyer.example.com")
        await page.get_by_role("button", name="Order and pay $24.00").click()
        await page.wait_for_url("**/p/*")
        await page.get_by_role("link", name="Back to the shop").click()
        await expect(page.locator("h1")).to_have_text("Waiting for your payment")
        found += await faults(page)
        await page.get_by_role("link", name="Pay $24.00").click()
        await page.get_by_role("button", name="Pay $24.00", exact=True).click()
        await page.get_by_role("heading", name="Delivered").wait_for()
        assert page.url.startswith(f"{base}#/order/")
        # The address is all it takes: this is where a mailed or kept link leads.
        await page.reload()
        await page.get_by_role("button", name="Show codes").click()
        await expect(page.locator("code")).to_have_text(CODE)
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == await page.locator("code").inner_text()
        found += await faults(page)
    assert found == []


async def test_a_desk_in_chinese_answers_what_a_product_asks(
    chromium: Browser, fronts: Fronts
) -> None:
    typed = frozenset({"galaxy-help", "support@galaxy.example.com", "English"})
    found: list[str] = []
    async with opened(chromium, viewport=DESK, locale="zh-CN", color_scheme="dark") as page:
        await page.goto(await fronts.of("galaxy"))
        await expect(page.get_by_role("link", name="星光通行证")).to_contain_text("已售罄")
        found += [*await faults(page), *await strange_words(page, "zh-CN", typed)]
        await page.get_by_role("link", name="龙渊手游").click()
        await page.get_by_role("button", name="加入购物车").click()
        await page.get_by_label("邮箱").fill("front@buyer.example.com")
        await page.get_by_role("button", name="提交订单并支付 ¥28.00").click()
        await expect(page.get_by_label("区服")).to_have_attribute("aria-invalid", "true")
        found += [*await faults(page), *await strange_words(page, "zh-CN", typed)]
        await page.get_by_label("区服").select_option("海外区")
        await page.get_by_role("button", name="提交订单并支付 ¥28.00").click()
        await expect(page.locator("h1")).to_have_text("等待付款")
        typed |= {"front@buyer.example.com"}
        found += [*await faults(page), *await strange_words(page, "zh-CN", typed)]
        # The shop has named no site: the payment page leads to the shop, and has a tab of its own.
        pay = page.get_by_role("link", name="去支付 ¥28.00")
        await expect(pay).to_have_attribute("target", "_blank")
        await page.get_by_role("button", name="取消订单").click()
        await expect(page.locator("h1")).to_have_text("已取消")
        await page.get_by_label("语言").select_option("English")
        await expect(page.locator("h1")).to_have_text("Canceled")
    assert found == []


async def test_a_long_shelf_goes_on_and_long_words_stay_inside(
    chromium: Browser, fronts: Fronts, town: Town
) -> None:
    made = [await town.product(f"Thing {number:02d} {'of-length-' * 12}") for number in range(12)]
    async with opened(chromium, viewport=PHONE, locale="en-US") as page:
        await page.goto(await fronts.of("northwind"))
        await expect(page.get_by_role("listitem")).to_have_count(12)
        await page.get_by_role("button", name="Show more").click()
        await expect(page.get_by_role("listitem")).to_have_count(15)
        await expect(page.get_by_role("button", name="Show more")).to_have_count(0)
        found = await faults(page)
        await page.goto(f"{await fronts.of('northwind')}#/product/{made[0]['slug']}")
        await expect(page.get_by_role("radio")).to_be_disabled()
        await expect(page.get_by_role("button", name="Add to cart")).to_have_count(0)
        found += await faults(page)
    assert found == []


async def test_the_last_one_bought_by_another_is_told_at_its_line(
    chromium: Browser, fronts: Fronts, town: Town
) -> None:
    made = await town.product("Last one")
    await town.stock(made["variant"], ["ONLY-ONE"], until=("done", "DONE"))
    async with opened(chromium, viewport=PHONE, locale="en-US") as page:
        await page.goto(f"{await fronts.of('northwind')}#/product/{made['slug']}")
        await page.get_by_role("button", name="Add to cart").click()
        await page.get_by_label("Email address").fill("late@buyer.example.com")
        taken: Placed = await town.place(made["variant"])
        await page.get_by_role("button", name=re.compile("Order and pay")).click()
        line = page.get_by_role("listitem").get_by_role("alert")
        await expect(line).to_have_text("Last one is sold out.")
        await expect(page.get_by_role("alert")).to_have_count(1)
        other = await page.context.new_page()
        await other.clock.install()  # it never asks again by itself: what it learns comes streaming
        async with other.expect_response(_is_stream):
            await other.goto(f"{await fronts.of('northwind')}#/order/{taken.token}")
        await expect(other.locator("h1")).to_have_text("Waiting for your payment")
        await other.clock.pause_at("2100-01-01")
        # What was held comes back, and then the same button does it.
        await town.expire(taken)
        await expect(other.locator("h1")).to_have_text("Expired")
        await page.get_by_role("button", name=re.compile("Order and pay")).click()
        await expect(page.locator("h1")).to_have_text("Waiting for your payment")


def _is_stream(response: Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/event-stream")


async def test_nothing_there_and_nobody_there_are_told(chromium: Browser, fronts: Fronts) -> None:
    async def cut(route: Route) -> None:
        await route.abort()

    base = await fronts.of("northwind")
    async with opened(chromium, viewport=PHONE, locale="en-US") as page:
        for path, told in (
            ("#/order/nobodys", "There is no such order."),
            ("#/product/never-was", "This is not sold any more."),
            ("#/cart", "Your cart is empty."),
        ):
            await page.goto(base + path)
            await expect(page.get_by_role("main")).to_contain_text(told)
        await page.route("**/graphql/storefront", cut)
        await page.goto(base)
        await page.reload()
        await expect(page.get_by_role("alert")).to_contain_text("Are you online?")
        await page.unroute("**/graphql/storefront")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("listitem").first).to_be_visible()
