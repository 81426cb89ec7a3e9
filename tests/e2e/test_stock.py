"""A file of many codes through the console in a browser: stopped, taken back, brought in.

`STOCK_LINES=1000000` makes it a long one, which is for a machine with little else to do.
"""

import os
import secrets
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.e2e.test_console import linked, opened, press, sign_in, speak

# More than a megabyte, or it is counted while one waits.
LINES = int(os.environ.get("STOCK_LINES", "45000"))


async def upload(page: Page, path: Path) -> None:
    """Sends a file and waits for what was found in it."""
    await page.set_input_files("[name=uploadId]", path)
    await press(page, "CodesPreview")
    await expect(page.locator("#preview")).to_be_visible(timeout=120_000)


async def ended(page: Page) -> None:
    await expect(page.locator("#job_live .badge")).to_be_visible(timeout=600_000)


async def test_a_large_file_is_counted_canceled_taken_back_and_brought_in(
    chromium: Browser, demo: dict[str, Any], tmp_path: Path
) -> None:
    base = demo["platform_url"]
    shop = next(shop for shop in demo["shops"] if shop["slug"] == "northwind")
    codes = [f"{secrets.token_hex(8).upper()}-{n:06d}" for n in range(LINES)]
    file = tmp_path / "codes.txt"
    file.write_text("\n".join([*codes, codes[0], "bad\x07line"]), "utf-8")
    async with opened(chromium) as page:
        await speak(page, base, "en")
        await sign_in(page, base, shop["merchant"])
        product = await linked(page, f"{base}/console/northwind/products", "td.lead-cell a")
        stock = await linked(page, product, "a[href*='/stock/']")

        # Counted, and told what would come of it.
        await page.goto(stock)
        await upload(page, file)
        await expect(page.locator("section[aria-labelledby=preview] .lead")).to_contain_text(
            f"{LINES + 2:,} lines"
        )
        await page.locator("button[name=dryRun]").click()
        await page.wait_for_url("**/jobs/*")
        await ended(page)
        await expect(page.locator("#job_live .totals dd").first).to_have_text(f"{LINES:,}")

        # Brought in, progress seen, canceled on the way, and what came taken back.
        await page.check("[name=skipBad]")
        await press(page, "CodesImport")
        await page.wait_for_url("**/jobs/*")
        await expect(page.locator("#job_live progress")).to_be_visible()
        await press(page, "JobCancel")
        await ended(page)
        added = (await page.locator("#job_live .totals dd").first.inner_text()).replace(",", "")
        assert 0 <= int(added) <= LINES
        if int(added):
            await page.locator("details.confirm summary").click()
            await press(page, "BatchUndo")
            await expect(page.locator("#job_live .notice")).to_contain_text("Taken back")

        # Brought in for good, and what was left out told to whoever says the password again.
        await page.goto(stock)
        before = int((await page.locator(".stat dd").first.inner_text()).replace(",", ""))
        await upload(page, file)
        await page.check("[name=skipBad]")
        await page.locator("form:has([value=CodesImport]) button:not([name])").first.click()
        await page.wait_for_url("**/jobs/*")
        await ended(page)
        await expect(page.locator("#job_live .badge.good")).to_be_visible()
        await page.locator("#job_live a[href$='rejects.csv']").click()
        await page.fill("[name=password]", shop["merchant"]["password"])
        async with page.expect_download() as download:
            await press(page, "PasswordConfirm")
        kept = tmp_path / "rejects.csv"
        await (await download.value).save_as(kept)
        told = kept.read_bytes().decode("utf-8-sig").split("\r\n")
        assert told[0] == "line,reason,text"
        assert told[1] == f"{LINES + 1},repeats line 1,{codes[0]}"
        assert told[2].startswith(f"{LINES + 2},holds characters that cannot be seen,")
        await page.goto(stock)
        await expect(page.locator(".stat dd").first).to_have_text(f"{before + LINES:,}")
        assert codes[0] not in await page.content()
