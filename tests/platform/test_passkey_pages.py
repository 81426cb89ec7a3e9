"""Signing in by a passkey with the whole application, as the pages' script does it."""

import html
import re
from urllib.parse import urlencode

import httpx2

from keystall.platform.asgi.application import application
from keystall.platform.live import Live
from keystall.tenants.installation import Installation
from tests.factories import PASSWORD, a_shop, a_viewer
from tests.passkey_device import a_device, with_passkey

_FORM = {
    "sec-fetch-site": "same-origin",
    "content-type": "application/x-www-form-urlencoded",
}


def a_browser(installation: Installation, address: str = "") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    base = address or installation.settings.public_url
    return httpx2.AsyncClient(transport=transport, base_url=base)


async def sent(browser: httpx2.AsyncClient, path: str, form: str, **fields: str) -> httpx2.Response:
    return await browser.post(path, headers=_FORM, content=urlencode({"form": form, **fields}))


async def asked(
    browser: httpx2.AsyncClient, path: str, form: str, block: str, **fields: str
) -> str:
    """What the page's script is told to ask the browser for."""
    hx = {"hx-request": "true", "hx-target": f"div#{block}"}
    content = urlencode({"form": form, **fields})
    answer = await browser.post(path, headers=_FORM | hx, content=content)
    assert answer.status_code == 200
    (options,) = re.findall(r'data-passkey-options="([^"]*)"', answer.text)
    return html.unescape(options)


async def test_a_browser_signs_in_by_a_passkey_and_comes_where_it_was_going(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = await with_passkey(installation, person)
    path = "/sign-in?to=/account"
    async with a_browser(installation) as browser:
        options = await asked(browser, path, "PasskeyAttempt", "passkey")
        assert [*browser.cookies] == ["sign-in"]
        wrong = device.use(options, origin="http://galaxy.localhost:8000")
        refused = await sent(browser, path, "PasskeySignIn", credential=wrong)
        assert (refused.status_code, [*browser.cookies]) == (422, ["sign-in"])
        assert "无法使用此通行密钥" in refused.text

        options = await asked(browser, path, "PasskeyAttempt", "passkey")
        passed = await sent(browser, path, "PasskeySignIn", credential=device.use(options))
        assert (passed.status_code, passed.headers["location"]) == (303, "/account")
        assert [*browser.cookies] == ["session"]
        assert (await browser.get("/account")).status_code == 200


async def test_a_browser_adds_a_passkey_and_is_asked_for_it_after_the_password(
    installation: Installation,
) -> None:
    person = await a_viewer(installation)
    device = a_device(installation)
    path, known = "/account/passkeys", {"email": person.email, "password": PASSWORD}
    async with a_browser(installation) as browser:
        await sent(browser, "/sign-in", "SessionCreate", **known)
        options = await asked(
            browser, path, "PasskeyBegin", "passkey_new", name="Phone", password=PASSWORD
        )
        made = await sent(browser, path, "PasskeyAdd", credential=device.make(options))
        assert made.status_code == 200
        assert len(re.findall(r"data-code>([^<]+)</li>", made.text)) == 10
        assert "data-code" not in (await browser.get(path)).text

    async with a_browser(installation) as browser:
        first = await sent(browser, "/sign-in", "SessionCreate", **known)
        assert first.headers["location"] == "/sign-in/code"
        options = await asked(browser, "/sign-in/code", "PasskeyStep", "passkey")
        passed = await sent(
            browser, "/sign-in/code", "PasskeySignIn", credential=device.use(options)
        )
        assert (passed.status_code, passed.headers["location"]) == (303, "/console")
        assert [*browser.cookies] == ["session"]


async def test_no_shops_host_knows_of_passkeys(installation: Installation) -> None:
    shop = await a_shop(installation)
    async with a_browser(installation, installation.settings.shop_url(shop.slug)) as browser:
        for path in ("/account/passkeys", "/sign-in/code"):
            assert (await browser.get(path)).status_code == 404
        assert (await browser.get("/en/sign-in")).status_code == 200
        for form in ("PasskeyAttempt", "PasskeySignIn"):
            answer = await sent(browser, "/en/sign-in", form, credential="{}")
            assert answer.status_code == 400
        assert [*browser.cookies] == []
