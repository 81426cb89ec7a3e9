"""Which deprecated fields, arguments and values are asked for: named in a document, or given by
the variables that came with it."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    type_from_ast,
    visit,
)


def has_deprecated(schema: GraphQLSchema) -> bool:
    """Whether anything of the schema is deprecated at all."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLEnumType):
            if any(one.deprecation_reason is not None for one in kind.values.values()):
                return True
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields.values():
                places = (field, *field.args.values())
                if any(one.deprecation_reason is not None for one in places):
                    return True
        elif isinstance(kind, GraphQLInputObjectType) and any(
            one.deprecation_reason is not None for one in kind.fields.values()
        ):
            return True
    return False


def deprecated_in(schema: GraphQLSchema, ast: DocumentNode) -> tuple[str, ...]:
    """What of a valid document is deprecated, in order: `Type.field`, `Type.field(argument:)`,
    `Input.field`, `Enum.VALUE`."""
    types = TypeInfo(schema)
    finder = _Finder(types)
    visit(ast, TypeInfoVisitor(types, finder))
    return tuple(sorted(finder.found))


def deprecated_given(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> set[str]:
    """What is deprecated of the variables of a valid operation: `Input.field`, `Enum.VALUE`.
    Variables that nobody declared count for nothing, as for the operation itself."""
    found: set[str] = set()
    waiting: list[tuple[Any, Any]] = [
        (type_from_ast(schema, one.type), variables.get(one.variable.name.value))
        for one in operation.variable_definitions or ()
    ]
    while waiting:
        kind, given = waiting.pop()
        named = get_named_type(kind)
        if isinstance(given, list):
            waiting += ((named, one) for one in given)
        elif isinstance(named, GraphQLEnumType) and isinstance(given, str):
            value = named.values.get(given)
            if value is not None and value.deprecation_reason is not None:
                found.add(f"{named.name}.{given}")
        elif isinstance(named, GraphQLInputObjectType) and isinstance(given, Mapping):
            for name in given.keys() & named.fields.keys():
                field = named.fields[name]
                if field.deprecation_reason is not None:
                    found.add(f"{named.name}.{name}")
                waiting.append((field.type, given[name]))
    return found


class _Finder(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.found: set[str] = set()

    def _see(self, thing: Any, place: str) -> None:
        if thing is not None and thing.deprecation_reason is not None:
            self.found.add(place)

    def enter_field(self, node: Any, *_: Any) -> None:
        field, parent = self._types.get_field_def(), self._types.get_parent_type()
        if field is None or parent is None:
            return
        place = f"{parent.name}.{node.name.value}"
        self._see(field, place)
        for one in node.arguments or ():
            self._see(field.args.get(one.name.value), f"{place}({one.name.value}:)")

    def enter_object_field(self, node: Any, *_: Any) -> None:
        kind = get_named_type(self._types.get_parent_input_type())
        if isinstance(kind, GraphQLInputObjectType):
            name = node.name.value
            self._see(kind.fields.get(name), f"{kind.name}.{name}")

    def enter_enum_value(self, node: Any, *_: Any) -> None:
        kind = get_named_type(self._types.get_input_type())
        if isinstance(kind, GraphQLEnumType):
            self._see(self._types.get_enum_value(), f"{kind.name}.{node.value}")
