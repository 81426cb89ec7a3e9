"""What a document may ask for at most, whoever sends it."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    InlineFragmentNode,
    ListValueNode,
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
MAX_ROOT_MUTATIONS = 5
MAX_TOKENS = 4_000
MAX_ITEMS = 250
"""Items of one list in arguments, written or in variables; most take fewer."""
MOST: Mapping[str, int] = {
    "operations": 20,
    "variables": 50,
    "fields": 1_000,
    "fields of one name side by side": 10,
    "fragments": 100,
    "fragments in use": 200,
    "aliases": 50,
    "directives": 20,
    "items in one list": MAX_ITEMS,
}
"""What a document may have of each, all operations and fragments together; of the second and the
fourth any one operation and any one pair of braces."""
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
    """Counts what a document has, before anything looks at it closely."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = dict.fromkeys(MOST, 0)
        self.unstorable = 0

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        self.unstorable += UNSTORABLE.search(node.value) is not None

    def enter_list_value(self, node: ListValueNode, *_: Any) -> None:
        self._longest("items in one list", len(node.values))

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        self.counts["operations"] += 1
        self._longest("variables", len(node.variable_definitions or ()))

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> None:
        names = Counter(
            (one.alias or one.name).value for one in node.selections if isinstance(one, FieldNode)
        )
        self._longest("fields of one name side by side", max(names.values(), default=0))

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.counts["fields"] += 1
        self.counts["aliases"] += node.alias is not None

    def enter_fragment_spread(self, *_: Any) -> None:
        self.counts["fragments in use"] += 1

    def enter_inline_fragment(self, *_: Any) -> None:
        self.counts["fragments in use"] += 1

    def enter_fragment_definition(self, *_: Any) -> None:
        self.counts["fragments"] += 1

    def enter_directive(self, *_: Any) -> None:
        self.counts["directives"] += 1

    def _longest(self, what: str, length: int) -> None:
        self.counts[what] = max(self.counts[what], length)


def overloads(document: DocumentNode) -> tuple[GraphQLError, ...]:
    """What a parsed document has too much of. Where it has, nothing else is to look at it: the
    rules of validation compare fields and fragments with one another."""
    counter = _Counter()
    visit(document, counter)
    found: list[GraphQLError] = [
        _too_many(counter.counts[what], most, what)
        for what, most in MOST.items()
        if counter.counts[what] > most
    ]
    if counter.unstorable:
        found.append(bad_input("A text holds characters that cannot be stored."))
    return tuple(found)


def unfit(variables: Mapping[str, Any]) -> ApiError | None:
    """What is wrong with variables whatever they are for: texts that no database keeps, and lists
    that are too long, however deep."""
    for name, value in variables.items():
        waiting = [value]
        while waiting:
            match waiting.pop():
                case str(text):
                    if UNSTORABLE.search(text):
                        return bad_input(
                            f"Variable ${name} holds characters that cannot be stored."
                        )
                case dict(fields):
                    waiting.extend(fields.values())
                case list(items):
                    if len(items) > MAX_ITEMS:
                        return _too_many(len(items), MAX_ITEMS, f"items in a list of ${name}")
                    waiting.extend(items)
    return None


def _too_many(count: int, limit: int, what: str) -> ApiError:
    message = f"There are {count} {what}; {limit} are allowed."
    return ApiError(ErrorCode.QUERY_TOO_COSTLY, message)


class DocumentLimits(ValidationRule):
    """Refuses documents that are too deep, fragments followed, or change too much at once."""

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
            self.report_error(_too_many(count, limit, what))

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
