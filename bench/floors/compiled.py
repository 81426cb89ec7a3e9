"""A bound on field resolution: an operation's selection as one Python function over dict rows.

Leaves are type-checked and non-null positions tested, as GraphQL asks; a miss raises `Fallback`,
upon which a server would run the operation again in graphql-core for its exact errors. Only what
the floors need: one root field, objects, lists, built-in scalars, aliases, fragments.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    is_list_type,
    is_non_null_type,
    is_object_type,
    parse,
    validate,
)

Run = Callable[[Any], Any]


class Fallback(Exception):
    """The fast path met a value that it does not answer for."""


def need(value: Any) -> Any:
    if value is None:
        raise Fallback
    return value


def as_int(value: Any) -> int:
    if type(value) is not int or not -2147483648 <= value <= 2147483647:
        raise Fallback
    return value


def as_str(value: Any) -> str:
    if type(value) is not str:
        raise Fallback
    return value


def as_bool(value: Any) -> bool:
    if type(value) is not bool:
        raise Fallback
    return value


def as_id(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    raise Fallback


LEAVES = {"Int": as_int, "String": as_str, "Boolean": as_bool, "ID": as_id}
SCOPE = {"need": need, **{check.__name__: check for check in LEAVES.values()}}


class _Writer:
    """Writes the expression that answers one selection."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments, self._names = fragments, 0

    def fields(self, selected: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selected.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                yield from self.fields(self._fragments[node.name.value].selection_set)
            elif isinstance(node, InlineFragmentNode):
                yield from self.fields(node.selection_set)

    def value(self, source: str, kind: Any, node: FieldNode) -> str:
        if is_non_null_type(kind):
            inner = kind.of_type
            if is_object_type(inner) or is_list_type(inner):
                return self.value(f"need({source})", inner, node)
            return f"{LEAVES[inner.name].__name__}({source})"  # each refuses None
        name = self._name()
        if is_list_type(kind):
            return f"[{self.value(name, kind.of_type, node)} for {name} in {source}]"
        if is_object_type(kind):
            filled = f"{{{', '.join(self._parts(name, kind, node))}}}"
        else:
            filled = f"{LEAVES[kind.name].__name__}({name})"
        return f"(None if ({name} := {source}) is None else {filled})"

    def _parts(self, name: str, kind: Any, node: FieldNode) -> Iterator[str]:
        assert node.selection_set is not None
        for field in self.fields(node.selection_set):
            key, column = (field.alias or field.name).value, snake(field.name.value)
            source = self.value(f"{name}[{column!r}]", kind.fields[field.name.value].type, field)
            yield f"{key!r}: {source}"

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"


def snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


@lru_cache(512)
def compiled(schema: GraphQLSchema, text: str) -> Run:
    """From the root field's rows to its answer. Raises `GraphQLError` for an invalid document."""
    document = parse(text)
    if errors := validate(schema, document):
        raise errors[0]
    definitions = document.definitions
    fragments = {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}
    operation = next(d for d in definitions if isinstance(d, OperationDefinitionNode))
    writer = _Writer(fragments)
    root = next(writer.fields(operation.selection_set))
    assert schema.query_type is not None
    kind = schema.query_type.fields[root.name.value].type
    scope: dict[str, Any] = dict(SCOPE)
    exec("def run(root):\n return " + writer.value("root", kind, root), scope)
    run: Run = scope["run"]
    return run
