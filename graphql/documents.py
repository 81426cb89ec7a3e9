"""What clients ask with: documents, each parsed and validated once for a schema, kept by its text.

Strawberry's own caches know a document by its tree, whose hash costs as much as running it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import MaxIntrospectionDepthRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from keystall.graphql.costs.counting import OperationCost, costs
from keystall.graphql.deprecations import deprecated_given, deprecated_in, has_deprecated
from keystall.graphql.errors import bad_input
from keystall.graphql.limits import MAX_TOKENS, DocumentLimits, overloads
from keystall.graphql.plans.compiling import Plans

KEPT = 512
"""Documents of a schema that a process keeps; our own pages have about 150 in all."""

_RULES = (
    *specified_rules,
    DocumentLimits,
    MaxIntrospectionDepthRule,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A parsed document, its plans, and what validation found wrong with it.

    `costs` has one for each operation; none where there are faults. `deprecated` are the fields,
    arguments and values of that kind that it names.
    """

    ast: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]
    faults: tuple[GraphQLError, ...]
    costs: tuple[OperationCost, ...]
    plans: Plans
    deprecated: tuple[str, ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation that is to run. Raises GraphQLError where that is not clear (specification,
        6.1)."""
        if name is None:
            if len(self.operations) == 1:
                return self.operations[0]
            raise bad_input(
                "The document has several operations: name one in `operationName`."
                if self.operations
                else "The document has no operation."
            )
        for operation in self.operations:
            if operation.name and operation.name.value == name:
                return operation
        raise bad_input(f'Unknown operation named "{name}".')

    def cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        """What one of its operations costs with these variables, where there are no faults."""
        for one, cost in zip(self.operations, self.costs, strict=True):
            if one is operation:
                return cost.of(variables)
        raise LookupError("an operation of another document")


class Documents:
    """The documents of one schema. `suggestions`: whether faults may name what exists."""

    def __init__(self, schema: GraphQLSchema, *, suggestions: bool) -> None:
        self._schema = schema
        self._suggestions = suggestions
        self._some_deprecated = has_deprecated(schema)
        self.read = lru_cache(KEPT)(self._read)

    def deprecated(
        self, text: str, operation_name: str | None, variables: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """What is deprecated of a valid document and of the variables that came with it."""
        document = self.read(text)
        if not self._some_deprecated:
            return document.deprecated
        operation = document.operation(operation_name)
        given = deprecated_given(self._schema, operation, variables)
        return tuple(sorted(given.union(document.deprecated)))

    def _read(self, text: str) -> Document:
        """The document of a text. Raises GraphQLError where it cannot be parsed."""
        if not text:
            raise bad_input("The document is empty.")
        ast = parse(text, max_tokens=MAX_TOKENS)
        faults = overloads(ast) or tuple(
            validate(self._schema, ast, _RULES, hide_suggestions=not self._suggestions)
        )
        operations = tuple(
            node for node in ast.definitions if isinstance(node, OperationDefinitionNode)
        )
        found = () if faults else costs(self._schema, operations, _fragments(ast))
        old = self._some_deprecated and not faults
        deprecated = deprecated_in(self._schema, ast) if old else ()
        return Document(ast, operations, faults, found, Plans(self._schema, ast), deprecated)


def _fragments(ast: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        node.name.value: node
        for node in ast.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
