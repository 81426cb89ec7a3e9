"""How tests read a page: what axe-core finds on it, and whether it fits its window."""

from typing import Any

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
_OPTIONS = {"rules": {"target-size": {"enabled": True}}}


async def faults(page: Page) -> list[str]:
    """What is wrong with the page as it stands, as sentences; empty where all is well."""
    found = await Axe().run(page, options=_OPTIONS)
    told = [
        f"{page.url}: {broken['id']} at {node['html'][:160]}"
        for broken in found.response["violations"]
        for node in broken["nodes"]
    ]
    over: Any = await page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    if over > 0:
        told.append(f"{page.url}: {over} pixels wider than its window")
    return told
