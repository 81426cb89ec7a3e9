"""A list costs the same statements at `first: 1` and `first: 50`: every connection of both schemas.

Which there are is read from the schemas; each is asked for with all that its items have.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type

from keystall.graphql.executor import Surface, execute
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.trusted_documents.service import trusted_document_register
from keystall.tenants.webhooks.service import webhook_test
from tests.factories import a_product, some_codes
from tests.graphql.asking import CountingReader
from tests.isolation.asking import Filled, selection
from tests.isolation.goods import a_code_report, a_due_refund, a_full_shop, stock
from tests.isolation.leaks import SHOP_SURFACES, Shops, built

SEVERAL = 3
"""As many items as show a statement for each: one is hidden in what the list costs anyhow."""


@dataclass(frozen=True)
class Listed:
    """A connection and the way to it: fields from the query's root on, itself the last."""

    way: tuple[tuple[str, GraphQLField], ...]

    @property
    def name(self) -> str:
        return ".".join(name for name, _ in self.way)

    def document(self, schema: GraphQLSchema) -> str:
        """Asks for it and all of its items, `$first` being how many."""
        declared, opened = ["$first: Int"], ""
        for depth, (name, field) in enumerate(self.way):
            passed = []
            for argument, its in field.args.items():
                if argument == "first" and depth == len(self.way) - 1:
                    passed.append("first: $first")
                elif str(its.type).endswith("!"):
                    declared.append(f"${argument}{depth}: {its.type}")
                    passed.append(f"{argument}: ${argument}{depth}")
            arguments = f"({', '.join(passed)})" if passed else ""
            opened += f" {{ {name}{arguments}"
        items = get_named_type(self.way[-1][1].type)
        assert isinstance(items, GraphQLObjectType)
        whole = selection(schema, items.fields["nodes"], frozenset({items.name}))
        return f"query ({', '.join(declared)}){opened} {{ nodes {whole} }}{' }' * len(self.way)}"

    def variables(self, own: dict[str, str], words: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for depth, (name, field) in enumerate(self.way):
            filled = Filled(name, own).of(field.args)
            for argument, its in field.args.items():
                if str(its.type).endswith("!"):
                    word = "categorySlug" if name == "category" else argument
                    found[f"{argument}{depth}"] = words.get(word, filled[argument])
        return found


def connections(schema: GraphQLSchema) -> Iterator[Listed]:
    """Every field of the schema that answers a connection, by the shortest way to it."""
    assert schema.query_type is not None
    waiting: deque[tuple[GraphQLObjectType, tuple[tuple[str, GraphQLField], ...]]] = deque(
        [(schema.query_type, ())]
    )
    seen: set[str] = set()
    while waiting:
        kind, way = waiting.popleft()
        if kind.name in seen:
            continue
        seen.add(kind.name)
        for name, field in kind.fields.items():
            answered = get_named_type(field.type)
            if answered.name.endswith("Connection"):
                yield Listed((*way, (name, field)))
            elif isinstance(answered, GraphQLObjectType):
                waiting.append((answered, (*way, (name, field))))


_REFUND = """mutation ($id: ID!, $key: String!) {
  orderRefund(id: $id, reason: "Kindness", idempotencyKey: $key) { userErrors { code } }
}"""


@pytest.fixture(scope="module")
async def crowded(installation: Installation, superuser_url: str) -> Shops:
    """A shop that has several of everything that is listed."""
    goods = await a_full_shop(installation, "crowd")
    await stock(installation, goods)
    for _ in range(SEVERAL):
        await stock(installation, goods)
        await a_code_report(installation, goods)
        await a_due_refund(installation, goods)
        await trusted_document_register(
            installation, goods.shop.id, f"{{ shop {{ name }} }} # {new_id()}", name="", cost=1
        )
        await webhook_test(installation, goods.shop.id, goods.rows["Webhook"])
    for number in range(SEVERAL):
        await some_codes(
            installation, goods.shop, goods.rows["Variant"], [f"more-{number}-{new_id()}"]
        )
        await a_product(
            installation, goods.shop, f"Card {number}", category_id=goods.rows["Category"]
        )
    crowd = Shops(installation, goods, goods, superuser_url)
    # The newest order, which is what `first: 1` answers, lacks nothing that others have.
    await a_code_report(installation, goods)
    given = {"id": goods.ids["Order"], "key": str(new_id())}
    answer = await crowd.ask("admin", goods, _REFUND, given)
    assert answer["data"]["orderRefund"]["userErrors"] == []
    return crowd


@pytest.mark.parametrize(
    ("surface", "listed"),
    [
        pytest.param(surface, listed, id=f"{surface}: {listed.name}")
        for surface in SHOP_SURFACES
        for listed in connections(built(surface))
    ],
)
async def test_a_list_costs_the_same_statements_however_much_of_it_is_asked_for(
    crowded: Shops, surface: Surface, listed: Listed
) -> None:
    goods = crowded.mine
    document = listed.document(built(surface))
    variables = listed.variables(goods.ids, goods.words)
    asked = {}
    for first in (1, 50):
        context = crowded.context(surface, goods)
        counting = CountingReader(context.reader)
        context.reader = counting
        answer = await execute(surface, document, None, variables | {"first": first}, context)
        await context.reader.finish()
        assert answer.errors == ()
        nodes: Any = answer.data
        for name, _ in listed.way:
            nodes = nodes[name]
        assert len(nodes["nodes"]) == 1 if first == 1 else len(nodes["nodes"]) >= SEVERAL
        asked[first] = counting.statements
    more = Counter(map(_kind, asked[50])) - Counter(map(_kind, asked[1]))
    assert len(asked[1]) == len(asked[50]), more


def _kind(statement: str) -> str:
    return " ".join(statement.split())[:200]
