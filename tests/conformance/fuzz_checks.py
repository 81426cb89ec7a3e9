"""What schemathesis holds every answer to. It runs in schemathesis's own environment.

Its built-in check takes each error of a resolver for a failure of the server; here UNAUTHENTICATED
and the like are answers, and INTERNAL is not. Beside that, data are compared with the SDL that is
committed, field by field.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import schemathesis  # type: ignore[import-not-found]  # in an environment of its own
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeNameMetaFieldDef,
    build_schema,
    parse,
)

ROOT = Path(__file__).parents[2]
TOLD = {
    "UNAUTHENTICATED", "FORBIDDEN", "THROTTLED", "QUERY_TOO_COSTLY", "BAD_USER_INPUT",
    "PERSISTED_QUERY_NOT_FOUND",
}  # fmt: skip
"""Codes of errors that a client can cause."""


@schemathesis.check  # type: ignore[untyped-decorator]
def answered_as_the_schema_says(ctx: Any, response: Any, case: Any) -> None:
    """No failure of the server, no code that is not documented, no value against the schema."""
    assert response.status_code < 500, f"status {response.status_code}"
    answer = response.json()
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] in TOLD, error
        assert error["extensions"]["requestId"], error
    if answer.get("data") is not None:
        asked = json.loads(response.request.body)["query"]
        surface = urlsplit(response.request.url).path.rpartition("/")[2]
        _Reading(_schema(surface), asked).compare(answer["data"])


@cache
def _schema(surface: str) -> GraphQLSchema:
    return build_schema((ROOT / "graphql" / f"{surface}.graphql").read_text("utf-8"))


class _Reading:
    """A document beside its answer."""

    def __init__(self, schema: GraphQLSchema, document: str) -> None:
        self._schema = schema
        definitions = parse(document).definitions
        self._fragments = {
            one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)
        }
        (self._operation,) = (
            one for one in definitions if isinstance(one, OperationDefinitionNode)
        )

    def compare(self, data: dict[str, Any]) -> None:
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None
        self._object(data, root, [self._operation.selection_set], "data")

    def _object(
        self, found: Any, kind: GraphQLObjectType, sets: list[SelectionSetNode], at: str
    ) -> None:
        assert isinstance(found, dict), f"{at} is no object"
        asked: dict[str, list[FieldNode]] = {}
        for one in sets:
            self._collect(one, kind, asked)
        assert set(found) == set(asked), f"{at} has {set(found)}, not {set(asked)}"
        for name, nodes in asked.items():
            known = kind.fields.get(nodes[0].name.value, TypeNameMetaFieldDef)
            below = [node.selection_set for node in nodes if node.selection_set]
            self._value(found[name], known.type, below, f"{at}.{name}")

    def _value(self, found: Any, kind: Any, below: list[SelectionSetNode], at: str) -> None:
        if isinstance(kind, GraphQLNonNull):
            assert found is not None, f"{at} is null"
            kind = kind.of_type
        if found is None:
            return
        if isinstance(kind, GraphQLList):
            assert isinstance(found, list), f"{at} is no list"
            for index, item in enumerate(found):
                self._value(item, kind.of_type, below, f"{at}.{index}")
        elif isinstance(kind, GraphQLObjectType):
            self._object(found, kind, below, at)
        elif isinstance(kind, GraphQLInterfaceType):
            if "__typename" in found:  # or nothing tells what it is
                self._object(found, self._schema.type_map[found["__typename"]], below, at)  # type: ignore[arg-type]
        elif isinstance(kind, GraphQLEnumType):
            assert found in kind.values, f"{at} is {found!r}, which {kind.name} does not have"
        else:
            _scalar(found, kind.name, at)

    def _collect(
        self, selections: SelectionSetNode, kind: GraphQLObjectType, asked: dict[str, Any]
    ) -> None:
        for one in selections.selections:
            if isinstance(one, FieldNode):
                asked.setdefault((one.alias or one.name).value, []).append(one)
                continue
            fragment: Any = one
            if isinstance(one, FragmentSpreadNode):
                fragment = self._fragments[one.name.value]
            condition = fragment.type_condition
            on = self._schema.type_map[condition.name.value] if condition else kind
            if on is kind or (
                isinstance(on, GraphQLInterfaceType) and self._schema.is_sub_type(on, kind)
            ):
                self._collect(fragment.selection_set, kind, asked)


def _scalar(found: Any, name: str, at: str) -> None:
    fits = {
        "Int": isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**31,
        "Float": isinstance(found, int | float) and not isinstance(found, bool),
        "Boolean": isinstance(found, bool),
        "String": isinstance(found, str),
        "ID": isinstance(found, str),
        "DateTime": isinstance(found, str),
    }
    assert fits.get(name, True), f"{at} is {found!r}, which is no {name}"
