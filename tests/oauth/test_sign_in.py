"""Signing in at a shop by each provider, over real HTTP: out, back by the installation, in."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
import time_machine

from keystall.platform import clock, database
from keystall.platform.asgi.application import application
from keystall.platform.live import Live
from keystall.platform.oauth.port import PROVIDERS, ProviderName
from keystall.platform.oauth.registry import redirect_uri
from keystall.tenants.customers.flows import FLOW_LIFE, HANDOVER_LIFE
from keystall.tenants.customers.sessions import Customer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from tests.customers import an_order, holder, known, mailed_token, signed_in
from tests.factories import a_shop
from tests.oauth.emulator import Client, Emulator, emulated

PLATFORM = "http://localhost:8000"
EMAIL = "lin@keystall.test"


def google(sub: str = "g-1", email: str = EMAIL, *, verified: bool = True) -> dict[str, Any]:
    return {"sub": sub, "email": email, "email_verified": verified}


def github(number: int = 7, email: str = EMAIL, *, verified: bool = True) -> dict[str, Any]:
    spare = {"email": "spare@keystall.test", "primary": False, "verified": True}
    return {
        "id": number,
        "emails": [spare, {"email": email, "primary": True, "verified": verified}],
    }


def qq(openid: str = "Q" * 32, **more: str) -> dict[str, Any]:
    return {"openid": openid, **more}


PEOPLE = {"google": google(), "github": github(), "qq": qq(), "wechat": {"openid": "o-W_1"}}


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[Emulator]:
    async with emulated() as there:
        yield there


@dataclass
class Town:
    """A shop of an installation that has keys of every provider, and a browser in it."""

    installation: Installation
    emulator: Emulator
    shop: Shop
    web: httpx2.AsyncClient

    @property
    def url(self) -> str:
        return f"http://{self.shop.slug}.localhost:8000"

    async def begin(self, provider: str, shop_url: str = "") -> str:
        """To where the provider sends the browser back; "" where it refuses to."""
        left = await self.web.get(f"{shop_url or self.url}/en/sign-in/with/{provider}")
        assert left.status_code == 303
        asked = await self.emulator.http.get(left.headers["location"])
        return asked.headers.get("location", "")

    async def handed(self, back: str) -> str:
        """To where the installation hands the browser on."""
        assert back.startswith(f"{PLATFORM}/oauth/")
        answer = await self.web.get(back)
        assert (answer.status_code, "set-cookie" in answer.headers) == (303, False)
        there: str = answer.headers["location"]
        return there

    async def sign_in(self, provider: str) -> httpx2.Response:
        """The whole way."""
        return await self.web.get(await self.handed(await self.begin(provider)))

    async def customer(self, ended: httpx2.Response) -> Customer:
        """Who was signed in by it."""
        assert (ended.status_code, ended.headers["location"]) == (303, "/en/account")
        return await holder(self.shop, secret_of(ended))

    async def customers(self) -> int:
        async with database.transaction(self.shop.id) as tx:
            return int(await tx.value("select count(*) from customers"))


def secret_of(answer: httpx2.Response) -> str:
    """The session that an answer sets, or ""."""
    found = [one for one in answer.headers.get_list("set-cookie") if one.startswith("session=")]
    return found[0].partition(";")[0].removeprefix("session=") if found else ""


def failed(answer: httpx2.Response) -> bool:
    """Whether nobody was signed in, and the page says so."""
    there = (answer.status_code, answer.headers.get("location"))
    return there == (303, "/en/sign-in?done=failed") and secret_of(answer) == ""


@pytest.fixture
async def town(installation: Installation, running: Emulator) -> AsyncIterator[Town]:
    keys: dict[str, str] = {"sign_in_url": running.url}
    for name in PROVIDERS:
        client = Client(f"{name}-{secrets.token_hex(4)}", secrets.token_hex(16), "")
        client.redirect_uri = redirect_uri(installation.settings, name)
        running.clients[name] = client
        keys |= {f"{name}_client_id": client.id, f"{name}_client_secret": client.secret}
    running.reset()
    running.people = dict(PEOPLE)
    with_keys = replace(installation, settings=installation.settings.model_copy(update=keys))
    transport = httpx2.ASGITransport(application(with_keys, Live(with_keys.queue)))
    async with httpx2.AsyncClient(transport=transport) as web:
        yield Town(with_keys, running, await a_shop(installation), web)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_signs_somebody_in_and_knows_them_again(
    town: Town, provider: ProviderName
) -> None:
    first = await town.customer(await town.sign_in(provider))
    again = await town.customer(await town.sign_in(provider))
    assert (first.id, await town.customers()) == (again.id, 1)
    assert first.email == (EMAIL if provider in ("google", "github") else None)
    assert (first.fresh, first.has_password) == (True, False)


@pytest.mark.parametrize("provider", ["google", "github"])
async def test_only_an_address_that_the_provider_verified_opens_its_orders(
    town: Town, provider: ProviderName
) -> None:
    await an_order(town.shop, EMAIL)
    make = {"google": google, "github": github}[provider]
    town.emulator.people[provider] = make(verified=False)  # type: ignore[operator]
    ended = await town.sign_in(provider)
    assert (await town.customer(ended)).email is None
    page = (await town.web.get(town.url + "/en/account")).text
    assert "Which address do you order with?" in page
    assert "/en/order/" not in page

    town.emulator.people[provider] = make()  # type: ignore[operator]
    assert (await town.customer(await town.sign_in(provider))).email == EMAIL
    assert "/en/order/" in (await town.web.get(town.url + "/en/account")).text
    assert await town.customers() == 1


async def test_addresses_of_github_that_forward_nothing_are_none(town: Town) -> None:
    town.emulator.people["github"] = github(email="7+octocat@users.noreply.github.com")
    assert (await town.customer(await town.sign_in("github"))).email is None


@pytest.mark.parametrize("provider", ["qq", "wechat"])
async def test_without_an_address_one_is_asked_for_and_proven_by_mail_in_the_same_browser(
    town: Town, provider: ProviderName
) -> None:
    await an_order(town.shop, EMAIL)
    customer = await town.customer(await town.sign_in(provider))
    token = await mailed_token(town.installation, town.shop, EMAIL, customer=customer)
    assert (await known(town.shop, "ks_customer_")) is None
    assert "/en/order/" not in (await town.web.get(town.url + "/en/account")).text

    followed = await town.web.post(
        f"{town.url}/en/sign-in/{token}",
        data={"form": "CustomerLinkFollow"}, headers={"origin": town.url},
    )  # fmt: skip

    assert (await town.customer(followed)).id == customer.id
    assert "/en/order/" in (await town.web.get(town.url + "/en/account")).text
    again = await town.customer(await town.sign_in(provider))
    assert (again.id, again.email) == (customer.id, EMAIL)


async def test_a_link_that_a_stranger_asked_for_joins_nothing_of_theirs(town: Town) -> None:
    """Somebody signs in by QQ, names another's address, and waits for them to press the button."""
    stranger = await town.customer(await town.sign_in("qq"))
    town.web.cookies.clear()
    token = await mailed_token(town.installation, town.shop, EMAIL, customer=stranger)
    page = f"{town.url}/en/sign-in/{token}"
    assert "asked for by somebody who signed in another way" in (await town.web.get(page)).text
    followed = await town.web.post(
        page, data={"form": "CustomerLinkFollow"}, headers={"origin": town.url}
    )
    victim = await town.customer(followed)
    assert (victim.email, victim.id != stranger.id) == (EMAIL, True)
    town.web.cookies.clear()
    again = await town.customer(await town.sign_in("qq"))
    assert (again.id, again.email) == (stranger.id, None)


async def test_a_link_that_another_customer_follows_does_not_join_theirs(town: Town) -> None:
    asking = await town.customer(await town.sign_in("qq"))
    token = await mailed_token(town.installation, town.shop, EMAIL, customer=asking)
    town.web.cookies.clear()
    other = await town.customer(await town.sign_in("wechat"))
    followed = await town.web.post(
        f"{town.url}/en/sign-in/{token}",
        data={"form": "CustomerLinkFollow"}, headers={"origin": town.url},
    )  # fmt: skip
    assert (await town.customer(followed)).id not in (asking.id, other.id)
    town.web.cookies.clear()
    assert (await town.customer(await town.sign_in("wechat"))).email is None


async def test_proving_the_address_of_another_customer_makes_one_of_both(town: Town) -> None:
    before, _ = await signed_in(town.installation, town.shop, EMAIL)
    by_qq = await town.customer(await town.sign_in("qq"))
    token = await mailed_token(town.installation, town.shop, EMAIL, customer=by_qq)
    await town.web.post(
        f"{town.url}/en/sign-in/{token}",
        data={"form": "CustomerLinkFollow"}, headers={"origin": town.url},
    )  # fmt: skip
    again = await town.customer(await town.sign_in("qq"))
    assert (again.id, again.email, await town.customers()) == (before.id, EMAIL, 1)


async def test_a_person_is_known_by_the_wider_name_and_by_the_one_before_it(town: Town) -> None:
    first = await town.customer(await town.sign_in("wechat"))
    town.emulator.people["wechat"] = {"openid": "o-W_1", "unionid": "u-1"}
    second = await town.customer(await town.sign_in("wechat"))
    town.emulator.people["wechat"] = {"openid": "o-other-app", "unionid": "u-1"}
    third = await town.customer(await town.sign_in("wechat"))
    assert first.id == second.id == third.id


async def test_a_customer_of_one_shop_is_nobody_in_another(town: Town) -> None:
    first = await town.customer(await town.sign_in("google"))
    there = replace(town, shop=await a_shop(town.installation))
    second = await there.customer(await there.sign_in("google"))
    assert first.id != second.id
    assert await town.customers() == await there.customers() == 1


async def test_an_end_works_once_and_in_the_browser_that_began_alone(town: Town) -> None:
    end = await town.handed(await town.begin("google"))
    cookies = dict(town.web.cookies)
    town.web.cookies.clear()
    assert failed(await town.web.get(end))
    assert town.emulator.asked[-1:] == ["/google/o/oauth2/v2/auth"]  # asked nothing more
    other = {"cookie": f"sign-in={secrets.token_urlsafe(32)}"}
    assert failed(await town.web.get(end, headers=other))
    own = {"cookie": f"sign-in={cookies['sign-in']}"}
    ended = await town.web.get(end, headers=own)
    assert secret_of(ended) != ""
    asked = [*town.emulator.asked]
    assert failed(await town.web.get(end, headers=own))
    assert town.emulator.asked == asked  # it is ours to know that it was used
    assert await town.customers() == 1


async def test_what_was_changed_on_the_way_is_refused(town: Town) -> None:
    back = await town.begin("google")
    for altered in (
        back.replace("state=", "state=0"), back.replace("/google?", "/github?"),
        back.replace("state=", "other="), f"{PLATFORM}/oauth/google?code=x&state=", 
    ):  # fmt: skip
        answer = await town.web.get(altered)
        assert (answer.status_code, "location" in answer.headers) == (400, False)
    end = await town.handed(back)
    parts = urlsplit(end)
    query = dict(parse_qsl(parts.query))
    other = await a_shop(town.installation)
    for changed in (
        query | {"code": "another"}, query | {"until": str(int(query["until"]) + 60)},
        query | {"mark": ""}, query | {"mark": "签"}, query | {"flow": "x"}, {},
        query | {"until": "9" * 400},
    ):  # fmt: skip
        assert failed(await town.web.get(f"{town.url}/sign-in/return?{urlencode(changed)}"))
    elsewhere = end.replace(town.shop.slug, other.slug)
    assert failed(await town.web.get(elsewhere))
    assert await town.customers() == 0
    assert secret_of(await town.web.get(end)) != ""


async def test_a_try_and_its_handing_over_end_in_time(town: Town) -> None:
    back = await town.begin("google")
    with time_machine.travel(clock.now() + FLOW_LIFE + timedelta(seconds=2)):
        assert (await town.web.get(back)).status_code == 400
    back = await town.begin("google")
    own = {"cookie": f"sign-in={town.web.cookies['sign-in']}"}
    end = await town.handed(back)
    with time_machine.travel(clock.now() + HANDOVER_LIFE + timedelta(seconds=2)):
        assert failed(await town.web.get(end, headers=own))
    assert await town.customers() == 0
    assert secret_of(await town.web.get(end, headers=own)) != ""


async def test_nobody_is_led_to_a_host_that_is_not_the_shops(town: Town) -> None:
    other = await a_shop(town.installation)
    back = await town.begin("google")
    hosts = ("elsewhere.example", f"{other.slug}.localhost", "localhost")
    for host in hosts:
        async with database.transaction(town.shop.id) as tx:
            await tx.execute("update customer_flows set host = $1", host)
        answer = await town.web.get(back)
        assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_who_says_no_or_is_away_signs_nobody_in(town: Town, provider: ProviderName) -> None:
    town.emulator.denying = True
    assert failed(await town.sign_in(provider))
    town.emulator.denying = False

    end = await town.handed(await town.begin(provider))
    town.emulator.down = True
    assert failed(await town.web.get(end))
    town.emulator.down = False

    town.emulator.wrapping = True
    end = await town.handed(await town.begin(provider))
    town.emulator.codes.clear()  # as if it had been used
    assert failed(await town.web.get(end))

    end = await town.handed(await town.begin(provider))
    town.emulator.clients[provider].secret = "another"
    assert failed(await town.web.get(end))
    assert await town.customers() == 0
    page = await town.web.get(f"{town.url}/en/sign-in?done=failed")
    assert "That did not work: you are not signed in." in page.text


async def test_googles_word_is_taken_only_as_it_signed_it_for_this_try(town: Town) -> None:
    for claims in (
        {"nonce": "another"}, {"aud": "another"}, {"iss": "https://accounts.example"},
        {"exp": 1}, {"azp": "another"}, {"sub": ""},
    ):  # fmt: skip
        town.emulator.claims = claims
        assert failed(await town.sign_in("google"))
    town.emulator.claims, town.emulator.forging = {}, True
    assert failed(await town.sign_in("google"))
    assert await town.customers() == 0


async def test_a_token_of_another_application_of_qq_is_nobodys(town: Town) -> None:
    town.emulator.foreign = True
    assert failed(await town.sign_in("qq"))
    assert await town.customers() == 0


async def test_providers_appear_when_their_keys_are_set(
    town: Town, installation: Installation
) -> None:
    page = (await town.web.get(town.url + "/zh/sign-in")).text
    for name in ("微信", "QQ", "Google", "GitHub"):
        assert f">{name}</a>" in page
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    async with httpx2.AsyncClient(transport=transport) as web:
        assert "/sign-in/with/" not in (await web.get(town.url + "/zh/sign-in")).text
        for provider in (*PROVIDERS, "myspace"):
            answer = await web.get(f"{town.url}/zh/sign-in/with/{provider}")
            assert answer.status_code == 404


async def test_the_cookie_of_a_try_is_the_browsers_own_and_short(town: Town) -> None:
    left = await town.web.get(f"{town.url}/en/sign-in/with/qq")
    cookie = left.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "max-age=600" in cookie
    assert "domain" not in cookie
    assert left.headers["cache-control"] == "no-store"
