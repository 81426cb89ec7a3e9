"""The whole application behind one door, over the real database and Redis."""

import asyncio
import io
import json
import re
import tempfile
from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog

from keystall.graphql import ids
from keystall.platform import database
from keystall.platform.asgi.application import application
from keystall.platform.live import Live
from keystall.tenants.identity.service import Visitor, sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.shops.operating import shop_resume, shop_suspend
from keystall.tenants.shops.shop import Shop
from keystall.themes.engine import vouched
from keystall.themes.storefront.pages import PAGES as STOREFRONT_PAGES
from tests.factories import PASSWORD, a_product, a_shop, a_viewer, the_variant
from tests.graphql.streams.following import listening

PLATFORM = "http://localhost:8000"


@pytest.fixture
async def web(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    async with httpx2.AsyncClient(transport=transport) as client:
        yield client


async def test_the_api_knows_the_documents_of_the_shops_pages(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    shop = await a_shop(installation, name="Known Cards")
    known = vouched(page for page in STOREFRONT_PAGES if page.name == "home")
    answers = [
        await web.get(
            address(shop) + "/graphql/storefront", params={"documentId": f"sha256:{digest}"}
        )
        for digest in known
    ]
    assert [answer.json()["data"]["shop"]["name"] for answer in answers] == ["Known Cards"]
    assert answers[0].headers["cache-control"] == "public, no-cache"


@pytest.fixture
def lines() -> io.StringIO:
    """What the access log says from here on."""
    log = io.StringIO()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(log),
        cache_logger_on_first_use=False,
    )
    return log


def address(shop: Shop) -> str:
    return f"http://{shop.slug}.localhost:8000"


async def test_the_host_alone_decides_which_shop_answers(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    lulu = await a_shop(installation, name="Lulu Cards")
    momo = await a_shop(installation, name="Momo Keys")
    assert "Lulu Cards" in (await web.get(address(lulu) + "/en/")).text
    assert "Momo Keys" in (await web.get(address(momo) + "/en/")).text
    assert (await web.get("http://nobody.localhost:8000/en/")).status_code == 404
    assert (await web.get(address(lulu) + "/console/")).status_code == 404
    assert (await web.get(f"{PLATFORM}/en/")).status_code == 404


async def test_a_shop_opens_in_the_language_of_the_browser_where_it_speaks_it(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    shop = await a_shop(installation, locale="en")
    answer = await web.get(address(shop) + "/", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/en/")
    assert "set-cookie" not in answer.headers


async def test_a_suspended_shop_says_so_and_comes_back_when_resumed(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    shop = await a_shop(installation)
    operator = await a_viewer(installation, operator=True)
    await shop_suspend(installation, operator, shop.id, reason="sold what it had not")
    answer = await web.get(address(shop) + "/en/")
    assert answer.status_code == 403
    assert "suspended" in answer.text.lower()
    assert "sold what it had not" not in answer.text
    await shop_resume(installation, operator, shop.id)
    assert (await web.get(address(shop) + "/en/")).status_code == 200


async def test_the_console_asks_strangers_to_sign_in_and_hides_other_peoples_shops(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    owner, other = await a_viewer(installation), await a_viewer(installation)
    shop = await a_shop(installation, owner)
    home = f"{PLATFORM}/console/{shop.slug}/"
    stranger = await web.get(home)
    assert stranger.headers["location"] == f"/sign-in?to=/console/{shop.slug}/"
    for person, status in ((owner, 200), (other, 404)):
        signed_in = await sign_in(installation, person.email, PASSWORD, visitor=Visitor())
        headers = {"cookie": f"session={signed_in.secret}"}
        assert (await web.get(home, headers=headers)).status_code == status
    assert (await web.get(f"{PLATFORM}/operator/", headers=headers)).status_code == 404


async def test_a_forged_callback_is_refused_and_nothing_is_kept(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    shop = await a_shop(installation)
    async with database.transaction(shop.id) as tx:
        account = await tx.value("select id from payment_accounts where shop_id = $1", shop.id)
    for provider in ("sandbox", "nobody"):
        answer = await web.post(f"{address(shop)}/callbacks/{provider}/{account}", content=b"{}")
        assert (answer.status_code, answer.text) == (400, "refused\n")
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select count(*) from inbox where shop_id = $1", shop.id) == 0


async def test_a_form_from_another_site_is_refused(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    shop = await a_shop(installation)
    evil = {"origin": "http://evil.example", "cookie": "cart=x"}
    answer = await web.post(f"{address(shop)}/en/cart", headers=evil, data={"form": "x"})
    assert answer.status_code == 403


async def test_a_log_line_names_the_shop_and_neither_the_query_nor_an_orders_key(
    installation: Installation, web: httpx2.AsyncClient, lines: io.StringIO
) -> None:
    shop = await a_shop(installation)
    await web.get(f"{address(shop)}/en/search?q=AAAA-BBBB-CCCC")
    await web.get(f"{address(shop)}/en/order/AaIFXA78d76hp3EafMqhDscng_Rtr8BFBaNUo-x73Y4")
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(line["shop"], line["path"]) for line in told if line["event"] == "request"] == [
        (str(shop.id), "/en/search"),
        (str(shop.id), "/en/order/*"),
    ]
    assert "AAAA-BBBB" not in lines.getvalue()


async def test_readiness_tells_of_each_part(web: httpx2.AsyncClient) -> None:
    answer = await web.get(f"{PLATFORM}/readyz")
    assert answer.json()["checks"].keys() == {"database", "redis", "outbox", "console"}
    assert answer.json()["checks"]["database"] == "ok"
    assert answer.json()["checks"]["redis"] == "ok"


async def test_an_uploaded_file_of_codes_never_rests_on_the_disk_in_plain(
    installation: Installation, web: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested: list[object] = []
    roll = tempfile.SpooledTemporaryFile.rollover

    def rollover(spooled: tempfile.SpooledTemporaryFile[bytes]) -> None:
        rested.append(spooled)
        roll(spooled)

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", rollover)
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    variant = await the_variant(shop, await a_product(installation, shop))
    signed_in = await sign_in(installation, owner.email, PASSWORD, visitor=Visitor())
    answer = await web.post(
        f"{PLATFORM}/console/{shop.slug}/stock/{ids.encode('Variant', variant.id)}",
        headers={"cookie": f"session={signed_in.secret}", "sec-fetch-site": "same-origin"},
        data={"form": "CodesPreview"},
        files={"uploadId": ("codes.txt", b"AAAA-BBBB-CCCC" + b" " * 1_200_000)},
    )
    assert answer.status_code == 200
    assert rested == []


async def test_a_currency_that_is_no_code_is_not_kept(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    shop = await a_shop(installation)
    for currency in ("中文字", "ÄÖÜ", "12"):
        answer = await web.post(
            f"{address(shop)}/currency",
            headers={"sec-fetch-site": "same-origin"},
            data={"currency": currency, "to": "/en/"},
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/en/")
        assert "set-cookie" not in answer.headers


async def test_a_new_shop_saves_its_settings_as_its_page_sends_them(
    installation: Installation, web: httpx2.AsyncClient
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    signed_in = await sign_in(installation, owner.email, PASSWORD, visitor=Visitor())
    page = f"{PLATFORM}/console/{shop.slug}/settings"
    headers = {"cookie": f"session={signed_in.secret}", "origin": PLATFORM}
    shown = (await web.get(page, headers=headers)).text
    chosen = re.findall(r'name="themePreset"[^>]*value="(\w+)"[^>]*checked', shown)
    assert chosen == ["harbor"]
    fields = {
        "form": "ShopBasics",
        "name": shop.name,
        "contact": "hi@lulu.example",
        "icpNumber": "",
    }
    answer = await web.post(page, headers=headers, data={**fields, "themePreset": chosen[0]})
    assert answer.status_code == 303, answer.text
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select contact from shops") == "hi@lulu.example"


async def test_an_error_page_comes_whole_and_without_its_body_where_only_the_head_was_asked_for(
    installation: Installation,
) -> None:
    """Read off the wire: clients hide a body that a HEAD should not have had."""
    shop = await a_shop(installation)
    asked = (
        ("HEAD", "localhost", "/nowhere", 404),
        ("HEAD", "localhost", "/locale", 405),
        ("DELETE", "localhost", "/sign-in", 405),
        ("HEAD", f"{shop.slug}.localhost", "/en/p/gone", 404),
        ("HEAD", "nobodys.localhost", "/en/", 404),
    )
    app = application(installation, Live(installation.queue))
    async with listening(installation.settings, app) as port:
        for method, host, path, status in asked:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            lines = (f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", "", "")
            writer.write("\r\n".join(lines).encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            first, *told = head.decode().lower().split("\r\n")
            headers = dict(line.split(": ", 1) for line in told)
            assert first.split()[1] == str(status)
            assert headers["content-type"] == "text/html; charset=utf-8"
            assert headers["cache-control"] == "no-store"
            assert int(headers["content-length"]) > 500
            assert len(body) == (0 if method == "HEAD" else int(headers["content-length"]))
            assert ("allow" in headers) is (status == 405)
