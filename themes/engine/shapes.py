"""The shape of a query's answer: which names a template may reach, and through what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)


@dataclass(frozen=True)
class Any_:
    """Nothing is known: everything is allowed."""


@dataclass(frozen=True)
class Leaf:
    """A scalar or enum."""


@dataclass(frozen=True)
class Record:
    """An object and its selected fields."""

    fields: dict[str, "Shape"] = field(default_factory=dict)


@dataclass(frozen=True)
class Sequence_:
    """A list of one shape."""

    item: "Shape"


Shape = Any_ | Leaf | Record | Sequence_
ANY = Any_()


def answer_shape(
    schema: GraphQLSchema, document: DocumentNode, selections: SelectionSetNode, root: Any
) -> Record:
    """The shape of `selections` on `root`; the document must be valid."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return _Shaper(schema, fragments).record(selections, root)


@dataclass(frozen=True)
class _Shaper:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]

    def record(self, selections: SelectionSetNode, parent: Any) -> Record:
        fields: dict[str, Shape] = {}
        for node in selections.selections:
            for name, shape in self._members(node, parent).items():
                fields[name] = _merged(fields[name], shape) if name in fields else shape
        return Record(fields)

    def _members(self, node: Any, parent: Any) -> Mapping[str, Shape]:
        if isinstance(node, FragmentSpreadNode):
            fragment = self.fragments[node.name.value]
            kind = self.schema.type_map[fragment.type_condition.name.value]
            return self.record(fragment.selection_set, kind).fields
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            kind = self.schema.type_map[condition.name.value] if condition else parent
            return self.record(node.selection_set, kind).fields
        assert isinstance(node, FieldNode)  # noqa: S101 - the only other selection
        key = node.alias.value if node.alias else node.name.value
        if node.name.value == "__typename":
            return {key: Leaf()}
        return {key: self._typed(parent.fields[node.name.value].type, node)}

    def _typed(self, kind: Any, node: FieldNode) -> Shape:
        if is_non_null_type(kind):
            return self._typed(kind.of_type, node)
        if is_list_type(kind):
            return Sequence_(self._typed(kind.of_type, node))
        if node.selection_set is None:
            return Leaf() if kind.name != "JSON" else ANY
        return self.record(node.selection_set, get_named_type(kind))


def _merged(one: Shape, other: Shape) -> Shape:
    if isinstance(one, Record) and isinstance(other, Record):
        both = dict(one.fields)
        for name, shape in other.fields.items():
            both[name] = _merged(both[name], shape) if name in both else shape
        return Record(both)
    if isinstance(one, Sequence_) and isinstance(other, Sequence_):
        return Sequence_(_merged(one.item, other.item))
    return one
