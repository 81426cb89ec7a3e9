"""What a document may ask for at most, whoever sends it."""

import re
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    ValidationContext,
    ValidationRule,
    Visitor,
    get_named_type,
    visit,
)

from keystall.graphql.errors import ApiError, ErrorCode, bad_input

MAX_DEPTH = 15
"""Levels of fields, the standard introspection query (with 15) included."""
MAX_NESTED_LISTS = 2
"""Connections inside one another: two of 100 are 10,000 objects."""
MAX_ALIASES = 50
MAX_DIRECTIVES = 20
MAX_ROOT_MUTATIONS = 5
MAX_TOKENS = 4_000
MAX_BODY = {"storefront": 256 * 1024, "admin": 4 * 1024 * 1024, "operator": 64 * 1024}
"""Bytes of a request. The admin's takes pasted codes; more than that is for an upload."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """How deep a selection goes, fragments followed."""

    depth: int
    lists: int


UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and half characters: JSON can say them, no database can keep or compare them."""


class _Counter(Visitor):
    """Counts aliases, directives and unstorable texts of a whole document."""

    def __init__(self) -> None:
        super().__init__()
        self.aliases = 0
        self.directives = 0
        self.unstorable = 0

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        self.unstorable += UNSTORABLE.search(node.value) is not None

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.aliases += node.alias is not None

    def enter_directive(self, *_: Any) -> None:
        self.directives += 1


class DocumentLimits(ValidationRule):
    """Refuses documents that are too deep, too wide or too repetitive."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        self._extents: dict[str, _Extent] = {}

    def enter_document(self, document: DocumentNode, *_: Any) -> None:
        """Judges the document before the walk of the other rules goes on."""
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        counter = _Counter()
        visit(document, counter)
        self._at_most(counter.aliases, MAX_ALIASES, "aliases")
        self._at_most(counter.directives, MAX_DIRECTIVES, "directives")
        if counter.unstorable:
            self.report_error(bad_input("A text holds characters that cannot be stored."))
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._judge(definition)

    def _judge(self, operation: OperationDefinitionNode) -> None:
        root = self.context.schema.get_root_type(operation.operation)
        extent = self._extent(operation.selection_set, root)
        self._at_most(extent.depth, MAX_DEPTH, "levels of fields")
        self._at_most(extent.lists, MAX_NESTED_LISTS, "lists inside one another")
        if operation.operation is OperationType.MUTATION:
            fields = self._root_fields(operation.selection_set, set())
            self._at_most(fields, MAX_ROOT_MUTATIONS, "mutations")

    def _at_most(self, count: int, limit: int, what: str) -> None:
        if count > limit:
            message = f"The document has {count} {what}; {limit} are allowed."
            self.report_error(ApiError(ErrorCode.QUERY_TOO_COSTLY, message))

    def _extent(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None
    ) -> _Extent:
        depth = lists = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                answered = self._type_of(parent, selection.name.value)
                inner = self._extent(selection.selection_set, answered)
                paged = answered is not None and answered.name.endswith("Connection")
                found = _Extent(inner.depth + 1, inner.lists + paged)
            elif isinstance(selection, InlineFragmentNode):
                narrowed = selection.type_condition
                on = self._named(narrowed.name.value) if narrowed else parent
                found = self._extent(selection.selection_set, on)
            elif isinstance(selection, FragmentSpreadNode):
                found = self._fragment_extent(selection.name.value)
            depth, lists = max(depth, found.depth), max(lists, found.lists)
        return _Extent(depth, lists)

    def _type_of(self, parent: GraphQLNamedType | None, field: str) -> GraphQLNamedType | None:
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
            return None  # unknown: another rule says so
        definition = self.context.schema.get_field(parent, field)
        return get_named_type(definition.type) if definition else None

    def _named(self, name: str) -> GraphQLNamedType | None:
        return self.context.schema.get_type(name)

    def _fragment_extent(self, name: str) -> _Extent:
        """Each fragment once: otherwise a chain of them doubles the work at every link."""
        if name not in self._extents:
            # Stands while the fragment is measured, so that a circle ends; another rule names it.
            self._extents[name] = _Extent(0, 0)
            if fragment := self._fragments.get(name):
                on = self._named(fragment.type_condition.name.value)
                self._extents[name] = self._extent(fragment.selection_set, on)
        return self._extents[name]

    def _root_fields(self, selections: SelectionSetNode, seen: set[str]) -> int:
        count = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                count += 1
            elif isinstance(selection, InlineFragmentNode):
                count += self._root_fields(selection.selection_set, seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                if fragment := self._fragments.get(selection.name.value):
                    count += self._root_fields(fragment.selection_set, seen)
        return count
