"""Reads by GET: what everyone may see can be kept by caches, and is asked after by its tag."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type
from starlette.applications import Starlette

from keystall.graphql.http import shop_routes
from keystall.graphql.public import public_roots
from keystall.graphql.storefront.schema import schema
from keystall.tenants.installation import Installation
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_update
from keystall.tenants.shops.shop import Shop
from tests.customers import signed_in
from tests.factories import a_shop

SHOP = "{ shop { name contact } }"


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


@pytest.fixture
async def web(installation: Installation, shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=shop_routes(installation))
    base = installation.settings.shop_url(shop.slug)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


async def get(web: httpx2.AsyncClient, query: str = SHOP, **headers: str) -> httpx2.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await web.get("/graphql/storefront", params={"query": query}, headers=sent)


async def test_an_answer_for_everyone_has_a_tag(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    first = await get(web)
    tag = first.headers["etag"]
    again = await get(web, if_none_match=tag)
    weakly = await get(web, if_none_match=f'"other", W/{tag}')
    whatever = await get(web, if_none_match="*")
    other = await get(web, if_none_match='"other"')
    await shop_update(installation, shop.id, ShopChanges(contact="new@keystall.test"))
    changed = await get(web, if_none_match=tag)

    assert first.json() == {"data": {"shop": {"name": shop.name, "contact": ""}}}
    assert first.headers["cache-control"] == "public, no-cache"
    assert set(first.headers["vary"].split(", ")) == {
        "accept", "authorization", "accept-language", "x-keystall-locale", "x-keystall-currency",
        "x-keystall-storefront-token",
    }  # fmt: skip
    assert "etag" in first.headers["access-control-expose-headers"]
    for answer in (again, weakly, whatever):
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == "public, no-cache"
        assert answer.headers["ratelimit"].startswith('"cost";')
    assert other.status_code == 200
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert changed.json()["data"]["shop"]["contact"] == "new@keystall.test"


async def test_every_representation_has_its_own_tag(web: httpx2.AsyncClient) -> None:
    tags = {
        (await get(web)).headers["etag"],
        (await get(web, accept="application/graphql-response+json")).headers["etag"],
        (await get(web, "{ shop { name } }")).headers["etag"],
    }
    assert len(tags) == 3


@pytest.mark.parametrize(
    "query",
    [
        '{ cart(id: "a") { id } }',
        '{ order(token: "a") { number } }',
        "{ customer { email } }",
        '{ node(id: "a") { id } }',
        "{ shop { name } ...F } fragment F on Query { customer { email } }",
        "{ shop { name } ... { ... on Query { customer { email } } } }",
        "query ($w: Boolean = false) { shop { name } customer @include(if: $w) { email } }",
        "{ nothing }",
        "{ __schema { queryType { name } } }",
    ],
)
async def test_what_is_somebodys_or_wrong_is_kept_by_nobody(
    web: httpx2.AsyncClient, query: str
) -> None:
    answer = await get(web, query)
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_who_signs_in_is_answered_alone(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    _, secret = await signed_in(installation, shop, "reader@keystall.test")
    answer = await get(web, authorization=f"Bearer {secret}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_what_is_posted_is_kept_by_nobody(web: httpx2.AsyncClient) -> None:
    answer = await web.post("/graphql/storefront", json={"query": SHOP})
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_head_tells_the_same_as_get(web: httpx2.AsyncClient) -> None:
    head = await web.head("/graphql/storefront", params={"query": SHOP})
    assert head.status_code == 200
    assert head.headers["etag"] == (await get(web)).headers["etag"]


def test_nothing_of_a_buyers_is_reached_from_the_catalogue() -> None:
    """Whatever field somebody adds: no way leads from public roots to a cart, order or customer."""
    root = schema._schema.query_type
    assert root is not None
    reached: set[str] = set()
    waiting = [get_named_type(root.fields[name].type) for name in public_roots(schema._schema)]
    while waiting:
        kind = waiting.pop()
        if kind.name in reached or not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            continue
        reached.add(kind.name)
        waiting += [get_named_type(field.type) for field in kind.fields.values()]
    assert {"Shop", "Product", "Variant", "Category"} <= reached
    assert not reached & {"Cart", "Order", "OrderSummary", "Customer", "CustomerLink", "Code"}
