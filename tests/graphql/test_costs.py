"""What operations cost, and that it is known before they run."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import strawberry

from keystall.graphql.context import RequestContext
from keystall.graphql.costs.counting import CONNECTION, INTROSPECTION, MUTATION, SEARCH
from keystall.graphql.costs.metering import MAX_COST
from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.operation import run
from keystall.graphql.schema import KeystallSchema
from keystall.themes.accounts.pages import PAGES as ACCOUNTS
from keystall.themes.console.pages import PAGES as CONSOLE
from keystall.themes.engine.documents import load_document
from keystall.themes.operator.pages import PAGES as OPERATOR
from keystall.themes.storefront.pages import PAGES as STOREFRONT

Make = Callable[..., RequestContext]


@strawberry.type
class Thing:
    name: str


@strawberry.type
class Things:
    things: list[Thing]


def cost(document: str, surface: Surface = "storefront", **variables: Any) -> int:
    found = SCHEMAS[surface].documents.read(document)
    assert found.faults == ()
    return found.cost(found.operations[0], variables)


@pytest.mark.parametrize(
    ("document", "points"),
    [
        ("{ __typename }", 0),
        ("{ shop { name currencies } }", 1),
        ("{ shop { logo { url } } }", 2),
        ("{ shop { paymentMethods { id } } }", 1 + 5),
        ("{ products { nodes { name } } }", CONNECTION + 20),
        ("{ products(first: 3) { nodes { name } } }", CONNECTION + 3),
        ("{ products(first: 3) { edges { cursor } } }", CONNECTION + 3),
        ("{ products(first: 3) { edges { cursor node { name } } } }", CONNECTION + 3),
        ("{ products(first: 3) { pageInfo { endCursor } } }", CONNECTION),
        ("{ products(first: 0) { nodes { name } } }", CONNECTION),
        ("{ products(first: null) { nodes { name } } }", CONNECTION + 20),
        ("{ products(first: 3, query: null) { nodes { name } } }", CONNECTION + 3),
        ('{ products(first: 3, query: "x") { nodes { name } } }', CONNECTION + 3 + SEARCH),
        (
            "{ products(first: 3) { nodes { variants { price { amount } } } } }",
            CONNECTION + 3 * (1 + 3 * 2),
        ),
        (
            "{ categories(first: 4) { nodes { products(first: 3) { nodes { id } } } } }",
            CONNECTION + 4 * (1 + CONNECTION + 3),
        ),
        ('mutation { orderCancel(token: "x") { order { number } } }', MUTATION + 1),
        ('mutation { orderCancel(token: "x") { userErrors { code } } }', MUTATION + 1),
        ("{ __schema { types { name fields { name } } } }", INTROSPECTION),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
        ('{ nodes(ids: "a") { id } }', 1),
        # Of an interface's types the dearest counts.
        (
            '{ node(id: "a") { id ... on Variant { price { amount } }'
            " ... on Product { images { url } priceRange { min { amount } } } } }",
            1 + 2 + 2,
        ),
        # The same field under one name is one field, wherever it is asked for.
        (
            "{ shop { name } shop { name logo { url } } ...F } fragment F on Query { shop { id } }",
            2,
        ),
        ("{ shop { name } other: shop { name } }", 2),
        # A fragment counts at each of its places.
        (
            "{ a: products(first: 3) { ...P } b: products(first: 5) { ...P } }"
            " fragment P on ProductConnection { nodes { images { url } } }",
            (CONNECTION + 3 * 3) + (CONNECTION + 5 * 3),
        ),
        ("{ shop @skip(if: true) { name } }", 0),
        ("{ shop @include(if: false) { name } products(first: 1) { nodes { id } } }", 3),
    ],
)
def test_a_document_costs(document: str, points: int) -> None:
    assert cost(document) == points


def test_variables_decide() -> None:
    document = """query ($first: Int = 7, $q: String, $ids: [ID!]!) {
        products(first: $first, query: $q) { nodes { id } } nodes(ids: $ids) { id } }"""
    assert cost(document, ids=[]) == CONNECTION + 7
    assert cost(document, first=90, q="x", ids=["a", "b"]) == CONNECTION + 90 + SEARCH + 2
    assert cost(document, first=None, ids="a") == CONNECTION + 20 + 1
    assert cost(document, first=1_000_000, ids=[]) == CONNECTION + 1_000_000
    assert cost(document, first=-5, ids=[]) == CONNECTION


def test_what_variables_leave_out_costs_nothing() -> None:
    document = """query ($deep: Boolean!, $bare: Boolean = false) {
        shop { name }
        products(first: 50) @include(if: $deep) { nodes { id ...I @skip(if: $bare) } } }
        fragment I on Product { images { url } }"""
    assert cost(document, deep=False) == 1
    assert cost(document, deep=True) == 1 + CONNECTION + 50 * 3
    assert cost(document, deep=True, bare=True) == 1 + CONNECTION + 50


def test_a_chain_of_fragments_is_counted_link_by_link() -> None:
    """Each link doubles what the next costs: counting must not."""
    links = " ".join(
        f"fragment F{n} on Product {{ a: category {{ products(first: 1)"
        f" {{ nodes {{ ...F{n + 1} b: category {{ id }} }} }} }} }}"
        for n in range(1)
    )
    assert cost("{ products(first: 1) { nodes { ...F0 } } } " + links
                + " fragment F1 on Product { id }") == 3 + 1 + CONNECTION + 2  # fmt: skip


async def test_doublings_are_refused_before_they_are_counted_out(
    counting: KeystallSchema, make_context: Make
) -> None:
    doubling = "query ($n: Int) { one { ...F0 } } " + " ".join(
        f"fragment F{n} on Number {{ a: next {{ ...F{n + 1} }} b: next {{ ...F{n + 1} }} }}"
        for n in range(11)
    ) + " fragment F11 on Number { following(first: $n) { nodes { value } } }"  # fmt: skip
    answer = await run(counting, doubling, {"n": 1}, make_context())
    assert not answer.ran
    # 1 + 2 + 4 + … + 2,048 objects, and 2,048 lists of one.
    said = answer.errors[0]["extensions"]
    assert (said["code"], said["cost"]) == ("QUERY_TOO_COSTLY", 4_095 + 2_048 * 3)


async def test_a_document_that_hides_its_cost_is_refused(
    counting: KeystallSchema, make_context: Make
) -> None:
    """Every path merges other fragments, so that nothing found once helps later."""
    fragments = " ".join(
        f"fragment F{n} on Number {{ "
        + " ".join(
            f"{name}: next {{ ...F{n + 1} ...E{n + 1}{name} }}" for name in ("a", "b", "c", "d")
        )
        + " } "
        + " ".join(
            f"fragment E{n}{name} on Number {{ {other}: next {{ ...F{n + 1} {name}: value }} }}"
            for name, other in ("ab", "bc", "cd", "da")
        )
        for n in range(8)
    )
    ends = "fragment F8 on Number { value } " + " ".join(
        f"fragment E8{name} on Number {{ value }}" for name in "abcd"
    )
    used = "{ one { ...F0 " + " ".join(f"...E0{name}" for name in "abcd") + " } } "
    answer = await run(counting, used + fragments + ends, {}, make_context())
    assert not answer.ran
    assert answer.errors[0]["extensions"]["code"] == "QUERY_TOO_COSTLY"


async def test_what_is_too_costly_never_runs(counting: KeystallSchema, make_context: Make) -> None:
    document = "query ($n: Int) { numbers(first: $n) { nodes { following { nodes { value } } } } }"
    answer = await run(counting, document, {"n": 50}, make_context())
    assert not answer.ran
    (error,) = answer.errors
    assert error["extensions"] == {
        "code": "QUERY_TOO_COSTLY",
        "requestId": "request-1",
        "cost": CONNECTION + 50 * (1 + CONNECTION + 20),
        "limit": MAX_COST,
    }
    assert (await run(counting, document, {"n": 40}, make_context())).ran


def test_a_list_of_objects_says_how_long_it_is() -> None:
    with pytest.raises(LookupError, match=r"Things\.things"):
        KeystallSchema(Things, Thing, suggestions=False)


def _pages() -> Iterator[tuple[Surface, str]]:
    for page in (*STOREFRONT, *ACCOUNTS, *CONSOLE, *OPERATOR):
        document = load_document(page)
        for name in document.operations:
            yield page.audience, document.text(name)


def test_our_own_documents_are_within_the_limit() -> None:
    seen = 0
    for surface, text in _pages():
        found = SCHEMAS[surface].documents.read(text)
        assert found.faults == ()
        # A filter of every kind; our pages take no length of a list from their readers.
        dearest = cost(text, surface, first=100, query="x", q="x")
        assert dearest <= MAX_COST, text
        seen += 1
    assert seen > 100
