"""What an operation costs, known before it runs: from its document and its variables alone.

A plain value costs nothing, an object 1, a page of a list 2 and for each item that is asked for
what the item costs, a search 5, a mutation 10, introspection 300. A plain list of objects counts
as long as its field declares (`describing.described(assumed=)`), `nodes(ids:)` by its ids. What
`@skip` and `@include` leave out is not counted; of an interface's types the dearest is. The same
field asked for twice under one name is one field, as it is for the executor; under different
conditions it counts for each, so a cost is never too small.

The cost of a document is built once, as a sum in which only what hangs on variables is left open;
each request then fills in its variables.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    value_from_ast_untyped,
)

from keystall.graphql.costs.arguments import given, length, number
from keystall.graphql.costs.sums import Cost, Count, Variables, dearest, summed, value
from keystall.graphql.errors import ApiError, ErrorCode
from keystall.graphql.relay import DEFAULT_FIRST

OBJECT = 1
CONNECTION = 2
SEARCH = 5
MUTATION = 10
INTROSPECTION = 300

_MOST = 2**31 - 1
"""Larger ones are told as this: the numbers in variables can be of any size."""
_MAX_STEPS = 20_000
"""Selections looked at while a document's cost is built; only a document made for it has more."""

_SEARCHING = "query"
"""The argument that makes a list a search, whichever list takes it."""

Conditions: TypeAlias = frozenset[tuple[str, bool]]
"""Variables and what they must be for a selection to count."""
Sets: TypeAlias = tuple[SelectionSetNode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OperationCost:
    """The cost of one operation, open in its variables."""

    cost: Cost
    defaults: Variables

    def of(self, variables: Variables) -> int:
        """What it costs with these variables, as they came: wrong ones are refused later."""
        if isinstance(self.cost, int):
            return self.cost
        return min(_MOST, value(self.cost, {**self.defaults, **variables}, {}))


def costs(
    schema: GraphQLSchema,
    operations: Iterable[OperationDefinitionNode],
    fragments: Mapping[str, FragmentDefinitionNode],
) -> tuple[OperationCost, ...]:
    """The costs of a valid document's operations. Raises ApiError where even finding them out
    would be too much."""
    counter = _Counter(schema, fragments)
    return tuple(OperationCost(counter.operation(one), _defaults(one)) for one in operations)


@dataclass(slots=True)
class _Asked:
    """One field of an answer: everything asked of it, under the same conditions."""

    node: FieldNode
    sets: list[SelectionSetNode] = field(default_factory=list)


class _Counter:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._known: dict[tuple[str, tuple[int, ...]], Cost] = {}
        self._steps = 0

    def operation(self, operation: OperationDefinitionNode) -> Cost:
        root = self._schema.get_root_type(operation.operation)
        assert root is not None  # noqa: S101 - the document is valid
        base = MUTATION if operation.operation is OperationType.MUTATION else OBJECT
        fields = self._fields((operation.selection_set,), root)
        return summed(0, ((when, self._field(root, one, base)) for when, one in fields))

    def _selection(self, sets: Sets, kind: GraphQLNamedType) -> Cost:
        """What is asked of one object of `kind`, the object itself not counted."""
        key = (kind.name, tuple(id(one) for one in sets))
        if key not in self._known:
            if isinstance(kind, GraphQLObjectType):
                fields = self._fields(sets, kind)
                parts = [(when, self._field(kind, one, OBJECT)) for when, one in fields]
                self._known[key] = summed(0, parts)
            else:
                possible = self._schema.get_possible_types(kind) if is_abstract_type(kind) else ()
                self._known[key] = dearest([self._selection(sets, one) for one in possible])
        return self._known[key]

    def _field(self, parent: GraphQLObjectType, asked: _Asked, base: int) -> Cost:
        name = asked.node.name.value
        if name in ("__schema", "__type"):
            return INTROSPECTION
        definition = parent.fields.get(name)
        if definition is None:  # __typename
            return 0
        arguments = {one.name.value: one for one in asked.node.arguments or ()}
        extra: list[tuple[int | Count, Cost]] = []
        if _SEARCHING in definition.args:
            extra.append((given(arguments.get(_SEARCHING)), SEARCH))
        kind = get_named_type(definition.type)
        if is_leaf_type(kind):
            return summed(base if base == MUTATION else 0, extra)
        sets = tuple(asked.sets)
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection"):
            flat, item = self._page(sets, kind)
            asked_for = number(arguments.get("first"), DEFAULT_FIRST)
            return summed(CONNECTION, [(1, flat), (asked_for, item), *extra])
        inner = self._selection(sets, kind)
        if is_list_type(get_nullable_type(definition.type)):
            one = summed(base, [(1, inner)])
            return summed(0, [(length(definition, arguments), one), *extra])
        return summed(base, [(1, inner), *extra])

    def _page(self, sets: Sets, kind: GraphQLObjectType) -> tuple[Cost, Cost]:
        """What a page costs besides its items, and each of its items."""
        flat: list[tuple[int | Count, Cost]] = []
        items: list[tuple[int | Count, Cost]] = []
        for when, asked in self._fields(sets, kind):
            name = asked.node.name.value
            if name == "nodes":
                inner = self._selection(tuple(asked.sets), get_named_type(kind.fields[name].type))
                items.append((when, summed(OBJECT, [(1, inner)])))
            elif name == "edges":
                edge = self._selection(tuple(asked.sets), get_named_type(kind.fields[name].type))
                items.append((when, summed(0, [(1, edge)], least=OBJECT)))
            elif name != "pageInfo":
                flat.append((when, self._field(kind, asked, OBJECT)))
        return summed(0, flat), summed(0, items)

    def _fields(self, sets: Sets, kind: GraphQLObjectType) -> list[tuple[int | Count, _Asked]]:
        """The fields that are asked of an object (specification, 6.3.2), each with when."""
        found: dict[tuple[str, Conditions], _Asked] = {}
        seen: set[tuple[str, Conditions]] = set()
        waiting: list[tuple[SelectionSetNode, Conditions]] = [
            (one, frozenset()) for one in reversed(sets)
        ]
        while waiting:
            selections, under = waiting.pop()
            for selection in selections.selections:
                self._steps += 1
                if self._steps > _MAX_STEPS:
                    message = "The document repeats itself too often for its cost to be known."
                    raise ApiError(ErrorCode.QUERY_TOO_COSTLY, message)
                conditions = _conditions(selection.directives or (), under)
                if conditions is None:
                    continue
                if isinstance(selection, FieldNode):
                    response = (selection.alias or selection.name).value
                    asked = found.setdefault((response, conditions), _Asked(selection))
                    if selection.selection_set:
                        asked.sets.append(selection.selection_set)
                elif isinstance(selection, InlineFragmentNode):
                    narrowed = selection.type_condition
                    if narrowed is None or self._fits(kind, narrowed.name.value):
                        waiting.append((selection.selection_set, conditions))
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    fragment = self._fragments[name]
                    if (name, conditions) not in seen and self._fits(
                        kind, fragment.type_condition.name.value
                    ):
                        seen.add((name, conditions))
                        waiting.append((fragment.selection_set, conditions))
        return [(_when(conditions), asked) for (_, conditions), asked in found.items()]

    def _fits(self, kind: GraphQLObjectType, name: str) -> bool:
        if kind.name == name:
            return True
        wanted = self._schema.get_type(name)
        return isinstance(wanted, GraphQLInterfaceType) and self._schema.is_sub_type(wanted, kind)


def _conditions(directives: Iterable[DirectiveNode], under: Conditions) -> Conditions | None:
    """The conditions with those of a selection's own; None for what is never asked."""
    for directive in directives:
        wanted = {"include": True, "skip": False}.get(directive.name.value)
        if wanted is None:
            continue
        told = next((one.value for one in directive.arguments or ()), None)
        if isinstance(told, VariableNode):
            under |= {(told.name.value, wanted)}
        elif isinstance(told, BooleanValueNode) and told.value is not wanted:
            return None
    return under


def _when(conditions: Conditions) -> int | Count:
    if not conditions:
        return 1
    return lambda variables: int(
        all(variables.get(name, wanted) is wanted for name, wanted in conditions)
    )


def _defaults(operation: OperationDefinitionNode) -> Variables:
    return {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }
