"""What operations cost is told and taken over HTTP, and asked too often is refused."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from keystall.graphql.http import installation_routes, shop_routes
from keystall.platform import bucket
from keystall.platform.queue import Queue
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from tests.factories import a_shop

UNREACHABLE = "redis://127.0.0.1:1/0"
SHOP = "{ shop { name } }"
FORTY = "{ products(first: 38) { nodes { id } } }"
Client = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


@pytest.fixture
def narrow(installation: Installation) -> Installation:
    """Buckets of a thousand points, of which one comes back a second."""
    changed = {"api_bucket": 1_000, "api_restore": 1}
    return replace(installation, settings=installation.settings.model_copy(update=changed))


@asynccontextmanager
async def asking(
    installation: Installation, shop: Shop, address: str = "192.0.2.1"
) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=shop_routes(installation))
    transport = httpx2.ASGITransport(app=app, client=(address, 1))
    base = installation.settings.shop_url(shop.slug)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


async def ask(client: httpx2.AsyncClient, query: str, **more: Any) -> httpx2.Response:
    return await client.post("/graphql/storefront", json={"query": query, **more})


async def test_an_answer_tells_what_it_cost(narrow: Installation, shop: Shop) -> None:
    async with asking(narrow, shop) as client:
        await ask(client, FORTY)
        answer = await ask(client, FORTY)
    assert answer.json()["extensions"] == {
        "cost": {
            "requested": 40,
            "limit": 1_000,
            "throttle": {
                "maximumAvailable": 1_000,
                "currentlyAvailable": 920,
                "restoreRate": 1,
            },
        }
    }
    assert answer.headers["ratelimit-policy"] == '"cost";q=1000;w=1000'
    assert answer.headers["ratelimit"] == '"cost";r=920;t=80'
    assert "retry-after" not in answer.headers
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"ratelimit", "ratelimit-policy", "retry-after"} <= set(exposed)


async def test_who_asks_too_much_waits(narrow: Installation, shop: Shop) -> None:
    async with asking(narrow, shop) as client:
        statuses = [(await ask(client, FORTY)).status_code for _ in range(25)]
        refused = await ask(client, FORTY)
        async with asking(narrow, shop, "192.0.2.2") as other:
            elsewhere = await ask(other, FORTY)
    assert statuses == [200] * 25
    assert refused.status_code == 429
    (error,) = refused.json()["errors"]
    assert "data" not in refused.json()
    assert error["extensions"]["code"] == "THROTTLED"
    assert error["extensions"]["retryAfter"] == int(refused.headers["retry-after"]) == 40
    assert refused.headers["ratelimit"].startswith('"cost";r=0;')
    assert elsewhere.status_code == 200


async def test_what_cannot_be_afforded_leaves_the_rest(narrow: Installation, shop: Shop) -> None:
    async with asking(narrow, shop) as client:
        await ask(client, "{ products(first: 500) { nodes { id } } }")
        refused = await ask(client, "{ products(first: 600) { nodes { id } } }")
        small = await ask(client, SHOP)
    assert refused.status_code == 429
    assert small.status_code == 200


async def test_requests_that_say_nothing_right_cost_too(narrow: Installation, shop: Shop) -> None:
    async with asking(narrow, shop) as client:
        statuses = [(await ask(client, "{ nothing }")).status_code for _ in range(100)]
        refused = await ask(client, "{ nothing }")
    assert statuses == [200] * 100
    assert refused.status_code == 429


async def test_whatever_is_refused_was_work(narrow: Installation, shop: Shop) -> None:
    long = " " * 200
    unknown = {"documentId": f"sha256:{'0' * 64}"}
    async with asking(narrow, shop) as client:
        left = []
        for answer in (
            await client.post("/graphql/storefront", json=unknown),
            await client.get(
                "/graphql/storefront",
                params={"query": "mutation { cartCreate(input: {}) { cart { id } } }" + long},
            ),
            await ask(client, "{ nothing }" + long),
            await ask(client, SHOP + long),
        ):
            left.append(int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]))
    # 10 for an unknown hash; 10 and a point for each 20 characters; a point for each 100 that run.
    assert left == [990, 968, 948, 945]


async def test_too_costly_is_told_with_the_cost(narrow: Installation, shop: Shop) -> None:
    async with asking(narrow, shop) as client:
        answer = await ask(
            client,
            "query ($n: Int) { products(first: $n) { nodes { variants { id } } } }",
            variables={"n": 300},
        )
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COSTLY"
    assert (error["extensions"]["cost"], error["extensions"]["limit"]) == (1_202, 1_000)


async def test_each_token_has_a_bucket_of_its_own(narrow: Installation, shop: Shop) -> None:
    tokens = [(await api_token_create(narrow, shop.id, name))[1] for name in ("One", "Two")]
    app = Starlette(routes=installation_routes(narrow))
    base = narrow.settings.public_url
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base) as client:
        left = []
        for token in (tokens[0], tokens[0], tokens[1]):
            answer = await client.post(
                "/graphql/admin",
                json={"query": FORTY},
                headers={"authorization": f"Bearer {token}"},
            )
            throttle = answer.json()["extensions"]["cost"]["throttle"]
            left.append(throttle["currentlyAvailable"])
    assert left == [960, 920, 960]


async def test_without_redis_answers_go_on(
    narrow: Installation, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_alone", bucket._Alone())
    async with Queue(UNREACHABLE) as away, asking(replace(narrow, queue=away), shop) as client:
        statuses = [(await ask(client, FORTY)).status_code for _ in range(26)]
    assert statuses == [200] * 25 + [429]
