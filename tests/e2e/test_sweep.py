"""Every page in both languages at both sizes: it fits, axe-core finds nothing, all is translated.

Each state of each page is read in both languages and measured at both sizes. axe-core is what takes
the time, and states of a page differ in little that it looks at, languages in less: it reads each
page's first state only, on a phone in both languages and at a desk in English. `SWEEP=full` has it
read everything, which is for before a release and after changes to what all pages share.

`SWEEP_PICTURES=folder` keeps a picture of each, for people to look at.
"""

import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect
from starlette.requests import Request
from starlette.routing import compile_path

from keystall.platform.http import http_client
from keystall.themes.engine import Failures, make_renderer
from keystall.themes.engine import Page as Row
from keystall.themes.engine.failures import KINDS
from keystall.themes.paths import THEMES
from tests.e2e import visits
from tests.e2e.reading import (
    DESK,
    PHONE,
    displeasing,
    expect_axe,
    overflowing,
    squeezed,
    strange_in,
    strange_words,
)
from tests.e2e.scenes import CHINESE, ENGLISH, Scene, set_scene
from tests.e2e.town import Town
from tests.e2e.visits import Visit, Who
from tests.payments.emulator import Emulator

_SIZES = {"phone": PHONE, "desk": DESK}
_PARTS = {
    "storefront": visits.STOREFRONT,
    "provider": visits.PROVIDER,
    "accounts": visits.ACCOUNTS,
    "console": visits.CONSOLE,
    "operator": visits.OPERATOR,
}
_FULL = os.environ.get("SWEEP") == "full"
_FIRST = {visit.row: visit.name for visit in reversed(visits.VISITS)}


@cache
def _rows() -> dict[str, Row]:
    """Every row of every page table that there is in the tree, in the order of its table."""
    tables = (
        importlib.import_module(f"keystall.themes.{file.parent.name}.pages")
        for file in sorted(THEMES.glob("*/pages.py"))
    )
    rows = (row for table in tables for row in getattr(table, "PAGES", ()))
    return {f"{row.surface}:{row.name}": row for row in rows}


def test_no_page_of_the_tables_is_without_a_visit() -> None:
    visited = {visit.row for visit in visits.VISITS if visit.status == 200}
    assert sorted(set(_rows()) - visited) == []
    assert sorted({visit.row for visit in visits.VISITS} - {""} - set(_rows())) == []


def test_each_state_of_a_page_has_a_name_of_its_own() -> None:
    names = [visit.name for visit in visits.VISITS]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize(
    ("text", "locale", "strange"),
    [
        ("共 3 件 · CNY 9.90 · 下载 txt 文件", "zh-CN", []),
        ("写信给 help@mail.example.com", "zh-CN", []),
        ("已付款 Order placed.", "zh-CN", ["Order", "placed"]),
        ("支付 Sandbox", "zh-CN", ["Sandbox"]),
        ("Delivered to you", "en", []),
        ("Delivered：已送达", "en", ["：已送达"]),
        ("at 2026-11-23T00:50", "en", ["2026-11-23T00"]),
        ("Hello {name}", "en", ["{name}"]),
    ],
)
def test_what_is_not_translated_is_noticed(text: str, locale: str, strange: list[str]) -> None:
    assert strange_in(text, locale) == strange


@pytest.fixture(scope="module", params=[CHINESE, ENGLISH], ids=["zh", "en"])
async def scene(
    request: pytest.FixtureRequest, demo: dict[str, Any], stripe: Emulator
) -> AsyncIterator[Scene]:
    async with http_client() as http:
        town = Town(demo, request.param.slug, http)
        async with set_scene(town, request.param, stripe.account().key) as made:
            yield made


@pytest.mark.browser
@pytest.mark.parametrize("part", list(_PARTS))
async def test_every_page_fits_pleases_axe_and_is_translated(
    chromium: Browser, scene: Scene, part: str
) -> None:
    assert await _swept(chromium, scene, _PARTS[part]) == []


@pytest.mark.browser
async def test_a_closed_shops_pages_do_too(chromium: Browser, scene: Scene) -> None:
    await scene.town.admin("mutation { shopClose { userErrors { path message code } } }")
    try:
        assert await _swept(chromium, scene, visits.CLOSED) == []
    finally:
        await scene.town.admin("mutation { shopReopen { userErrors { path message code } } }")


@pytest.mark.browser
async def test_error_pages_of_every_kind_do_too(chromium: Browser, scene: Scene) -> None:
    """Most kinds need a broken installation: they are drawn here and shown at the demo's address,
    whose styles they wear."""
    failures = Failures(make_renderer(), lambda _: "0123456789abcdef")
    locale, base = scene.speech.locale, scene.names["base"]
    found: list[str] = []
    context = await _context(chromium, scene, "nobody")
    page = await context.new_page()
    for kind in KINDS:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        body = bytes(failures.page(Request(scope), kind, locale=locale).body).decode()

        await page.route(f"{base}/{kind}", _answering(body))
        await page.goto(f"{base}/{kind}")
        found += await _looked_at(page, scene, f"fault-{kind}", axe=kind == next(iter(KINDS)))
    await context.close()
    assert found == []


@pytest.mark.browser
async def test_until_when_goods_are_held_fits_a_phone_without_a_script(
    chromium: Browser, scene: Scene
) -> None:
    """A whole moment stands there then, not minutes and seconds."""
    context = await _context(chromium, scene, "nobody", script=False)
    page = await context.new_page()
    await page.goto(scene.address("{shop}/{l}/order/{pending}"))
    over = await page.locator(".hold").evaluate("box => box.scrollWidth - box.clientWidth")
    sentence = page.locator(".hold > span").first
    lines = await sentence.evaluate(
        "e => e.offsetHeight / parseFloat(getComputedStyle(e).fontSize)"
    )
    await context.close()
    assert over == 0
    assert lines < 4  # two lines at most


@pytest.mark.browser
@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
async def test_what_came_of_a_webhooks_test_appears_by_itself(
    chromium: Browser, scene: Scene, script: bool
) -> None:
    context = await _context(chromium, scene, "merchant", script=script)
    page = await context.new_page()
    await page.goto(scene.address("{base}/console/{slug}/webhooks/{silent_hook}"))
    rows = page.locator("#log_live tbody tr")
    before = await rows.count()
    await page.locator("form:has([value=WebhookTest]) button").click()
    await expect(rows).to_have_count(before + 1)
    await expect(rows.first.locator(".badge.bad")).to_be_visible(timeout=30_000)
    await expect(page.locator("#log_live[data-live]")).to_have_count(0)
    await context.close()


def _answering(body: str) -> Callable[[Route], Awaitable[None]]:
    async def answer(route: Route) -> None:
        await route.fulfill(body=body, content_type="text/html; charset=utf-8")

    return answer


async def _swept(chromium: Browser, scene: Scene, wanted: Iterable[Visit]) -> list[str]:
    """What is wrong on any of these visits; one window each for those who make them."""
    found: list[str] = []
    pages: dict[Who, Page] = {}
    for visit in wanted:
        if visit.who not in pages:
            pages[visit.who] = await (await _context(chromium, scene, visit.who)).new_page()
        found += await _visited(pages[visit.who], scene, visit)
    for page in pages.values():
        await page.context.close()
    return found


async def _context(
    chromium: Browser, scene: Scene, who: Who, *, script: bool = True
) -> BrowserContext:
    context = await chromium.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        locale=scene.speech.locale,
        java_script_enabled=script,
        reduced_motion="reduce",  # a colour half way between two states is nobody's
    )
    base = scene.names["base"]
    # What an account has chosen is beaten by the cookie.
    cookies = [{"name": "locale", "value": scene.speech.locale, "url": base}]
    if session := scene.sessions.get(who):
        there = scene.names["shop"] if who == "customer" else base
        cookies.append({"name": "session", "value": session, "url": there})
    await context.add_cookies(cookies)  # type: ignore[arg-type]
    await expect_axe(context)
    return context


async def _visited(page: Page, scene: Scene, visit: Visit) -> list[str]:
    address = scene.address(visit.address)
    await page.context.clear_cookies(name="cart")
    cookies = {"buying": ".".join(scene.carts.values())}
    if visit.cart:
        cookies["cart"] = scene.carts[visit.cart]
    for name, value in cookies.items():
        cookie = {"name": name, "value": value, "url": scene.names["shop"]}
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    answer = await page.goto(address)
    assert answer is not None
    if answer.status != visit.status or answer.url.partition("#")[0] != address:
        return [f"{visit.name}: {answer.status} at {answer.url}, not {visit.status} at {address}"]
    if visit.row and _row_at(visit.row.partition(":")[0], address) != visit.row:
        return [f"{visit.name}: {address} is {_row_at(visit.row.partition(':')[0], address)}"]
    if visit.act:
        await visit.act(page)
    return await _looked_at(
        page, scene, visit.name, axe=not visit.row or _FIRST[visit.row] == visit.name
    )


def _row_at(surface: str, address: str) -> str:
    """The row that answers an address among those of the same host, the first that fits."""
    path = urlsplit(address).path
    for name, row in _rows().items():
        if (row.surface == "storefront") == (surface == "storefront"):
            pattern, _, _ = compile_path(row.route)
            if pattern.match(path):
                return name
    return ""


async def _looked_at(page: Page, scene: Scene, name: str, *, axe: bool) -> list[str]:
    found = await strange_words(page, scene.speech.locale, scene.data)
    for size, window in _SIZES.items():
        await page.set_viewport_size(window)  # type: ignore[arg-type]
        told = [*await overflowing(page), *await squeezed(page)]
        if _FULL or (axe and (size == "phone" or scene.speech.locale == "en")):
            told += await displeasing(page)
        found += [f"{size}: {fault}" for fault in told]
        if folder := os.environ.get("SWEEP_PICTURES"):
            picture = Path(folder) / f"{scene.speech.l}-{size}" / f"{name}.png"
            await page.screenshot(path=picture, full_page=True)
    return [f"{name}, {fault}" for fault in found]
