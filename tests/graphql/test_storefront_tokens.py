"""Storefront tokens as the code of sites, servers and the console meet them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from keystall.graphql.http import installation_routes, shop_routes
from keystall.graphql.ids import encode
from keystall.graphql.storefront_tokens import Reason, Sent, refusal
from keystall.graphql.wording import worded
from keystall.platform import clock, database
from keystall.platform.statements import Single
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops import queries
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.queries import ApiTokenView
from keystall.tenants.shops.service import shop_update
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import (
    MAX_TOKENS,
    Terms,
    api_token_create,
    api_token_revoke,
    storefront_token_create,
)
from keystall.tenants.writing import writing
from tests.customers import signed_in
from tests.factories import a_shop, a_viewer
from tests.graphql.asking import ask, merchant

SITE, OTHER = "https://www.example.com", "https://evil.example"
SHOP = "{ shop { slug } }"
CREATE = """
  mutation ($name: String!, $origins: [String!]!, $days: Int) {
    storefrontTokenCreate(name: $name, origins: $origins, expiresInDays: $days) {
      apiToken { kind name hint scopes origins publicToken madeBy expiresAt }
      userErrors { path code message }
    }
  }"""

At = Callable[[Installation, Shop], AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture(scope="module")
async def owner(installation: Installation) -> Viewer:
    return await a_viewer(installation)


@pytest.fixture
async def shop(installation: Installation, owner: Viewer) -> Shop:
    return await a_shop(installation, owner)


@asynccontextmanager
async def at(
    installation: Installation, shop: Shop, address: str = "192.0.2.44"
) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=shop_routes(installation))
    transport = httpx2.ASGITransport(app=app, client=(address, 1))
    base = installation.settings.shop_url(shop.slug)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


@pytest.fixture
async def web(installation: Installation, shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    async with at(installation, shop) as client:
        yield client


async def a_token(
    installation: Installation, shop: Shop, *origins: str, terms: Terms | None = None
) -> ApiTokenView:
    sites = origins or (SITE,)
    return await storefront_token_create(installation, shop.id, "Site", sites, terms or Terms())


async def only_with_a_token(installation: Installation, shop: Shop) -> None:
    await shop_update(installation, shop.id, ShopChanges(token_only=True))


async def sent(
    web: httpx2.AsyncClient, token: str = "", origin: str = "", query: str = SHOP, **headers: str
) -> httpx2.Response:
    told = {"x-keystall-storefront-token": token, "origin": origin, **headers}
    headers = {name.replace("_", "-"): value for name, value in told.items() if value}
    return await web.post("/graphql/storefront", json={"query": query}, headers=headers)


def fault(answer: httpx2.Response) -> tuple[int, str, str]:
    error = answer.json()["errors"][0]["extensions"]
    assert "data" not in answer.json()
    return answer.status_code, error["code"], error["reason"]


NEEDED = (401, "UNAUTHENTICATED", "STOREFRONT_TOKEN_NEEDED")
UNKNOWN = (401, "UNAUTHENTICATED", "STOREFRONT_TOKEN_UNKNOWN")
ELSEWHERE = (403, "FORBIDDEN", "STOREFRONT_TOKEN_ORIGIN")


@pytest.mark.parametrize(
    ("token", "origin", "needed", "origins", "reason"),
    [
        ("", "", False, None, None),
        ("", OTHER, False, None, None),
        ("", "", True, None, Reason.NEEDED),
        ("", SITE, True, None, Reason.NEEDED),
        ("t", SITE, False, None, Reason.UNKNOWN),
        ("t", "", True, None, Reason.UNKNOWN),
        ("t", "", True, {SITE}, None),
        ("t", SITE, True, {SITE}, None),
        ("t", "https://lulu.example:8443", True, {SITE}, None),
        ("t", "https://lulu.example", True, {SITE}, Reason.ORIGIN),
        ("t", OTHER, False, {SITE}, Reason.ORIGIN),
        ("t", "http://www.example.com", False, {SITE}, Reason.ORIGIN),
        ("t", f"{SITE}:8443", False, {SITE}, Reason.ORIGIN),
        ("t", f"{SITE}.evil.example", False, {SITE}, Reason.ORIGIN),
        ("t", "null", False, {SITE}, Reason.ORIGIN),
        ("t", "http://[", False, {SITE}, Reason.ORIGIN),
    ],
)
def test_a_request_is_refused_for_one_reason_or_none(
    token: str, origin: str, needed: bool, origins: set[str] | None, reason: Reason | None
) -> None:
    sent = Sent(token, origin, "lulu.example:8443")
    known = None if origins is None else frozenset(origins)
    assert refusal(sent, needed=needed, origins=known) is reason


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_worded_in_both_languages(reason: Reason) -> None:
    assert worded(reason, "en") != worded(reason, "zh-CN")


async def test_without_a_token_a_shop_answers_every_site_until_it_asks_for_one(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    before = await sent(web, origin=OTHER)
    assert before.json()["data"] == {"shop": {"slug": shop.slug}}
    assert before.headers["access-control-allow-origin"] == "*"

    await only_with_a_token(installation, shop)
    after = await sent(web, origin=OTHER)
    assert fault(after) == NEEDED
    assert after.headers["access-control-allow-origin"] == "*"
    assert after.json()["errors"][0]["message"] == worded("STOREFRONT_TOKEN_NEEDED", "en")
    chinese = await sent(web, x_keystall_locale="zh-CN", query="{ nothing }")
    assert fault(chinese) == NEEDED
    by_get = await web.get("/graphql/storefront", params={"query": SHOP})
    assert fault(by_get) == NEEDED
    assert (by_get.headers["cache-control"], "etag" in by_get.headers) == ("no-store", False)
    _, secret = await signed_in(installation, shop, "reader@keystall.test")
    assert fault(await sent(web, authorization=f"Bearer {secret}")) == NEEDED

    await shop_update(installation, shop.id, ShopChanges(token_only=False))
    assert (await sent(web)).status_code == 200


async def test_with_a_token_its_origins_alone_may_ask_and_read(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    token = await a_token(installation, shop, SITE, "http://localhost:5173")
    for needed in (False, True):
        await shop_update(installation, shop.id, ShopChanges(token_only=needed))
        for origin in (SITE, "http://localhost:5173"):
            answer = await sent(web, token.public_text, origin)
            assert answer.json()["data"] == {"shop": {"slug": shop.slug}}
            assert answer.headers["access-control-allow-origin"] == origin
            assert {"origin", "x-keystall-storefront-token"} <= set(
                answer.headers["vary"].split(", ")
            )
            assert "ratelimit" in answer.headers["access-control-expose-headers"]
            assert answer.headers["ratelimit"].startswith('"cost";')
        for origin in (OTHER, "null", f"{SITE}:8443"):
            answer = await sent(web, token.public_text, origin)
            assert fault(answer) == ELSEWHERE
            assert "access-control-allow-origin" not in answer.headers
        server = await sent(web, token.public_text)
        assert server.status_code == 200
        assert "access-control-allow-origin" not in server.headers
        own = installation.settings.shop_url(shop.slug).rstrip("/")
        graphiql = await sent(web, token.public_text, own)
        assert graphiql.status_code == 200


async def test_a_token_that_opens_nothing_here_is_refused_and_every_site_may_read_why(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient, owner: Viewer
) -> None:
    live = await a_token(installation, shop)
    revoked = await a_token(installation, shop)
    await api_token_revoke(installation, shop.id, revoked.id)
    ended = await a_token(installation, shop, terms=Terms(days=1))
    async with writing(installation, shop.id) as tx:
        await tx.execute("update api_tokens set expires_at = now() where id = $1", ended.id)
    foreign = await a_token(installation, await a_shop(installation, owner))
    _, admin = await api_token_create(installation, shop.id, "Robot")
    for needed in (False, True):
        await shop_update(installation, shop.id, ShopChanges(token_only=needed))
        for text in (
            revoked.public_text, ended.public_text, foreign.public_text, admin, "ks_public_",
            live.public_text[:-1], "ÿ" * 40,
        ):  # fmt: skip
            answer = await web.post(
                "/graphql/storefront",
                json={"query": SHOP},
                headers=[(b"x-keystall-storefront-token", text.encode()), (b"origin", b"null")],
            )
            assert fault(answer) == UNKNOWN, text
            assert answer.headers["access-control-allow-origin"] == "*"


async def test_what_is_refused_did_not_run(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    token = await a_token(installation, shop)
    start = "mutation { cartCreate(input: { lines: [] }) { cart { id } } }"
    assert fault(await sent(web, token.public_text, OTHER, start)) == ELSEWHERE
    assert fault(await sent(web, "ks_public_none", SITE, start)) == UNKNOWN
    await only_with_a_token(installation, shop)
    assert fault(await sent(web, "", SITE, start)) == NEEDED
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select count(*) from carts where shop_id = $1", shop.id) == 0
    assert (await sent(web, token.public_text, SITE, start)).json()["data"]["cartCreate"]["cart"]


async def test_a_preflight_is_the_same_whoever_asks_whatever_shop(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    await a_token(installation, shop)
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-keystall-storefront-token",
    }
    answers = []
    for needed in (False, True):
        await shop_update(installation, shop.id, ShopChanges(token_only=needed))
        for origin in (SITE, OTHER):
            for host in ({}, {"host": "nobody.localhost:8000"}):
                answer = await web.options(
                    "/graphql/storefront", headers={**asked, **host, "origin": origin}
                )
                answers.append((answer.status_code, dict(answer.headers), answer.content))
    assert all(one == answers[0] for one in answers)
    status, headers, body = answers[0]
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == "*"
    assert "x-keystall-storefront-token" in headers["access-control-allow-headers"].split(", ")


async def test_a_site_s_browser_keeps_its_answer_and_nobody_between_does(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    token = await a_token(installation, shop)
    headers = {"x-keystall-storefront-token": token.public_text, "origin": SITE}
    first = await web.get("/graphql/storefront", params={"query": SHOP}, headers=headers)
    assert first.headers["cache-control"] == "private, no-cache"
    held = {**headers, "if-none-match": first.headers["etag"]}
    again = await web.get("/graphql/storefront", params={"query": SHOP}, headers=held)
    for answer in (first, again):
        assert answer.headers["access-control-allow-origin"] == SITE
        assert "origin" in answer.headers["vary"].split(", ")
    assert (again.status_code, again.content) == (304, b"")


async def test_the_shop_and_the_token_come_in_one_round_trip_and_without_a_token_as_before(
    installation: Installation,
    shop: Shop,
    web: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = await a_token(installation, shop)
    statements: list[str] = []
    row = Single.row

    async def counted(self: Any, sql: str, *args: object) -> Any:
        statements.append(sql)
        return await row(self, sql, *args)

    monkeypatch.setattr(Single, "row", counted)
    await sent(web, query="{ __typename }")
    assert statements == ["select * from host_shop($1)"]
    statements.clear()
    await sent(web, token.public_text, SITE, "{ __typename }")
    assert len([one for one in statements if "host_shop_token" in one]) == len(statements) == 1


async def test_visitors_of_a_site_do_not_empty_one_another_s_bucket_nor_gain_by_tokens(
    installation: Installation, shop: Shop
) -> None:
    changed = {"api_bucket": 1_000, "api_restore": 1}
    narrow = replace(installation, settings=installation.settings.model_copy(update=changed))
    first, second = await a_token(narrow, shop), await a_token(narrow, shop)
    dear = "{ products(first: 98) { nodes { images { url } } } }"
    async with at(narrow, shop, "192.0.2.50") as greedy, at(narrow, shop, "192.0.2.51") as other:
        answers = [await sent(greedy, first.public_text, SITE, dear) for _ in range(4)]
        assert answers[-1].status_code == 429
        assert answers[-1].headers["access-control-allow-origin"] == SITE
        assert "retry-after" in answers[-1].headers
        assert (await sent(greedy, second.public_text, SITE, dear)).status_code == 429
        assert (await sent(greedy, "", SITE, dear)).status_code == 429
        assert (await sent(other, first.public_text, SITE, dear)).status_code == 200


async def test_its_use_is_counted_and_no_visitor_s_address_kept(
    installation: Installation, shop: Shop, owner: Viewer, web: httpx2.AsyncClient
) -> None:
    token = await a_token(installation, shop)
    await sent(web, token.public_text, SITE)
    await sent(web, token.public_text)
    await sent(web, token.public_text, SITE, "{ nothing }")
    await sent(web, token.public_text, OTHER)
    await sent(web, "", SITE)
    await installation.token_uses.write_down()
    found = await ask(
        "admin", merchant(installation, shop, owner),
        "query ($id: ID!) { apiToken(id: $id) {"
        " kind lastAddress usage { requests refused cost byDay { requests } } } }",
        id=encode("ApiToken", token.id),
    )  # fmt: skip
    days = found["apiToken"]["usage"].pop("byDay")
    assert found["apiToken"] == {
        "kind": "STOREFRONT",
        "lastAddress": "",
        "usage": {"requests": 4, "refused": 2, "cost": 2},
    }
    assert days[-1] == {"requests": 4}
    async with database.transaction(shop.id) as tx:
        (seen,) = await queries.api_tokens(tx, shop.id)
    assert seen.last_used_at is not None


async def test_a_public_token_opens_no_program_s_door(
    installation: Installation, shop: Shop
) -> None:
    token = await a_token(installation, shop)
    transport = httpx2.ASGITransport(app=Starlette(routes=installation_routes(installation)))
    base = installation.settings.public_url
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        answer = await client.post(
            "/graphql/admin",
            json={"query": "{ shop { id } }"},
            headers={"authorization": f"Bearer {token.public_text}"},
        )
    assert answer.status_code == 401
    assert await queries.shop_by_token(database.single(), token.public_text) is None


async def test_the_console_makes_one_and_shows_it_again_and_revokes_it(
    installation: Installation, shop: Shop, owner: Viewer, web: httpx2.AsyncClient
) -> None:
    made = await ask(
        "admin", merchant(installation, shop, owner), CREATE,
        name=" Front ", origins=["HTTPS://www.Example.com/", SITE], days=7,
    )  # fmt: skip
    token = made["storefrontTokenCreate"]["apiToken"]
    expires = token.pop("expiresAt")
    assert expires[:10] == (clock.now() + timedelta(days=7)).date().isoformat()
    public = token["publicToken"]
    assert public.startswith("ks_public_")
    assert len(public) == len("ks_public_") + 43
    assert token == {
        "kind": "STOREFRONT",
        "name": "Front",
        "hint": public[:14],
        "scopes": [],
        "origins": [SITE],
        "publicToken": public,
        "madeBy": owner.email,
    }
    await api_token_create(installation, shop.id, "Robot")
    listed = await ask(
        "admin", merchant(installation, shop, owner),
        "{ apiTokens { id kind name origins publicToken } }",
    )  # fmt: skip
    robot, front = listed["apiTokens"]
    assert (robot["kind"], robot["origins"], robot["publicToken"]) == ("ADMIN", [], None)
    assert (front["kind"], front["publicToken"]) == ("STOREFRONT", public)
    assert (await sent(web, public, SITE)).status_code == 200
    await ask(
        "admin", merchant(installation, shop, owner),
        "mutation ($id: ID!) { apiTokenRevoke(id: $id) { revokedId } }", id=front["id"],
    )  # fmt: skip
    assert fault(await sent(web, public, SITE)) == UNKNOWN


async def test_the_log_tells_its_sites_and_the_shop_s_switch_and_not_the_token(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    await ask(
        "admin", merchant(installation, shop, owner), CREATE,
        name="Front", origins=[SITE, "http://localhost:5173"],
    )  # fmt: skip
    await ask(
        "admin", merchant(installation, shop, owner),
        "mutation { shopUpdate(input: {tokenOnly: true}) { shop { tokenOnly } } }",
    )  # fmt: skip
    found = await ask(
        "admin", merchant(installation, shop, owner),
        "{ activity(first: 2) { nodes { message label"
        " changes { fields { key name became { text } } } } } }",
    )  # fmt: skip
    switched, made = found["activity"]["nodes"]
    assert (made["message"], made["label"]) == ("Made a storefront token", "Front")
    told = {one["key"]: one for one in made["changes"][0]["fields"]}
    assert told.keys() == {"name", "scopes", "origins"}
    assert told["origins"]["name"] == "sites"
    assert [line["text"] for line in told["origins"]["became"]] == [SITE, "http://localhost:5173"]
    assert told["scopes"]["became"] == []
    assert "ks_public_" not in str(found)
    assert switched["changes"][0]["fields"] == [
        {
            "key": "token_only",
            "name": "API answers with a storefront token only",
            "became": [{"text": "yes"}],
        }
    ]


async def test_what_makes_no_sense_makes_no_token(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    refused = await ask(
        "admin", merchant(installation, shop, owner), CREATE,
        name="", origins=[SITE, "https://*.example.com", "http://example.com"], days=0,
    )  # fmt: skip
    assert refused["storefrontTokenCreate"]["apiToken"] is None
    told = [(one["path"], one["code"]) for one in refused["storefrontTokenCreate"]["userErrors"]]
    assert told == [
        (["name"], "REQUIRED"),
        (["origins", "1"], "ORIGIN_INVALID"),
        (["origins", "2"], "ORIGIN_INSECURE"),
        (["expiresInDays"], "OUT_OF_RANGE"),
    ]
    async with database.transaction(shop.id) as tx:
        assert await queries.api_tokens(tx, shop.id) == []


async def test_each_kind_has_its_own_limit(installation: Installation, shop: Shop) -> None:
    for _ in range(MAX_TOKENS):
        await a_token(installation, shop)
    with pytest.raises(Refused) as refused:
        await a_token(installation, shop)
    assert [one.code for one in refused.value.errors] == ["LIMIT_REACHED"]
    await api_token_create(installation, shop.id, "Robot")
