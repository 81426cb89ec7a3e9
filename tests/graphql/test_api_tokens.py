"""API tokens as programs and the console meet them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from graphql import build_schema
from starlette.applications import Starlette

from keystall.graphql.admin.api_tokens import ApiTokenScope
from keystall.graphql.deprecations import has_deprecated
from keystall.graphql.documents import Documents
from keystall.graphql.executor import SCHEMAS, execute
from keystall.graphql.http import installation_routes
from keystall.graphql.ids import encode
from keystall.platform import clock
from keystall.platform.statements import Single
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import Terms, api_token_create
from keystall.tenants.staff.roles import PROGRAM, Permission
from keystall.tenants.writing import writing
from tests.factories import a_shop, a_viewer
from tests.graphql.asking import CountingReader, ask, merchant

ASKED = {
    Permission.OVERVIEW: "{ products { nodes { id } } }",
    Permission.ORDERS: "{ orders { nodes { id } } }",
    Permission.SETTINGS: "{ trustedDocuments { __typename } }",
    Permission.ACTIVITY: "{ activity { nodes { __typename } } }",
    Permission.WEBHOOKS: "{ webhooks { __typename } }",
    Permission.CLOSING: "mutation { shopClose { shop { id } } }",
    Permission.STOCK: "mutation { codesDelete(ids: []) { deletedIds } }",
    Permission.MONEY: 'mutation { orderCancel(id: "x") { order { id } } }',
    Permission.CATALOG: 'mutation { productArchive(id: "x") { product { id } } }',
}
CREATE = """
  mutation ($name: String!, $scopes: [ApiTokenScope!]!, $days: Int, $at: DateTime) {
    apiTokenCreate(name: $name, scopes: $scopes, expiresInDays: $days, expiresAt: $at) {
      apiToken { name scopes expiresAt madeBy makerLeft lastUsedAt lastAddress }
      userErrors { path code message }
    }
  }"""


@pytest.fixture(scope="module")
async def owner(installation: Installation) -> Viewer:
    return await a_viewer(installation)


@pytest.fixture(scope="module")
async def shop(installation: Installation, owner: Viewer) -> Shop:
    return await a_shop(installation, owner)


@pytest.fixture(scope="module")
async def client(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=installation_routes(installation))
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 1))
    base = installation.settings.public_url
    async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
        yield client


async def asked(client: httpx2.AsyncClient, secret: str, query: str) -> dict[str, Any]:
    answer = await client.post(
        "/graphql/admin", json={"query": query}, headers={"authorization": f"Bearer {secret}"}
    )
    told: dict[str, Any] = answer.json()
    return told


def forbidden(answer: dict[str, Any]) -> list[list[str]]:
    return [
        one["extensions"]["missing"]
        for one in answer.get("errors", ())
        if one["extensions"]["code"] == "FORBIDDEN"
    ]


def test_the_scopes_are_all_that_a_token_may_do() -> None:
    assert {one.value for one in ApiTokenScope} == set(PROGRAM) == set(ASKED)
    assert {one.name.lower() for one in ApiTokenScope} == set(PROGRAM)


async def test_each_scope_opens_its_own_and_the_refusal_names_what_is_missing(
    installation: Installation, shop: Shop, client: httpx2.AsyncClient
) -> None:
    for scope in sorted(PROGRAM):
        terms = Terms(scopes=frozenset({scope}))
        made, secret = await api_token_create(installation, shop.id, scope, terms)
        for wanted, query in ASKED.items():
            if wanted == Permission.CLOSING == scope:
                continue
            answer = await asked(client, secret, query)
            missing = [] if wanted in made.scopes else [[wanted.name]]
            assert "data" in answer, (wanted, answer)
            assert forbidden(answer) == missing, (scope, wanted, answer)


async def test_a_moment_without_an_offset_is_no_moment(
    installation: Installation, owner: Viewer
) -> None:
    shop = await a_shop(installation, owner)
    for moment in ("2027-01-31T10:00:00", "tomorrow", 5, "2027-02-31T10:00:00Z"):
        context = merchant(installation, shop, owner)
        given = {"name": "Robot", "scopes": ["STOCK"], "at": moment}
        answer = await execute("admin", CREATE, None, given, context)
        assert [one["extensions"]["code"] for one in answer.errors] == ["BAD_USER_INPUT"], moment
        await context.reader.finish()
    listed = await ask("admin", merchant(installation, shop, owner), "{ apiTokens { name } }")
    assert listed == {"apiTokens": []}


async def test_nothing_makes_a_token_of_people_s_own(
    installation: Installation, shop: Shop, client: httpx2.AsyncClient
) -> None:
    _, secret = await api_token_create(installation, shop.id, "All")
    answer = await asked(client, secret, "{ apiTokens { id } }")
    assert forbidden(answer) == [["TOKENS"]]
    assert answer["errors"][0]["message"] == ("An API token does not allow this: it takes TOKENS.")
    narrow = Terms(scopes=frozenset({Permission.ORDERS}))
    _, secret = await api_token_create(installation, shop.id, "Orders", narrow)
    answer = await asked(client, secret, "{ products { nodes { id } } }")
    assert answer["errors"][0]["message"] == (
        "The scope of this API token does not allow this: it takes OVERVIEW."
    )


async def test_the_console_makes_a_token_with_scopes_and_an_end(
    installation: Installation, owner: Viewer
) -> None:
    shop = await a_shop(installation, owner)
    console = merchant(installation, shop, owner)
    made = await ask(
        "admin", console, CREATE, name="Robot", scopes=["MONEY", "STOCK"],
        at="2027-01-31T10:00:00+08:00", days=7,
    )  # fmt: skip
    assert made["apiTokenCreate"]["apiToken"] == {
        "name": "Robot",
        "scopes": ["OVERVIEW", "ORDERS", "MONEY", "STOCK"],
        "expiresAt": "2027-01-31T02:00:00.000000Z",
        "madeBy": owner.email,
        "makerLeft": False,
        "lastUsedAt": None,
        "lastAddress": "",
    }
    refused = await ask(
        "admin", merchant(installation, shop, owner), CREATE, name="Robot", scopes=[],
        at="2020-01-01T00:00:00Z", days=5000,
    )  # fmt: skip
    assert refused["apiTokenCreate"] == {
        "apiToken": None,
        "userErrors": [
            {"path": ["scopes"], "code": "REQUIRED", "message": "This is needed."},
            {
                "path": ["expiresInDays"],
                "code": "OUT_OF_RANGE",
                "message": "Please enter a whole number from 1 to 1,098.",
            },
            {
                "path": ["expiresAt"],
                "code": "EXPIRY_OUT_OF_RANGE",
                "message": "Please choose a time that lies ahead, at most 3 years from now.",
            },
        ],
    }
    listed = await ask("admin", merchant(installation, shop, owner), "{ apiTokens { name } }")
    assert listed == {"apiTokens": [{"name": "Robot"}]}


async def test_a_request_writes_nothing_of_its_token_and_the_list_says_later_when_and_whence(
    installation: Installation, shop: Shop, owner: Viewer, client: httpx2.AsyncClient
) -> None:
    _, secret = await api_token_create(installation, shop.id, "Used")
    listing = "{ apiTokens { name lastUsedAt lastAddress } }"

    async def seen() -> dict[str, Any]:
        found = await ask("admin", merchant(installation, shop, owner), listing)
        return next(one for one in found["apiTokens"] if one["name"] == "Used")

    await asked(client, secret, "{ shop { id } }")
    assert await seen() == {"name": "Used", "lastUsedAt": None, "lastAddress": ""}
    await installation.token_uses.write_down()
    found = await seen()
    assert found["lastUsedAt"] is not None
    assert found["lastAddress"] == "192.0.2.7"


async def test_a_token_is_looked_up_in_one_round_trip(
    installation: Installation,
    shop: Shop,
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, secret = await api_token_create(installation, shop.id, "Counted")
    statements: list[str] = []

    async def counted(self: Any, sql: str, *args: object) -> Any:
        statements.append(sql)
        return await row(self, sql, *args)

    row = Single.row
    monkeypatch.setattr(Single, "row", counted)
    await asked(client, secret, "{ __typename }")
    assert len([one for one in statements if "token_shop" in one]) == len(statements) == 1


async def test_a_token_tells_what_it_was_used_for_and_costs_one_statement_for_all(
    installation: Installation, owner: Viewer, client: httpx2.AsyncClient
) -> None:
    shop = await a_shop(installation, owner)
    orders = Terms(scopes=frozenset({Permission.ORDERS}))
    token, secret = await api_token_create(installation, shop.id, "Robot", orders)
    await asked(client, secret, "{ shop { id } }")
    await asked(client, secret, "{ orders { nodes { id } } }")
    await asked(client, secret, "{ products { nodes { id } } }")
    await asked(client, secret, "{ nothing }")
    await asked(
        client,
        secret,
        "query { "
        + " ".join(f"a{n}: orders(first: 100) {{ nodes {{ id }} }}" for n in range(10))
        + " }",
    )
    await installation.token_uses.write_down()

    query = """
      query ($id: ID!) {
        apiToken(id: $id) {
          usage { requests refused cost deprecated { place }
                  byDay { date requests refused cost } } } }"""
    found = await ask(
        "admin", merchant(installation, shop, owner), query, id=encode("ApiToken", token.id)
    )
    usage = found["apiToken"]["usage"]
    days = usage.pop("byDay")
    today = clock.now().date()
    assert usage == {"requests": 5, "refused": 2, "cost": 45, "deprecated": []}
    assert len(days) == 30
    assert days[-1] == {"date": today.isoformat(), "requests": 5, "refused": 2, "cost": 45}
    assert {one["requests"] for one in days[:-1]} == {0}

    statements = []
    for _ in range(2):
        context = merchant(installation, shop, owner)
        reader = CountingReader(context.reader)
        context.reader = reader
        await ask("admin", context, "{ apiTokens { usage { requests } } }")
        statements.append(len(reader.statements))
        await api_token_create(installation, shop.id, "Another")
    assert statements == [2, 2]


async def test_a_token_that_works_hard_is_counted_beyond_what_an_int_holds(
    installation: Installation, owner: Viewer
) -> None:
    shop = await a_shop(installation, owner)
    token, _ = await api_token_create(installation, shop.id, "Hard")
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    async with writing(installation, shop.id) as tx:
        await tx.execute(
            "insert into api_token_uses (shop_id, token_id, day, deprecated, requests, refused,"
            " cost) values ($1, $2, $3, '', 3000000000, 2, 2592000000)",
            shop.id, token.id, today,
        )  # fmt: skip
    found = await ask(
        "admin",
        merchant(installation, shop, owner),
        "query ($id: ID!) { apiToken(id: $id) { usage { requests refused cost } } }",
        id=encode("ApiToken", token.id),
    )
    assert found["apiToken"]["usage"] == {
        "requests": 3_000_000_000,
        "refused": 2,
        "cost": 2_592_000_000,
    }


OLD = """
      directive @marked on FIELD_DEFINITION
      enum Color { RED BLUE @deprecated }
      input Filter { color: Color, old: Int @deprecated }
      type Thing { name: String, alias: String @deprecated(reason: "Ask for name.") }
      type Query {
        thing(id: ID, key: ID @deprecated, filter: Filter, color: Color): Thing
        things(filters: [Filter!]): [Thing]
        old: Int @deprecated
      }"""


def test_what_is_deprecated_in_a_document_is_found_by_its_place() -> None:
    schema = build_schema(OLD)
    assert has_deprecated(schema)
    assert not has_deprecated(build_schema("type Query { thing: Int }"))
    for text, places in {
        "{ thing(id: 1) { name } }": (),
        "{ a: thing(id: 1) { x: alias y: alias } }": ("Thing.alias",),
        "{ thing { ...F } old } fragment F on Thing { alias }": ("Query.old", "Thing.alias"),
        "{ thing(key: 1) { name } }": ("Query.thing(key:)",),
        "{ thing(filter: {old: 1}) { name } }": ("Filter.old",),
        "{ thing(color: BLUE) { name } }": ("Color.BLUE",),
        "{ thing(filter: {color: BLUE}) { name } }": ("Color.BLUE",),
        "query ($c: Color = BLUE) { thing(color: $c) { name } }": ("Color.BLUE",),
    }.items():
        document = Documents(schema, suggestions=False).read(text)
        assert document.deprecated == places, text


@pytest.mark.parametrize(
    ("variables", "places"),
    [
        ({}, ()),
        ({"c": "RED", "f": {"color": "RED"}, "all": []}, ()),
        ({"c": "BLUE"}, ("Color.BLUE",)),
        ({"f": {"old": None}}, ("Filter.old",)),
        ({"f": {"color": "BLUE", "old": 1}}, ("Color.BLUE", "Filter.old")),
        ({"all": [{"color": "RED"}, {"color": "BLUE"}]}, ("Color.BLUE",)),
        ({"all": {"old": 1}}, ("Filter.old",)),
        ({"nobody": {"old": 1}, "c": 7, "f": "BLUE", "all": None}, ()),
    ],
)
def test_what_is_deprecated_of_variables_is_found_as_well(
    variables: dict[str, Any], places: tuple[str, ...]
) -> None:
    documents = Documents(build_schema(OLD), suggestions=False)
    text = """
      query One($c: Color, $f: Filter, $all: [Filter!]) {
        thing(color: $c, filter: $f) { name } things(filters: $all) { alias } }
      query Other { thing { name } }"""
    assert documents.read(text).faults == ()
    asked = documents.deprecated(text, "One", variables)
    assert asked == tuple(sorted((*places, "Thing.alias")))


async def test_what_a_token_asks_for_that_is_deprecated_is_counted_and_told(
    installation: Installation,
    shop: Shop,
    owner: Viewer,
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token, secret = await api_token_create(installation, shop.id, "Old")
    documents = SCHEMAS["admin"].documents
    read = documents.read
    monkeypatch.setattr(
        documents, "read", lambda text: replace(read(text), deprecated=("Shop.slug",))
    )
    await asked(client, secret, "{ shop { slug } }")
    await asked(client, secret, "{ shop { slug name } }")
    monkeypatch.undo()
    await installation.token_uses.write_down()
    found = await ask(
        "admin", merchant(installation, shop, owner),
        "query ($id: ID!) { apiToken(id: $id) {"
        " usage { deprecated { place requests lastOn } } } }",
        id=encode("ApiToken", token.id),
    )  # fmt: skip
    today = clock.now().date().isoformat()
    assert found["apiToken"]["usage"]["deprecated"] == [
        {"place": "Shop.slug", "requests": 2, "lastOn": today}
    ]
