"""How tests read a page: what axe-core finds on it, whether it fits its window, and whether all of
it speaks the reader's language."""

import re
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import BrowserContext, Page

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
_OPTIONS = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}

_READ = r"""() => {
  const told = [document.title];
  const foreign = (node) => {
    const spoken = node.closest("[lang]");
    return spoken && spoken !== document.documentElement;
  };
  // .typed: what people typed, and what their browsers call themselves.
  const typed = "script, style, noscript, textarea, .mono, [data-code], .typed";
  // A <wbr> breaks a word in the tree, not for its reader.
  for (const node of document.body.querySelectorAll("*")) {
    if (node.closest(typed) || foreign(node)) continue;
    const parts = [...node.childNodes].map((child) =>
      child.nodeType === Node.TEXT_NODE ? child.textContent : child.nodeName === "WBR" ? "" : "\n");
    told.push(...parts.join("").split("\n"));
  }
  for (const name of ["aria-label", "title", "placeholder", "alt", "data-label", "data-done"])
    for (const node of document.querySelectorAll(`body [${name}]`))
      if (!foreign(node)) told.push(node.getAttribute(name));
  return told.map((text) => text.trim()).filter(Boolean);
}"""
"""Everything that a page says, what is folded away and what only screen readers get included; what
it marks as another language (the switch) and what people typed into it left out."""

_AXE = """async (options) => (await axe.run(options)).violations.flatMap(
  (broken) => broken.nodes.map((node) => [broken.id, node.html]))"""
"""What is broken only: all that axe-core found well would be carried over, too, by its wrapper."""

_SETTLE = """() => {
  // What lies behind a bar that sticks is no fault of the page: it can be scrolled.
  scrollTo(0, 0);
}"""

_SQUEEZED = """() => [...document.querySelectorAll("dd")].flatMap((told) => {
  const letter = parseFloat(getComputedStyle(told).fontSize);
  const squeezed = told.offsetParent && told.clientWidth < 5 * letter
    && told.offsetHeight > 4 * letter;
  return squeezed ? [told.textContent.trim().slice(0, 40)] : [];
})"""
"""Values of lists of facts that stand a letter or two a line."""

_CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff01-\uff5e]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9@._:/#?=&+-]*")
_PLAIN_WORD = re.compile(r"[A-Za-z]?[a-z]{2,}")
_RAW = re.compile(r"\d{4}-\d\d-\d\dT\d\d|\{\w+\}|\bundefined\b|\bNaN\b|&(?:amp|lt|#\d+);")
_SAME_IN_CHINESE = frozenset(
    {
        "Apache",
        "Excel",
        "http",
        "https",
        "Keystall",
        "Markdown",
        "Standard Webhooks",
        "Stripe",
        "Telegram",
        "Webhook",
        "csv",
        "txt",
        "xlsx",
    }
    # As Stripe's own console calls them, in Chinese too: merchants look for these words there.
    | {"Secret key", "Checkout Sessions", "Refunds", "Payment Intents", "Charges"}
    | {"Balance transactions", "Disputes", "Webhook Endpoints"}
)
"""What a Chinese page rightly says in Latin letters."""


async def expect_axe(context: BrowserContext) -> None:
    """Has every page of the context come with axe-core. Worth it for windows in which many pages
    are read: `displeasing` brings it to each anew otherwise, which takes longer than to run it."""
    await context.add_init_script(AXE_SCRIPT)


async def faults(page: Page) -> list[str]:
    """What is wrong with the page as it stands, as sentences; empty where all is well."""
    return [*await displeasing(page), *await overflowing(page), *await squeezed(page)]


async def displeasing(page: Page) -> list[str]:
    """What axe-core finds."""
    await page.evaluate(_SETTLE)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    found: list[list[str]] = await page.evaluate(_AXE, _OPTIONS)
    return [f"{page.url}: {rule} at {html[:160]}" for rule, html in found]


async def overflowing(page: Page) -> list[str]:
    """By how much the page is wider than its window."""
    over: Any = await page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    return [f"{page.url}: {over} pixels wider than its window"] if over > 0 else []


async def squeezed(page: Page) -> list[str]:
    """Values that what stands beside them leaves no room."""
    found: list[str] = await page.evaluate(_SQUEEZED)
    return [f"{page.url}: “{text}” is squeezed" for text in found]


async def strange_words(page: Page, locale: str, data: frozenset[str] = frozenset()) -> list[str]:
    """What on the page is not in its language, or was never meant for people, as sentences.

    `data` are texts that are the same in every language because a person typed them.
    """
    told: list[str] = await page.evaluate(_READ)
    return [
        f"{page.url}: “{word}” in “{text[:80]}”"
        for text in told
        for word in strange_in(text, locale, data)
    ]


def strange_in(text: str, locale: str, data: frozenset[str] = frozenset()) -> list[str]:
    """The parts of one text that are not in the language `locale`, or are raw data."""
    for known in sorted(data, key=len, reverse=True):
        text = text.replace(known, "")
    raw = _RAW.findall(text)
    if locale == "en":
        return raw + _CHINESE.findall(text)
    for known in sorted(_SAME_IN_CHINESE, key=len, reverse=True):
        text = re.sub(rf"\b{known}\b", "", text, flags=re.ASCII)
    words = (word.rstrip(".,:?") for word in _WORD.findall(text))
    # Addresses, slugs, codes, currencies and abbreviations have no Chinese; a plain word has.
    return raw + [word for word in words if _PLAIN_WORD.fullmatch(word)]
