"""Documents that ask for nothing but what a shop shows to everyone."""

from collections.abc import Mapping

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationType,
    SelectionSetNode,
)

from keystall.graphql.documents import Document

PUBLIC = frozenset({"shop", "categories", "category", "products", "product"})
"""Root fields of the storefront whose answers hang on shop, language, currency and moment alone."""


def only_catalogue(document: Document, operation_name: str | None) -> bool:
    """Whether an operation of a valid document reads the catalogue and nothing else. Conditions
    count as met."""
    operation = document.operation(operation_name)
    if operation.operation is not OperationType.QUERY:
        return False
    fragments = {
        node.name.value: node
        for node in document.ast.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return _fields(operation.selection_set, fragments) <= PUBLIC | {"__typename"}


def _fields(root: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> set[str]:
    """The root fields, each fragment looked at once."""
    names: set[str] = set()
    spread: set[str] = set()
    waiting = [root]
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            elif isinstance(selection, InlineFragmentNode):
                waiting.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                waiting.append(fragments[selection.name.value].selection_set)
    return names
