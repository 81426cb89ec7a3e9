"""The reference as developers meet it: read on phone and desk, and its examples tried."""

from typing import Any, Literal

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.reading import DESK, PHONE, faults

pytestmark = pytest.mark.browser

Demo = dict[str, Any]
_READ: tuple[tuple[dict[str, int], Literal["light", "dark"]], ...] = (
    (PHONE, "dark"),
    (DESK, "light"),
)


async def test_the_reference_fits_and_axe_finds_nothing(chromium: Browser, demo: Demo) -> None:
    base = demo["shops"][0]["storefront_graphql"].replace("/storefront", "/reference/storefront/")
    found: list[str] = []
    for size, scheme in _READ:
        context = await chromium.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=scheme,
        )
        page = await context.new_page()
        for path in ("", "query/products", "mutation/cartComplete", "subscription/orderChanged",
                     "type/Order", "errors"):  # fmt: skip
            answer = await page.goto(base + path)
            assert answer is not None
            assert answer.status == 200
            found += await faults(page)
        await page.goto(f"{demo['platform_url']}/graphql/reference/")
        found += await faults(page)
        await context.close()
    assert found == []


async def test_an_example_opens_in_graphiql_and_runs(chromium: Browser, demo: Demo) -> None:
    shop = next(shop for shop in demo["shops"] if shop["slug"] == "northwind")
    base = shop["storefront_graphql"].replace("/storefront", "/reference/storefront")
    context = await chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    page = await context.new_page()
    for root, name, answered in (
        ("query", "product", '"slug": "inkwell"'),
        # The others find the tabs of the first kept by the browser.
        ("query", "shop", '"slug": "northwind"'),
        # Over a WebSocket: the example's token opens no order.
        ("subscription", "orderChanged", '"orderChanged": null'),
    ):
        title = name[:1].upper() + name[1:]
        await page.goto(f"{base}/{root}/{name}")
        await page.get_by_role("link", name="Try it in GraphiQL").click()
        await page.locator(".graphiql-query-editor").get_by_text(f"{root} {title}").wait_for()
        results = page.locator(".result-window")
        await expect(results).not_to_contain_text('"data"')
        await page.get_by_role("button", name="Execute query").click()
        await expect(results).to_contain_text(answered)
    await context.close()
