"""What a plan does not foresee is left to the stock executor, and nothing is done twice."""

from collections.abc import Callable
from typing import Any

import pytest
import strawberry

from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import list_resolver
from keystall.graphql.errors import bad_input
from keystall.graphql.operation import Answer, run
from keystall.graphql.schema import KeystallSchema
from tests.graphql.plans.agreement import agreeing

_done: list[str] = []


@strawberry.type
class Thing:
    name: str
    odd: strawberry.Private[Any] = None

    @strawberry.field
    async def later(self) -> str | None:
        return f"{self.name} later"

    @strawberry.field
    async def failing(self) -> str | None:
        raise bad_input("No.")

    @strawberry.field
    def broken(self) -> str:
        raise RuntimeError("secret")

    @strawberry.field
    def number(self) -> int | None:
        number: int = self.odd
        return number


@strawberry.type
class Query:
    @list_resolver(assumed=2)
    async def things(self, names: list[str]) -> list[Thing]:
        """Things of these names."""
        return [Thing(name=name) for name in names]

    @strawberry.field
    def odd(self) -> Thing:
        return Thing(name="odd", odd=2**40)

    @strawberry.field
    def missing(self) -> Thing | None:
        nothing: Any = Thing(name="x")
        nothing.name = None
        found: Thing = nothing
        return found


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def make(self, info: Info, name: str) -> Thing:
        _done.append(name)
        if name == "refused":
            raise bad_input("Not that.")
        return Thing(name=name)


@pytest.fixture(scope="module")
def schema() -> KeystallSchema:
    return KeystallSchema(Query, Mutation, suggestions=False)


Ask = Callable[[str], Any]


@pytest.fixture
def ask(schema: KeystallSchema, make_context: Callable[..., RequestContext]) -> Ask:
    _done.clear()

    async def asked(document: str) -> Answer:
        return await run(schema, document, {}, make_context())

    return asked


async def test_levels_are_awaited_together_and_answered_in_the_documents_order(ask: Ask) -> None:
    with agreeing() as agreement:
        answer = await ask(
            '{ b: things(names: ["x", "y"]) { later kind: __typename name }'
            " a: things(names: []) { name } }"
        )
    assert agreement.ways == {"query by its plan": 1}
    assert list(answer.data) == ["b", "a"]
    assert answer.data["a"] == []
    assert [list(one.items()) for one in answer.data["b"]] == [
        [("later", f"{name} later"), ("kind", "Thing"), ("name", name)] for name in ("x", "y")
    ]


@pytest.mark.parametrize(
    ("document", "data", "path"),
    [
        (
            '{ things(names: ["x", "y"]) { name later failing } }',
            {
                "things": [
                    {"name": "x", "later": "x later", "failing": None},
                    {"name": "y", "later": "y later", "failing": None},
                ]
            },
            ["things", 0, "failing"],
        ),
        ('{ things(names: ["x"]) { later broken } }', None, ["things", 0, "broken"]),
        ("{ odd { name number } }", {"odd": {"name": "odd", "number": None}}, ["odd", "number"]),
        ("{ missing { name } }", {"missing": None}, ["missing", "name"]),
    ],
)
async def test_errors_are_those_of_the_stock_executor(
    ask: Ask, document: str, data: Any, path: list[str | int]
) -> None:
    answer = await ask(document)
    assert answer.data == data
    assert answer.errors[0]["path"] == path


async def test_introspection_is_the_stock_executors(ask: Ask) -> None:
    with agreeing() as agreement:
        answer = await ask("{ __schema { queryType { name } } }")
    assert answer.data == {"__schema": {"queryType": {"name": "Query"}}}
    assert agreement.ways == {"query left to the stock executor": 1}


async def test_a_mutation_whose_answer_surprises_is_done_once(ask: Ask) -> None:
    answer = await ask(
        'mutation { a: make(name: "one") { name failing } b: make(name: "two") { name } }'
    )
    assert _done == ["one", "two"]
    assert answer.data == {"a": {"name": "one", "failing": None}, "b": {"name": "two"}}
    assert [error["path"] for error in answer.errors] == [["a", "failing"]]


async def test_a_mutation_that_raises_is_not_tried_again(ask: Ask) -> None:
    answer = await ask(
        'mutation { a: make(name: "one") { name } b: make(name: "refused") { name }'
        ' c: make(name: "three") { name } }'
    )
    # Its field is never null, so that there is no answer left for the third to be a part of.
    assert _done == ["one", "refused"]
    assert answer.data is None
    assert [(error["path"], error["message"]) for error in answer.errors] == [(["b"], "Not that.")]


async def test_two_ways_to_ask_for_one_field_are_merged(ask: Ask) -> None:
    with agreeing() as agreement:
        answer = await ask(
            '{ ...A things(names: ["x"]) { later } } fragment A on Query { things(names: ["x"])'
            " { name ... on Thing @skip(if: true) { broken } } }"
        )
    assert agreement.ways == {"query by its plan": 1}
    assert answer.data == {"things": [{"name": "x", "later": "x later"}]}
