"""What anyone may see, whoever asks: the part of a schema whose answers may be kept for all.

Types and root fields say of themselves that they are `public` (see `describing`); a document whose
every field is, asked by nobody in particular, has one answer for everyone. What was not marked is
private: a new type or field is never kept because somebody forgot it.
"""

from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)

from keystall.graphql.describing import PUBLIC
from keystall.graphql.documents import Document
from keystall.graphql.schema import KeystallSchema


@lru_cache(maxsize=1024)
def is_public(schema: KeystallSchema, document: Document, operation_name: str | None) -> bool:
    """Whether an operation of a valid document asks for nothing but what anyone may see. Conditions
    count as met."""
    operation = document.operation(operation_name)
    fragments = {
        node.name.value: node
        for node in document.ast.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    used: dict[str, FragmentDefinitionNode] = {}
    waiting: list[OperationDefinitionNode | FragmentDefinitionNode] = [operation]
    while waiting:
        for name in _spread(waiting.pop()) - used.keys():
            used[name] = fragments[name]
            waiting.append(fragments[name])
    alone = DocumentNode(definitions=(operation, *used.values()))
    return not private_parts(schema._schema, alone)


def public_roots(schema: GraphQLSchema) -> set[str]:
    """The fields that a public query begins with."""
    assert schema.query_type is not None  # noqa: S101 - each of ours has one
    return {name for name, field in schema.query_type.fields.items() if _field_is_public(field)}


def private_parts(schema: GraphQLSchema, document: DocumentNode) -> list[str]:
    """Fields of a valid document that not everyone may see, such as "Query.cart"; none of them:
    its answer is the same for all who ask in one language and currency."""
    info = TypeInfo(schema)
    private = _Private(info)
    visit(document, TypeInfoVisitor(info, private))
    return private.found


def _spread(node: OperationDefinitionNode | FragmentDefinitionNode) -> set[str]:
    spreads = _Spreads()
    visit(node, spreads)
    return spreads.names


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.add(node.name.value)


class _Private(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info
        self.found: list[str] = []

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if node.operation is not OperationType.QUERY:
            self.found.append(node.operation.value)

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent, name = self._info.get_parent_type(), node.name.value
        if name == "__typename" or parent is None:
            return
        if not (_type_is_public(parent) or _field_is_public(self._info.get_field_def())):
            self.found.append(f"{parent.name}.{name}")


def _type_is_public(kind: Any) -> bool:
    definition = kind.extensions.get("strawberry-definition")
    if definition is None:
        return False
    # Of a generic type the mark stands on the type that was written, not on what was made of it;
    # and a type that only inherits from a public one is not public.
    written = definition.concrete_of or definition
    return PUBLIC in vars(written.origin)


def _field_is_public(field: Any) -> bool:
    definition = field.extensions.get("strawberry-definition") if field is not None else None
    return definition is not None and PUBLIC in definition.metadata
