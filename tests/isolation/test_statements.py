"""A list costs the same statements at `first: 1` and `first: 50`: every connection of all schemas.

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
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from keystall.graphql.describing import untaken
from keystall.graphql.executor import SCHEMAS, Surface, execute
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.shops.operating import shop_look
from keystall.tenants.trusted_documents.service import trusted_document_register
from keystall.tenants.webhooks.service import webhook_test
from tests.factories import a_product, a_shop, a_viewer, some_codes
from tests.graphql.asking import CountingReader
from tests.isolation.asking import Filled, selection
from tests.isolation.goods import a_code_report, a_due_refund, a_forbidden_term, a_full_shop, stock
from tests.isolation.leaks import Shops, built

SEVERAL = 3
"""As many items as show a statement for each: one is hidden in what the list costs anyhow."""
WORDS = {
    ("category", "slug"): "categorySlug",
    ("order", "token"): "delivered token",
    ("customerLink", "token"): "customer link",
}
"""Under which name a shop has a field's argument, where that is not the argument's."""


@dataclass(frozen=True)
class Way:
    """A field and the way to it: fields from the query's root on, itself the last."""

    way: tuple[tuple[str, GraphQLField], ...]

    @property
    def name(self) -> str:
        return ".".join(name for name, _ in self.way)

    def asking(self, selected: str) -> str:
        """The document that asks for it, `$first` being how many where it is a connection."""
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
        used = declared if "$first" in opened else declared[1:]
        given = f"({', '.join(used)})" if used else ""
        return f"query {given}{opened} {selected}{' }' * len(self.way)}"

    def variables(self, own: dict[str, str], words: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for depth, (name, field) in enumerate(self.way):
            filled = Filled(name, own).of(field.args)
            for argument, its in field.args.items():
                if str(its.type).endswith("!"):
                    word = WORDS.get((name, argument), argument)
                    found[f"{argument}{depth}"] = words.get(word, filled[argument])
        return found


class Listed(Way):
    """A connection."""

    def items(self) -> GraphQLObjectType:
        """The type of its items."""
        listed = get_named_type(self.way[-1][1].type)
        assert isinstance(listed, GraphQLObjectType)
        kind = get_named_type(listed.fields["nodes"].type)
        assert isinstance(kind, GraphQLObjectType)
        return kind

    def document(self, schema: GraphQLSchema, whole: str = "") -> str:
        """Asks for it and all of its items, or for `whole` of each."""
        items = get_named_type(self.way[-1][1].type)
        assert isinstance(items, GraphQLObjectType)
        whole = whole or selection(schema, items.fields["nodes"], frozenset({items.name}))
        return self.asking(f"{{ nodes {whole} }}")


def connections(schema: GraphQLSchema) -> Iterator[Listed]:
    """Every field of the schema that answers a connection, by the shortest way to it."""
    for one in objects(schema):
        if get_named_type(one.way[-1][1].type).name.endswith("Connection"):
            yield Listed(one.way)


def objects(schema: GraphQLSchema) -> Iterator[Way]:
    """Every field of the schema that answers objects, by the shortest way to it that leads through
    no connection."""
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
            if not is_leaf_type(answered):
                yield Way((*way, (name, field)))
            if isinstance(answered, GraphQLObjectType) and not answered.name.endswith("Connection"):
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
        await a_forbidden_term(installation, goods)
        await a_shop(installation)
        await some_codes(
            installation, goods.shop, goods.rows["Variant"], [f"more-{number}-{new_id()}"]
        )
        await a_product(
            installation, goods.shop, f"Card {number}", category_id=goods.rows["Category"]
        )
    operator = await a_viewer(installation, operator=True)
    await shop_look(installation, operator, goods.shop.id)
    crowd = Shops(installation, goods, goods, superuser_url, operator)
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
        for surface in SCHEMAS
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
    "shops": {"notice", "policies"},
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
SHORT = {
    "id", "slug", "name", "status", "kind", "problem", "action", "subject", "term", "field",
    "role",
}  # fmt: skip
"""What functions answer of the first table they read, and is a word or a line at most."""
LONG_OF = {
    "Product": {"description", "description_html", "buyer_fields"},
    "Order": {"buyer_fields"},
    "Refund": {"note", "problem"},
    "CodeReport": {"note", "answer"},
    "Batch": {"supplier", "note", "result"},
    "Code": {"note", "preview", "sealed"},
    "ActivityEntry": {"user_agent", "before", "after"},
    "TrustedDocument": {"document"},
    "Cart": {"buyer_fields"},
    "DeliveredCode": {"sealed"},
    "Job": {"input", "result"},
    "Webhook": {"document"},
    "WebhookTry": {"response"},
    "storefront Code": {"sealed"},
    "operator Shop": {"status_reason", "owner_email", "order_count"},
    "FailedWork": {"shop_slug", "shop_name"},
    "OperatorAction": {"email", "shop_slug", "shop_name", "note"},
    "ForbiddenTerm": {"reason", "found"},
    "ApiToken": {"email"},
    "admin Shop": set(),  # the bound one came with the request
    "ForbiddenFinding": {"product", "product_slug", "shop_slug", "shop_name", "reason"},
}
"""The long columns that the fields of types take, in all schemas or in one."""


@pytest.fixture(scope="module")
async def long(superuser_url: str) -> dict[str, set[str]]:
    """The long columns of each table: JSON, bytes and long texts. Of a function that answers a
    table: all texts and counts but the SHORT ones, and "*"."""
    connection = await asyncpg.connect(superuser_url)
    answers = await connection.fetch(
        "select proname, answer, kind::regtype::text from pg_proc cross join lateral"
        " unnest(proargnames, proargmodes, proallargtypes) as argument (answer, mode, kind)"
        " where pronamespace = 'public'::regnamespace and mode = 't'"
    )
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
    for row in answers:
        if row["kind"] in found:
            found[row["proname"]] |= {*found[row["kind"]], "*"}
        if row["kind"] in ("text", "bigint", "jsonb", "bytea") and row["answer"] not in SHORT:
            found[row["proname"]] |= {row["answer"], "*"}
    for table, column in NAMES:
        found[table].remove(column)
    return found


@pytest.mark.parametrize(
    ("surface", "listed"),
    [
        pytest.param(surface, listed, id=f"{surface}: {listed.name}")
        for surface in SCHEMAS
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
    assert _long_of(surface, kind) <= _read(whole[1], long)


def test_what_is_read_in_part_was_looked_at() -> None:
    found = {
        _named(surface, kind)
        for surface in SCHEMAS
        for kind in (
            *(listed.items() for listed in connections(built(surface))),
            *(kind for _, kind in lookups(built(surface))),
        )
        if untaken(_origin(kind), frozenset())
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


WHOLE = {
    # One word is cut out of what is known of each of two accounts.
    "storefront: shop.paymentMethods": {"details"},
    "admin: shop.paymentMethods": {"details"},
    # What happened is told in words that are made of it.
    "storefront: order.timeline": {"data"},
    "admin: order.timeline": {"data"},
    # One or two rows, which the order's own status is told of as well.
    "storefront: order.refunds": {"note", "problem"},
    "storefront: order.refunds.amount": {"note", "problem"},
    "admin: order.refunds": {"note", "problem"},
    "admin: order.refunds.amount": {"note", "problem"},
    "admin: order.refunds.order": {"note", "problem"},
    # A product below itself: it is read once, for both.
    "storefront: product.variants.product": {"description", "description_html", "buyer_fields"},
    # A few lines about oneself, or about who works for a shop.
    "admin Session": {"*"},
    "admin Passkey": {"*"},
    "admin Totp": {"*"},
    "admin TotpSetup": {"*"},
    "admin SecondStep": {"*"},
    "admin InvitationLink": {"*"},
    "admin Member": {"*"},
    # All is counted in one look.
    "operator ShopCounts": {"*"},
    "operator FailedWorkCount": {"*"},
}
"""Long columns, or all of a function's, that are read though nobody asked, by the way to what is
asked for or by its type, and why that is well."""
MISSING = {
    "storefront: cart.problems", "admin: accountLink", "admin: invitationLink",
    "admin: secondStep", "admin: viewer.passkeys", "admin: viewer.totp.setup",
    "admin: variant.translations", "admin: order.refundable",
    "admin: order.disputes", "admin: order.disputes.amount",
}  # fmt: skip
"""What the crowded shop has nothing of."""


def _takes(field: GraphQLField) -> bool:
    definition = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return bool(definition.metadata.get("takes"))


def lookups(schema: GraphQLSchema) -> Iterator[tuple[Way, GraphQLObjectType]]:
    """Every field of the schema that answers things by something else than a connection, and what
    it answers: of `node` everything that it may. What takes long columns by itself is left out."""
    for one in objects(schema):
        if any(_takes(field) for _, field in one.way):
            continue
        answered = get_named_type(one.way[-1][1].type)
        if isinstance(answered, GraphQLInterfaceType):
            yield from ((one, kind) for kind in schema.get_possible_types(answered))
        elif isinstance(answered, GraphQLObjectType) and not answered.name.endswith("Connection"):
            yield one, answered


@pytest.mark.parametrize(
    ("surface", "way", "kind"),
    [
        pytest.param(surface, way, kind, id=f"{surface}: {way.name} {kind.name}")
        for surface in SCHEMAS
        for way, kind in lookups(built(surface))
    ],
)
async def test_a_look_up_reads_a_long_column_where_it_is_asked_for_and_nowhere_else(
    crowded: Shops, surface: Surface, way: Way, kind: GraphQLObjectType, long: dict[str, set[str]]
) -> None:
    name, ids = f"{surface}: {way.name}", crowded.mine.ids
    if way.name in ("node", "nodes"):
        ids = {**ids, "Product": ids[kind.name]}
    variables = way.variables(ids, crowded.mine.words)
    read = []
    for fields in ("__typename", _every_field(kind)):
        context = crowded.context(surface, crowded.mine)
        context.reader = counting = CountingReader(context.reader)
        document = way.asking(f"{{ ... on {kind.name} {{ {fields} }} }}")
        answer = await execute(surface, document, None, variables, context)
        await context.reader.finish()
        assert answer.errors == ()
        assert _answered(answer.data, len(way.way)) != (name in MISSING)
        read.append(_read(counting.statements, long))
    assert read[0] == WHOLE.get(name, WHOLE.get(f"{surface} {kind.name}", set()))
    assert name in MISSING or _long_of(surface, kind) <= read[1]


def _every_field(kind: GraphQLObjectType) -> str:
    return " ".join(
        name if is_leaf_type(get_named_type(field.type)) else f"{name} {{ __typename }}"
        for name, field in kind.fields.items()
    )


def _answered(found: Any, steps: int) -> bool:
    """Whether there is anything at the end of a way."""
    if isinstance(found, list):
        return any(_answered(one, steps) for one in found)
    if found is None or steps == 0:
        return found is not None
    return any(_answered(one, steps - 1) for one in found.values())


def _long_of(surface: Surface, kind: GraphQLObjectType) -> set[str]:
    return LONG_OF.get(_named(surface, kind), set())


def _named(surface: Surface, kind: GraphQLObjectType) -> str:
    own = f"{surface} {kind.name}"
    return own if own in LONG_OF else kind.name


async def test_what_an_operators_list_is_told_to_leave_out_it_does_not_read(
    crowded: Shops, long: dict[str, set[str]], superuser_url: str
) -> None:
    assert crowded.operator is not None
    asked = {"p_secret_hash": "$1", "p_limit": "100", "p_without": "$2"}
    connection = await asyncpg.connect(superuser_url)
    try:
        functions = await connection.fetch(
            "select proname, proargnames[:pronargs] as takes from pg_proc"
            " where proname like 'operator\\_%' and 'p_without' = any (proargnames)"
        )
        for row in functions:
            unread = long[row["proname"]] - {"*"}
            given = ", ".join(f"{one} => {asked.get(one, 'null')}" for one in row["takes"])
            for without in ([], sorted(unread)):
                rows = await connection.fetch(
                    f"select {', '.join(unread)} from {row['proname']}({given})",
                    crowded.operator.secret_hash, without,
                )  # fmt: skip
                assert len(rows) >= SEVERAL
                told = {name for one in rows for name in unread if one[name] is not None}
                assert told == (set() if without else unread), row["proname"]
    finally:
        await connection.close()
    assert len(functions) == len(list(connections(built("operator"))))


def _origin(kind: GraphQLObjectType) -> type:
    definition = kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    origin: type = definition.origin
    return origin


def _read(statements: list[str], long: dict[str, set[str]]) -> set[str]:
    """The long columns that statements name, of the tables that they name."""
    found: set[str] = set()
    for statement in statements:
        words = set(re.findall(r"\w+|(?<=select )\*|(?<=\)\.)\*", re.sub("'[^']*'", "", statement)))
        found |= words & set().union(*(long.get(word, set()) for word in words))
    return found


def _kind(statement: str) -> str:
    return " ".join(statement.split())[:200]
