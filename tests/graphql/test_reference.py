"""The reference: whole, linked, escaped, and its examples run."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from graphql import (
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    is_introspection_type,
    parse,
    visit,
)
from graphql.execution.values import get_variable_values
from starlette.applications import Starlette

from keystall.graphql.costs.metering import MAX_COST
from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.http import installation_routes, shop_routes
from keystall.graphql.ids import decode
from keystall.graphql.reference import site
from keystall.graphql.reference.facts import Operation, facts
from keystall.graphql.reference.routes import Reference
from keystall.platform.web.stack import middleware
from keystall.tenants.identity.service import Visitor as Browser
from keystall.tenants.identity.service import sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create
from tests.factories import PASSWORD, a_product, a_shop, a_viewer

SURFACES: list[Surface] = list(SCHEMAS)
each_schema = pytest.mark.parametrize("surface", SURFACES)
HERE = "https://moon.example.test"


def operations(surface: Surface) -> Iterator[Operation]:
    for all_of in facts(surface).operations.values():
        yield from all_of.values()


def ids_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from ids_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from ids_in(inner)
    elif isinstance(value, str) and decode(value)[0]:
        yield value


@each_schema
def test_every_example_is_valid_with_its_variables_and_may_be_asked(surface: Surface) -> None:
    schema = SCHEMAS[surface]
    wrong: dict[str, Any] = {}
    for operation in operations(surface):
        read = schema.documents.read(operation.example.document)
        asked = read.operation(None)
        values = get_variable_values(
            schema._schema, asked.variable_definitions or (), dict(operation.example.variables)
        )
        if read.faults or isinstance(values, list):
            wrong[operation.name] = read.faults or values
        elif read.cost(asked, operation.example.variables) != operation.cost:
            wrong[operation.name] = operation.cost
        assert operation.cost <= MAX_COST
    assert wrong == {}


@each_schema
def test_examples_hold_well_formed_ids_of_types_there_are(surface: Surface) -> None:
    known = {name for schema in SCHEMAS.values() for name in schema._schema.type_map}
    kinds = {
        operation.name: decode(one)[0]
        for operation in operations(surface)
        for one in ids_in(operation.example.variables)
    }
    assert len(kinds) > 5
    assert set(kinds.values()) - known == set()
    expected = {
        "storefront": {"orderCodeReport": "Code", "cartLinesRemove": "CartLine", "node": "Product"},
        "admin": {"orderRefund": "Order", "webhookTest": "Webhook", "refundRetry": "Refund"},
        "operator": {"listingStop": "Product", "failedWorkDrop": "FailedWork"},
    }[surface]
    assert expected.items() - kinds.items() == set()


class _Fields(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.seen: set[str] = set()

    def enter_field(self, node: Any, *_: Any) -> None:
        parent = self.info.get_parent_type()
        assert parent is not None
        self.seen.add(f"{parent.name}.{node.name.value}")


def test_no_example_of_a_storefront_shows_a_code() -> None:
    seen: set[str] = set()
    for operation in operations("storefront"):
        info = TypeInfo(SCHEMAS["storefront"]._schema)
        fields = _Fields(info)
        visit(parse(operation.example.document), TypeInfoVisitor(info, fields))
        seen |= fields.seen
    shown = {"OrderLine.codes", "Code.masked", "Code.secret"}
    codes = SCHEMAS["storefront"]._schema.type_map["Code"]
    assert "secret" in getattr(codes, "fields", {})
    assert seen & shown == {"OrderLine.codes", "Code.masked"}


@each_schema
def test_every_query_mutation_and_type_has_a_page(surface: Surface) -> None:
    built = SCHEMAS[surface]._schema
    assert built.query_type is not None
    assert built.mutation_type is not None
    expected = {"", "errors"}
    expected |= {f"query/{name}" for name in built.query_type.fields}
    expected |= {f"mutation/{name}" for name in built.mutation_type.fields}
    followed = built.subscription_type.fields if built.subscription_type else {}
    expected |= {f"subscription/{name}" for name in followed}
    expected |= {
        f"type/{name}" for name, kind in built.type_map.items()
        if name not in ("Query", "Mutation", "Subscription") and not is_introspection_type(kind)
    }  # fmt: skip
    assert site.paths(surface) == expected
    assert site.page(surface, "type/Query", HERE) is None


@each_schema
def test_every_link_of_the_reference_leads_somewhere(surface: Surface) -> None:
    pages = {path: str(site.page(surface, path, HERE)) for path in site.paths(surface)}
    anchors = {path: set(re.findall(r' id="([^"]+)"', text)) for path, text in pages.items()}
    own = f"{site.BASE}/{surface}/"
    broken: set[str] = set()
    for path, text in pages.items():
        assert "<script" not in text
        for link in map(unescape, re.findall(r'href="([^"]+)"', text)):
            target, _, anchor = link.partition("#")
            if link.startswith("#"):
                target = own + path
            if target in (f"{site.BASE}/", f"{site.BASE}/reference.css", f"/graphql/{surface}"):
                continue
            to = target.removeprefix(own)
            if not target.startswith(own) or (anchor and anchor not in anchors.get(to, ())):
                broken.add(link)
            broken |= {link} if to not in pages else set()
    assert broken == set()


def test_a_page_says_what_it_takes_costs_answers_and_who_uses_it() -> None:
    listed = str(site.page("storefront", "query/products", HERE))
    assert "may be kept: ask by GET" in listed
    assert f"curl {HERE}/graphql/storefront" in listed
    assert "= <code>FEATURED</code>" in listed
    begun = str(site.page("storefront", "mutation/cartCreate", HERE))
    assert "may be kept" not in begun
    assert '<code class="name">SOLD_OUT</code>' in begun
    assert f'href="{site.BASE}/storefront/type/CartCreateInput"' in begun
    taken = str(site.page("storefront", "type/CartCreateInput", HERE))
    assert f'href="{site.BASE}/storefront/mutation/cartCreate"' in taken
    refund = str(site.page("admin", "mutation/orderRefund", HERE))
    assert "The permission MONEY: owner, manager, API tokens with this scope." in refund
    invite = str(site.page("admin", "mutation/memberInvite", HERE))
    assert "The permission STAFF: owner." in invite
    followed = str(site.page("admin", "subscription/jobChanged", HERE))
    assert "The permission STOCK: owner, manager, API tokens with this scope." in followed
    assert "points, for each answer." in followed
    assert f"curl -N {HERE}/graphql/admin" in followed
    assert "-H &#39;accept: text/event-stream&#39;" in followed
    assert "Subscriptions" not in str(site.page("operator", "", HERE))


def test_trying_an_example_hands_its_document_and_variables_to_graphiql() -> None:
    operation = facts("storefront").operations["query"]["product"]
    told = urlsplit(operation.try_it)
    assert told.path == "/graphql/storefront"
    handed = parse_qs(told.fragment)
    assert handed["query"] == [operation.example.document]
    assert json.loads(handed["variables"][0]) == {"slug": "inkwell"}


def test_what_is_told_is_escaped() -> None:
    assert site._told("a <b> & `<i>`, `c`") == (
        "a &lt;b&gt; &amp; <code>&lt;i&gt;</code>, <code>c</code>"
    )
    assert site._told("one ` alone <b>") == "one ` alone &lt;b&gt;"
    listed = str(site.page("storefront", "query/shop", "https://x.test/'\"><script>"))
    assert "<script" not in listed


@pytest.fixture(scope="module")
async def shop(installation: Installation) -> Shop:
    shop = await a_shop(installation)
    await a_product(installation, shop)
    return shop


@pytest.fixture(scope="module")
async def reference(installation: Installation) -> Reference:
    return Reference(installation, lambda request: request.cookies.get("session"))


@pytest.fixture(scope="module")
async def storefront(
    installation: Installation, reference: Reference, shop: Shop
) -> AsyncIterator[httpx2.AsyncClient]:
    routes = [*reference.shop_routes(), *shop_routes(installation)]
    transport = httpx2.ASGITransport(app=Starlette(routes=routes))
    base = installation.settings.shop_url(shop.slug)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


@pytest.fixture(scope="module")
async def platform(
    installation: Installation, reference: Reference
) -> AsyncIterator[httpx2.AsyncClient]:
    routes = [*reference.installation_routes(), *installation_routes(installation)]
    app = Starlette(routes=routes, middleware=middleware(installation.settings))
    transport = httpx2.ASGITransport(app=app)
    base = installation.settings.public_url
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


def asked(operation: Operation) -> dict[str, Any]:
    return {"query": operation.example.document, "variables": operation.example.variables}


async def test_every_query_of_the_storefront_is_answered_as_its_example_asks(
    storefront: httpx2.AsyncClient,
) -> None:
    faults: dict[str, Any] = {}
    for operation in facts("storefront").operations["query"].values():
        answer = (await storefront.post("/graphql/storefront", json=asked(operation))).json()
        if "errors" in answer or operation.name not in answer["data"]:
            faults[operation.name] = answer
        assert answer["extensions"]["cost"]["requested"] == operation.cost
    assert faults == {}


async def test_a_token_is_answered_every_query_that_the_reference_says_it_may_ask(
    platform: httpx2.AsyncClient, installation: Installation, shop: Shop
) -> None:
    _, secret = await api_token_create(installation, shop.id, "Reader")
    bearer = {"authorization": f"Bearer {secret}"}
    faults: dict[str, Any] = {}
    tried = 0
    for operation in facts("admin").operations["query"].values():
        if "API tokens with this scope" not in operation.asked_by:
            continue
        tried += 1
        answer = await platform.post("/graphql/admin", json=asked(operation), headers=bearer)
        if "errors" in answer.json():
            faults[operation.name] = answer.json()
    assert tried > 15
    assert faults == {}


async def test_anyone_reads_the_storefronts_reference_at_a_shop(
    storefront: httpx2.AsyncClient, shop: Shop, installation: Installation
) -> None:
    entered = await storefront.get(f"{site.BASE}/")
    assert (entered.status_code, entered.headers["location"]) == (
        303, f"{site.BASE}/storefront/"
    )  # fmt: skip
    page = await storefront.get(f"{site.BASE}/storefront/query/shop")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert f"curl {installation.settings.shop_url(shop.slug)}/graphql/storefront" in page.text
    statuses = [
        (await storefront.get(f"{site.BASE}/{path}", headers=headers)).status_code
        for path, headers in (
            ("reference.css", {}),
            ("storefront/query/nothing", {}),
            ("admin/", {}),
            ("storefront/", {"host": "nobody.localhost:8000"}),
        )
    ]
    assert statuses == [200, 404, 404, 404]


async def test_the_other_references_are_for_those_who_may_introspect(
    platform: httpx2.AsyncClient, installation: Installation, shop: Shop
) -> None:
    _, token = await api_token_create(installation, shop.id, "Reader")
    merchant, operator = [
        (await sign_in(installation, person.email, PASSWORD, visitor=Browser())).secret
        for person in (
            await a_viewer(installation), await a_viewer(installation, operator=True)
        )
    ]  # fmt: skip
    statuses: dict[str, tuple[int, int]] = {}
    for who, headers in {
        "nobody": {},
        "a token": {"authorization": f"Bearer {token}"},
        "a made-up token": {"authorization": "Bearer ks_admin_nonsense"},
        "a merchant": {"cookie": f"session={merchant}"},
        "an operator": {"cookie": f"session={operator}"},
        "an operator's program": {"authorization": f"Bearer {operator}"},
    }.items():
        admin = await platform.get(f"{site.BASE}/admin/", headers=headers)
        desk = await platform.get(f"{site.BASE}/operator/query/shops", headers=headers)
        statuses[who] = (admin.status_code, desk.status_code)
    assert statuses == {
        "nobody": (303, 303),
        "a token": (200, 303),
        "a made-up token": (401, 303),
        "a merchant": (200, 403),
        "an operator": (200, 200),
        "an operator's program": (401, 200),
    }
    sent = await platform.get(f"{site.BASE}/admin/mutation/shopClose")
    assert sent.headers["location"] == (
        "/sign-in?to=%2Fgraphql%2Freference%2Fadmin%2Fmutation%2FshopClose"
    )
    assert (await platform.get(f"{site.BASE}/")).status_code == 200
    assert (await platform.get(f"{site.BASE}/storefront/")).status_code == 404
