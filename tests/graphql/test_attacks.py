"""Requests that are made to hurt: each is refused before anything runs, on all three endpoints."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import httpx2
import orjson
import pytest
from starlette.applications import Starlette

from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.http import installation_routes, shop_routes
from keystall.graphql.limits import MAX_BODY
from keystall.platform import database
from keystall.tenants.identity.operators import operator_create
from keystall.tenants.identity.service import Visitor, sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.shops.tokens import api_token_create
from tests.factories import PASSWORD, a_shop
from tests.graphql.asking import CountingReader

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
SURFACES: tuple[Surface, ...] = get_args(Surface)
COSTLY, BAD = "QUERY_TOO_COSTLY", "BAD_USER_INPUT"


@dataclass(frozen=True)
class Words:
    """What an endpoint has of everything that an attack takes."""

    object: str
    kind: str
    leaf: str
    list: str
    item: str
    deeper: str
    change: str


WORDS: dict[Surface, Words] = {
    "storefront": Words(
        "shop", "Shop", "name", "products", "Product",
        "category { products(first: $n) { nodes { id } } }",
        'cartCreate(input: {}) { cart { id } }',
    ),
    "admin": Words(
        "shop", "Shop", "name", "products", "Product",
        "variants { codes(first: $n) { nodes { id } } }",
        'categoryCreate(input: {name: "A"}) { category { id } }',
    ),
    "operator": Words(
        "viewer", "Viewer", "email", "shops", "Shop", "id",
        'shopSuspend(id: "a", reason: "b") { shop { id } }',
    ),
}  # fmt: skip


@dataclass
class Endpoint:
    """An endpoint, and what ran of what was asked there."""

    client: httpx2.AsyncClient
    surface: Surface
    headers: dict[str, str]
    resolved: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"/graphql/{self.surface}"

    async def post(self, query: str, **variables: Any) -> httpx2.Response:
        asked = {"query": query, "variables": variables}
        return await self.send("POST", orjson.dumps(asked), JSON)

    async def send(self, method: str, body: bytes, kind: str) -> httpx2.Response:
        headers = {**self.headers, "accept": RESPONSE, "content-type": kind}
        return await self.client.request(method, self.url, content=body, headers=headers)

    async def refused(self, answer: httpx2.Response, *codes: str) -> None:
        """Asserts that nothing ran: no resolver, and no statement beside those of who asks."""
        told = answer.json()
        assert 400 <= answer.status_code < 500
        assert "data" not in told
        found = {error["extensions"]["code"] for error in told["errors"]}
        assert found == set(codes), told["errors"]
        assert self.resolved == []
        beside = list(self.statements)
        self.statements.clear()
        await self.post("{ __typename }")
        assert [one for one in beside if one not in self.statements] == []


@pytest.fixture(scope="module")
async def clients(
    installation: Installation,
) -> AsyncIterator[dict[Surface, tuple[httpx2.AsyncClient, dict[str, str]]]]:
    shop = await a_shop(installation)
    _, token = await api_token_create(installation, shop.id, "Attacks")
    await operator_create(
        installation.settings.owner_database_url, "attacked@keystall.test", PASSWORD
    )
    session = await sign_in(installation, "attacked@keystall.test", PASSWORD, visitor=Visitor())
    front, back = shop_routes(installation), installation_routes(installation)
    settings = installation.settings
    async with (
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=Starlette(routes=front)),
            base_url=settings.shop_url(shop.slug),
        ) as storefront,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=Starlette(routes=back)),
            base_url=settings.public_url,
        ) as others,
    ):
        yield {
            "storefront": (storefront, {}),
            "admin": (others, {"authorization": f"Bearer {token}"}),
            "operator": (others, {"authorization": f"Bearer {session.secret}"}),
        }


@pytest.fixture(params=SURFACES)
def endpoint(
    request: pytest.FixtureRequest,
    clients: dict[Surface, tuple[httpx2.AsyncClient, dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Endpoint]:
    surface: Surface = request.param
    client, headers = clients[surface]
    watched = Endpoint(client, surface, headers)
    # Plans keep the resolvers of when they were made: none from before, and none of these after.
    kept = SCHEMAS[surface].documents.read
    kept.cache_clear()
    built = SCHEMAS[surface]._schema
    for root in filter(None, (built.query_type, built.mutation_type, built.subscription_type)):
        for name, definition in root.fields.items():
            monkeypatch.setattr(definition, "resolve", _tells(watched.resolved, name))
    whole_reader = database.reader

    def reader(shop: Any) -> CountingReader:
        counting = CountingReader(whole_reader(shop))
        counting.statements = watched.statements
        return counting

    monkeypatch.setattr(database, "reader", reader)
    yield watched
    kept.cache_clear()


def _tells(resolved: list[str], name: str) -> Callable[..., None]:
    return lambda *_, **__: resolved.append(name)


async def test_the_spies_see_what_does_run(endpoint: Endpoint) -> None:
    """Or nothing below would prove anything."""
    words = WORDS[endpoint.surface]
    # By a name that no other test gives it: a plan made elsewhere would know no spy.
    await endpoint.post(f"{{ spied: {words.object} {{ {words.leaf} }} }}")
    # What a spy answers is a surprise to the plan, so that the stock executor asks it, too.
    assert set(endpoint.resolved) == {words.object}


async def test_aliases(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    many = " ".join(f"a{n}: {words.object} {{ {words.leaf} }}" for n in range(51))
    await endpoint.refused(await endpoint.post(f"{{ {many} }}"), COSTLY)


async def test_aliases_by_fragments(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    many = " ".join(f"a{n}: {words.leaf}" for n in range(51))
    document = f"{{ {words.object} {{ ...F }} }} fragment F on {words.kind} {{ {many} }}"
    await endpoint.refused(await endpoint.post(document), COSTLY)


async def test_batches(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    one = {"query": f"{{ {words.object} {{ {words.leaf} }} }}"}
    for batch in ([one], [one] * 100, []):
        answer = await endpoint.send("POST", orjson.dumps(batch), JSON)
        await endpoint.refused(answer, BAD)
        assert "batch" in answer.json()["errors"][0]["message"]


async def test_directives(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    for directives in ("@include(if: true) " * 21, "@nothing " * 1_500):
        document = f"{{ {words.object} {directives} {{ {words.leaf} }} }}"
        await endpoint.refused(await endpoint.post(document), COSTLY)


async def test_fields_of_one_name(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    for document in (
        f"{{ {words.object} {{ {f'{words.leaf} ' * 3_900} }} }}",
        f"{{ {f'{words.object} {{ {words.leaf} }} ' * 700} }}",
    ):
        await endpoint.refused(await endpoint.post(document), COSTLY)


async def test_tokens(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    answer = await endpoint.post(f"{{ {words.object} {{ {f'{words.leaf} ' * 4_000} }} }}")
    await endpoint.refused(answer, BAD)


async def test_fragments(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    on = f"on {words.kind}"
    many = " ".join(f"fragment F{n} {on} {{ {words.leaf} }}" for n in range(101))
    spread = " ".join(f"...F{n}" for n in range(101))
    inline = f"... {on} {{ {words.leaf} }} " * 201
    for document in (
        f"{{ {words.object} {{ {spread} }} }} {many}",
        f"{{ {words.object} {{ {inline} }} }}",
    ):
        await endpoint.refused(await endpoint.post(document), COSTLY)


async def test_circular_fragments(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    document = (
        f"{{ {words.object} {{ ...A }} }} fragment A on {words.kind} {{ ...B }}"
        f" fragment B on {words.kind} {{ ...A }}"
    )
    await endpoint.refused(await endpoint.post(document), BAD)


async def test_circular_introspection(endpoint: Endpoint) -> None:
    around = "fields { type { " * 4 + "name" + " } }" * 4
    await endpoint.refused(await endpoint.post(f"{{ __schema {{ types {{ {around} }} }} }}"), BAD)


async def test_introspection_again_and_again(endpoint: Endpoint) -> None:
    again = " ".join(f"a{n}: __schema {{ types {{ fields {{ name }} }} }}" for n in range(4))
    await endpoint.refused(await endpoint.post(f"{{ {again} }}"), COSTLY)


async def test_depth(endpoint: Endpoint) -> None:
    deep = '__type(name: "A") { ' + "ofType { " * 15 + "name" + " }" * 16
    await endpoint.refused(await endpoint.post(f"{{ {deep} }}"), COSTLY)


async def test_deep_brackets(endpoint: Endpoint) -> None:
    await endpoint.refused(await endpoint.post("{ a " * 1_900 + "}" * 1_900), BAD)


async def test_suggestions(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    answer = await endpoint.post(f"{{ {words.object[:-1]} {{ {words.leaf} }} }}")
    await endpoint.refused(answer, BAD)
    # Where a schema may be read by everyone, hints give nothing away.
    assert ("Did you mean" in answer.text) is (endpoint.surface == "storefront")


async def test_mutations_by_get(endpoint: Endpoint) -> None:
    change = f"mutation {{ {WORDS[endpoint.surface].change} }}"
    answer = await endpoint.client.get(
        endpoint.url,
        params={"query": change},
        headers={**endpoint.headers, "accept": RESPONSE},
    )
    assert answer.status_code == 405
    await endpoint.refused(answer, BAD)


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/graphql",
        "",
    ],
)
async def test_mutations_by_forms(endpoint: Endpoint, kind: str) -> None:
    """What a page of another site can send without being asked first."""
    change = f"mutation {{ {WORDS[endpoint.surface].change} }}"
    body = orjson.dumps({"query": change})
    answer = await endpoint.send("POST", body, kind)
    assert answer.status_code == 415
    await endpoint.refused(answer, BAD)


async def test_many_mutations(endpoint: Endpoint) -> None:
    change = WORDS[endpoint.surface].change
    direct = " ".join(f"a{n}: {change}" for n in range(6))
    spread = f"...F a5: {change}"
    rest = " ".join(f"a{n}: {change}" for n in range(5))
    for document in (
        f"mutation {{ {direct} }}",
        f"mutation {{ {spread} }} fragment F on Mutation {{ {rest} }}",
    ):
        await endpoint.refused(await endpoint.post(document), COSTLY)


async def test_long_lists_by_variables(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    document = f"query ($n: Int) {{ {words.list}(first: $n) {{ nodes {{ id }} }} }}"
    for length in (999, 10**6, 2**31 - 1, 1e300):
        await endpoint.refused(await endpoint.post(document, n=length), COSTLY)


async def test_deep_lists_by_variables(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    document = (
        "query ($n: Int = 100) {"
        f" {words.list}(first: $n) {{ nodes {{ {words.deeper} }} }}"
        f" again: {words.list}(first: $n) {{ nodes {{ {words.deeper} }} }} }}"
    )
    given = {} if "$n" in words.deeper else {"n": 500}
    await endpoint.refused(await endpoint.post(document, **given), COSTLY)


async def test_cost_under_fragments(endpoint: Endpoint) -> None:
    words = WORDS[endpoint.surface]
    document = (
        "query ($n: Int, $yes: Boolean!) { ...A @include(if: $yes) ... on Query { ...B } }"
        f" fragment A on Query {{ a: {words.list}(first: $n) {{ ...C }} }}"
        f" fragment B on Query {{ b: {words.list}(first: $n) {{ edges {{ node {{ id }} }} }} }}"
        f" fragment C on {words.item}Connection {{ nodes {{ id }} }}"
    )
    answer = await endpoint.post(document, n=600, yes=True)
    await endpoint.refused(answer, COSTLY)
    assert answer.json()["errors"][0]["extensions"]["cost"] == 2 * 602


async def test_long_lists_in_arguments(endpoint: Endpoint) -> None:
    by_variable = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    await endpoint.refused(await endpoint.post(by_variable, ids=["a"] * 251), COSTLY)
    written = "{ nodes(ids: [" + '"a" ' * 251 + "]) { id } }"
    await endpoint.refused(await endpoint.post(written), COSTLY)
    deep: Any = ["a"] * 251
    for _ in range(100):
        deep = [deep]
    await endpoint.refused(await endpoint.post(by_variable, ids=deep), COSTLY)


async def test_many_operations_and_variables(endpoint: Endpoint) -> None:
    operations = " ".join(f"query Q{n} {{ __typename }}" for n in range(21))
    variables = ", ".join(f"$v{n}: Int" for n in range(51))
    for document in (operations, f"query ({variables}) {{ __typename }}"):
        answer = await endpoint.send(
            "POST", orjson.dumps({"query": document, "operationName": "Q1"}), JSON
        )
        assert endpoint.resolved == []
        assert "data" not in answer.json()


async def test_large_bodies(endpoint: Endpoint) -> None:
    filler = b"x" * MAX_BODY[endpoint.surface]
    large = b'{"query": "{ __typename }", "extensions": {"a": "' + filler + b'"}}'
    answer = await endpoint.send("POST", large, JSON)
    assert answer.status_code == 413
    await endpoint.refused(answer, BAD)


async def test_deep_json(endpoint: Endpoint) -> None:
    brackets = b"[" * 5_000 + b"]" * 5_000
    deep = b'{"query": "{ __typename }", "variables": {"a": ' + brackets + b"}}"
    await endpoint.refused(await endpoint.send("POST", deep, JSON), BAD)
