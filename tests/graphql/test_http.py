"""The endpoints as programs meet them (GraphQL over HTTP)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from keystall.graphql.http import installation_routes, shop_routes
from keystall.platform.web.stack import middleware
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from tests.factories import a_shop

RESPONSE = "application/graphql-response+json"


@pytest.fixture(scope="module")
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


@pytest.fixture(scope="module")
async def storefront(installation: Installation, shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=Starlette(routes=shop_routes(installation)))
    base = installation.settings.shop_url(shop.slug)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


@pytest.fixture(scope="module")
async def platform(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=Starlette(routes=installation_routes(installation)))
    base = installation.settings.public_url
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


async def test_the_host_alone_decides_over_the_shop(
    storefront: httpx2.AsyncClient, shop: Shop
) -> None:
    asked = {"query": "{ shop { slug } }"}
    answer = await storefront.post("/graphql/storefront", json=asked)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["data"] == {"shop": {"slug": shop.slug}}
    elsewhere = await storefront.post(
        "/graphql/storefront", json=asked, headers={"host": "nobody.localhost:8000"}
    )
    assert elsewhere.status_code == 404


async def test_a_request_may_come_in_the_address(storefront: httpx2.AsyncClient) -> None:
    query = "query ($s: String!) { product(slug: $s) { id } }"
    answer = await storefront.get(
        "/graphql/storefront", params={"query": query, "variables": '{"s": "none"}'}
    )
    assert (answer.status_code, answer.json()["data"]) == (200, {"product": None})


async def test_a_mutation_never_comes_in_the_address(storefront: httpx2.AsyncClient) -> None:
    query = "mutation { cartCreate(input: {}) { cart { id } } }"
    answer = await storefront.get("/graphql/storefront", params={"query": query})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        (RESPONSE, 400, RESPONSE),
        (f"{RESPONSE}, application/json;q=0.9", 400, RESPONSE),
        ("application/json", 200, "application/json"),
        ("*/*", 200, "application/json"),
    ],
)
async def test_the_status_means_what_the_client_understands(
    storefront: httpx2.AsyncClient, accept: str, status: int, media_type: str
) -> None:
    for query in ("{", "{ nothing }", "query ($s: String!) { product(slug: $s) { id } }"):
        answer = await storefront.post(
            "/graphql/storefront", json={"query": query}, headers={"accept": accept}
        )
        assert answer.status_code == status
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert "data" not in answer.json()
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"query": 1}', "application/json", 400),
        (b'{"query": "{ shop { id } }", "variables": []}', "application/json", 400),
        (b'{"query": "{ shop { id } }", "operationName": 1}', "application/json", 400),
        (b'{"query": "{ shop { id } }"}', "text/plain", 415),
        (b'{"query": "{ shop { id } }"}', "application/json; charset=gbk", 415),
        (b'{"query": "' + b" " * 300_000 + b'{ shop { id } }"}', "application/json", 413),
    ],
)
async def test_what_is_no_request_is_refused(
    storefront: httpx2.AsyncClient, body: bytes, content_type: str, status: int
) -> None:
    answer = await storefront.post(
        "/graphql/storefront", content=body, headers={"content-type": content_type}
    )
    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_any_site_may_ask_a_shop_without_cookies(storefront: httpx2.AsyncClient) -> None:
    asked = {"query": "{ shop { status } }"}
    headers = {"origin": "https://elsewhere.example"}
    answer = await storefront.post("/graphql/storefront", json=asked, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    preflight = await storefront.options("/graphql/storefront", headers=headers)
    assert preflight.status_code == 204
    assert "content-type" in preflight.headers["access-control-allow-headers"]


async def test_the_admin_endpoint_takes_tokens_alone(
    platform: httpx2.AsyncClient, installation: Installation, shop: Shop
) -> None:
    _, secret = await api_token_create(installation, shop.id, "Test")
    statuses: dict[str, Any] = {}
    for bearer in ("", "Bearer", "Bearer ks_admin_nonsense", f"Basic {secret}", f"Bearer {secret}"):
        answer = await platform.post(
            "/graphql/admin",
            json={"query": "{ shop { slug } }"},
            headers={"authorization": bearer} if bearer else {},
        )
        statuses[bearer.replace(secret, "…")] = answer.status_code
    assert statuses == {
        "": 401,
        "Bearer": 401,
        "Bearer ks_admin_nonsense": 401,
        "Basic …": 401,
        "Bearer …": 200,
    }
    assert answer.json()["data"] == {"shop": {"slug": shop.slug}}
    assert "access-control-allow-origin" not in answer.headers


async def test_pasted_codes_may_be_larger_than_other_requests(
    installation: Installation, shop: Shop
) -> None:
    _, secret = await api_token_create(installation, shop.id, "Large")
    server = Starlette(
        routes=installation_routes(installation), middleware=middleware(installation.settings)
    )
    transport = httpx2.ASGITransport(app=server)
    base = installation.settings.public_url
    asked = {"query": "query ($m: String!) { shop { id } descriptionPreview(markdown: $m) }"}
    statuses = []
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        for megabytes in (2, 5):
            answer = await client.post(
                "/graphql/admin",
                json={**asked, "variables": {"m": "x" * (megabytes * 1024 * 1024)}},
                headers={"authorization": f"Bearer {secret}"},
            )
            statuses.append(answer.status_code)
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert statuses == [200, 413]


async def test_a_browser_gets_graphiql_from_here(platform: httpx2.AsyncClient) -> None:
    for surface in ("admin", "operator"):
        page = await platform.get(f"/graphql/{surface}", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "script-src 'self';" in page.headers["content-security-policy"]
        for part in page.text.split('"'):
            if part.startswith("/graphql/assets/"):
                assert (await platform.get(part)).status_code == 200
        assert "http://" not in page.text
        assert "https://" not in page.text
    assert (await platform.get("/graphql/assets/page.py")).status_code == 404
