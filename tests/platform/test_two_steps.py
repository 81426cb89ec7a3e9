"""Signing in by two steps, as a browser without scripts does it, with the whole application."""

import re
from urllib.parse import urlencode

import httpx2
import pyotp

from keystall.platform.asgi.application import application
from keystall.platform.live import Live
from keystall.tenants.installation import Installation
from tests.authenticator import with_app
from tests.factories import PASSWORD, a_viewer

_FORM = {
    "sec-fetch-site": "same-origin",
    "content-type": "application/x-www-form-urlencoded",
}


async def sent(browser: httpx2.AsyncClient, path: str, form: str, **fields: str) -> httpx2.Response:
    return await browser.post(path, headers=_FORM, content=urlencode({"form": form, **fields}))


def a_browser(installation: Installation) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    return httpx2.AsyncClient(transport=transport, base_url=installation.settings.public_url)


async def test_a_browser_signs_in_by_two_steps_and_comes_where_it_was_going(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    app = await with_app(installation, person)
    async with a_browser(installation) as browser:
        first = await sent(
            browser, "/sign-in?to=/account", "SessionCreate", email=person.email, password=PASSWORD
        )
        assert (first.status_code, first.headers["location"]) == (
            303,
            "/sign-in/code?to=%2Faccount",
        )
        assert [*browser.cookies] == ["sign-in"]
        # As a session the step opens nothing.
        step = browser.cookies["sign-in"]
        shut = await browser.get("/account", headers={"cookie": f"session={step}"})
        assert (shut.status_code, shut.headers["location"]) == (303, "/sign-in?to=/account")

        page = await browser.get(first.headers["location"])
        assert (page.status_code, "SecondStepPass" in page.text) == (200, True)
        assert step not in page.text
        wrong = await sent(browser, first.headers["location"], "SecondStepPass", code="12345")
        assert (wrong.status_code, [*browser.cookies]) == (422, ["sign-in"])

        passed = await sent(browser, first.headers["location"], "SecondStepPass", code=app.code())
        assert (passed.status_code, passed.headers["location"]) == (303, "/account")
        assert [*browser.cookies] == ["session"]
        assert (await browser.get("/account")).status_code == 200
        assert "autocomplete" not in (await browser.get("/sign-in/code")).text


async def test_a_browser_sets_it_up_and_switches_it_off_without_scripts(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    path = "/account/second-step"
    async with a_browser(installation) as browser:
        await sent(browser, "/sign-in", "SessionCreate", email=person.email, password=PASSWORD)
        assert "otpauth" not in (await browser.get(path)).text
        begun = await sent(browser, path, "TotpBegin", password=PASSWORD)
        assert (begun.status_code, begun.headers["location"]) == (303, path)
        page = await browser.get(path)
        assert page.headers["cache-control"] == "private, no-store"
        (secret,) = re.findall(r"secret=([A-Z2-7]{32})", page.text.partition("issuer")[0])
        assert "<svg" in page.text

        made = await sent(browser, path, "TotpConfirm", code=pyotp.TOTP(secret).now())
        codes = re.findall(r"data-code>([^<]+)</li>", made.text)
        assert (made.status_code, len(codes)) == (200, 10)
        again = await browser.get(path)
        assert [code for code in (*codes, secret) if code in again.text] == []

        ended = await sent(browser, path, "TotpEnd", password=PASSWORD, code=codes[0])
        assert (ended.status_code, ended.headers["location"]) == (303, f"{path}?done=off")
