"""What a field's arguments say of how much is asked for, whether written or in variables."""

from collections.abc import Mapping

from graphql import (
    ArgumentNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    value_from_ast_untyped,
)

from keystall.graphql.costs.sums import Count
from keystall.graphql.describing import assumed_length, counted_by


def number(argument: ArgumentNode | None, otherwise: int) -> int | Count:
    """How many an argument asks for."""
    if argument is None:
        return otherwise
    if isinstance(argument.value, VariableNode):
        name = argument.value.name.value
        return lambda variables: _whole(variables.get(name), otherwise)
    return _whole(value_from_ast_untyped(argument.value), otherwise)


def _whole(value: object, otherwise: int) -> int:
    return max(0, int(value)) if isinstance(value, int | float) else otherwise


def given(argument: ArgumentNode | None) -> int | Count:
    """1 where an argument says something, else 0."""
    if argument is None or isinstance(argument.value, NullValueNode):
        return 0
    if isinstance(argument.value, VariableNode):
        name = argument.value.name.value
        return lambda variables: int(variables.get(name) is not None)
    return 1


def length(definition: GraphQLField, arguments: Mapping[str, ArgumentNode]) -> int | Count:
    """How many objects a plain list has: as its field declares, or as many as are asked for."""
    by = counted_by(definition)
    if by is None:
        return assumed_length(definition) or 1
    argument = arguments.get(by)
    if argument is None:
        return 0
    if isinstance(argument.value, VariableNode):
        name = argument.value.name.value
        return lambda variables: _items(variables.get(name))
    return len(argument.value.values) if isinstance(argument.value, ListValueNode) else 1


def require_lengths(schema: GraphQLSchema) -> None:
    """Raises LookupError where a plain list of objects does not declare how long it is."""
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__"):
            continue
        if kind.name.endswith("Connection"):
            continue
        for name, field in kind.fields.items():
            listed = is_list_type(get_nullable_type(field.type))
            if not listed or is_leaf_type(get_named_type(field.type)):
                continue
            if assumed_length(field) is None and counted_by(field) is None:
                raise LookupError(f"{kind.name}.{name} needs `assumed`: see `list_resolver`")


def _items(value: object) -> int:
    """A single value stands for a list of one (specification, 3.11)."""
    return len(value) if isinstance(value, list) else int(value is not None)
