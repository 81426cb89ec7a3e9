"""A list costs the same statements at `first: 1` and `first: 50`: every connection of both schemas.

Which there are is read from the schemas; each is asked for with all that its items have. And it
reads no long column that nobody asked for.
"""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type
from strawberry.schema.schema_converter import GraphQLCoreConverter

from keystall.graphql.describing import untaken
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

    def items(self) -> GraphQLObjectType:
        """The type of its items."""
        listed = get_named_type(self.way[-1][1].type)
        assert isinstance(listed, GraphQLObjectType)
        kind = get_named_type(listed.fields["nodes"].type)
        assert isinstance(kind, GraphQLObjectType)
        return kind

    def document(self, schema: GraphQLSchema, whole: str = "") -> str:
        """Asks for it and all of its items, or for `whole` of each, `$first` being how many."""
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
        whole = whole or selection(schema, items.fields["nodes"], frozenset({items.name}))
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
    document = listed.document(built(surface))
    asked = {}
    for first in (1, 50):
        nodes, asked[first] = await _asked(crowded, surface, listed, document, first)
        assert len(nodes) == 1 if first == 1 else len(nodes) >= SEVERAL
    more = Counter(map(_kind, asked[50])) - Counter(map(_kind, asked[1]))
    assert len(asked[1]) == len(asked[50]), more


async def _asked(
    crowded: Shops, surface: Surface, listed: Listed, document: str, first: int
) -> tuple[list[Any], list[str]]:
    """The items of a list, and the statements that they took."""
    context = crowded.context(surface, crowded.mine)
    counting = CountingReader(context.reader)
    context.reader = counting
    variables = listed.variables(crowded.mine.ids, crowded.mine.words)
    answer = await execute(surface, document, None, variables | {"first": first}, context)
    await context.reader.finish()
    assert answer.errors == ()
    nodes: Any = answer.data
    for name, _ in listed.way:
        nodes = nodes[name]
    return nodes["nodes"], counting.statements


TEXTS = {
    "products": {"description", "description_html"},
    "refunds": {"note", "problem"},
    "code_reports": {"note", "answer"},
    "batches": {"supplier", "note"},
    "codes": {"note", "preview"},
    "audit_entries": {"user_agent"},
    "trusted_documents": {"document"},
    "webhooks": {"document"},
    "webhook_deliveries": {"body"},
    "webhook_tries": {"response"},
}
"""What people, and other programs, write as long as they like."""
NAMES = {(table, "translations") for table in ("products", "categories", "variants")}
"""A name in the language of the request is made of them; descriptions are cut out of the first."""
LONG_OF = {
    "Product": {"description", "description_html", "buyer_fields"},
    "Order": {"buyer_fields"},
    "Refund": {"note", "problem"},
    "CodeReport": {"note", "answer"},
    "Batch": {"supplier", "note", "result"},
    "Code": {"note", "preview", "sealed"},
    "ActivityEntry": {"user_agent", "before", "after"},
    "TrustedDocument": {"document"},
}
"""The long columns that the fields of listed types take."""


@pytest.fixture(scope="module")
async def long(superuser_url: str) -> dict[str, set[str]]:
    """The long columns of each table: JSON, bytes and long texts."""
    connection = await asyncpg.connect(superuser_url)
    rows = await connection.fetch(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and data_type in ('jsonb', 'json', 'bytea')"
    )
    await connection.close()
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["table_name"]].add(row["column_name"])
    for table, texts in TEXTS.items():
        found[table] |= texts
    for table, column in NAMES:
        found[table].remove(column)
    return found


@pytest.mark.parametrize(
    ("surface", "listed"),
    [
        pytest.param(surface, listed, id=f"{surface}: {listed.name}")
        for surface in SHOP_SURFACES
        for listed in connections(built(surface))
    ],
)
async def test_a_list_reads_a_long_column_where_it_is_asked_for_and_nowhere_else(
    crowded: Shops, surface: Surface, listed: Listed, long: dict[str, set[str]]
) -> None:
    kind = listed.items()
    lean = "{ id }" if "id" in kind.fields else "{ at }"
    short = listed.document(built(surface), lean)
    nodes, few = await _asked(crowded, surface, listed, short, 50)
    whole = await _asked(crowded, surface, listed, listed.document(built(surface)), 50)

    assert len(nodes) == len(whole[0]) >= SEVERAL
    assert _read(few, long) == set()
    assert LONG_OF.get(kind.name, set()) <= _read(whole[1], long)


def test_the_lists_that_are_read_in_part_are_those_that_were_looked_at() -> None:
    found = {
        listed.items().name
        for surface in SHOP_SURFACES
        for listed in connections(built(surface))
        if untaken(_origin(listed.items()), frozenset())
    }
    assert found == set(LONG_OF)


async def test_webhooks_are_listed_without_their_documents(
    crowded: Shops, long: dict[str, set[str]]
) -> None:
    read = {}
    for fields in ("id", "document tokenName"):
        context = crowded.context("admin", crowded.mine)
        context.reader = counting = CountingReader(context.reader)
        answer = await execute("admin", f"{{ webhooks {{ {fields} }} }}", None, {}, context)
        await context.reader.finish()
        assert answer.errors == ()
        (statement,) = counting.statements
        read[fields] = _read([statement], long), "api_tokens" in statement
    assert read == {"id": (set(), False), "document tokenName": ({"document"}, True)}


def _origin(kind: GraphQLObjectType) -> type:
    definition = kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    origin: type = definition.origin
    return origin


def _read(statements: list[str], long: dict[str, set[str]]) -> set[str]:
    """The long columns that statements name, of the tables that they name."""
    found: set[str] = set()
    for statement in statements:
        words = set(re.findall(r"\w+", re.sub("'[^']*'", "", statement)))
        found |= words & set().union(*(long.get(word, set()) for word in words))
    return found


def _kind(statement: str) -> str:
    return " ".join(statement.split())[:200]
