"""Variables of a page's query: from the visit, the path and the query string, in this order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
)

from keystall.themes.engine.codec import variable_types

_TRUE, _FALSE = frozenset({"true", "1", "on"}), frozenset({"false", "0", "off"})


@dataclass(frozen=True)
class QueryCodec:
    """Reads scalars and enums; a query-string value that is none is left out, as are unknown names.

    A link may have been typed, shortened or decorated by somebody else's tracking: a page answers
    it with its defaults rather than with an error.
    """

    schema: GraphQLSchema
    operation: OperationDefinitionNode

    def variables(
        self, fixed: Mapping[str, str | None], query: Mapping[str, str]
    ) -> dict[str, Any]:
        """The operation's variables; `fixed` beats `query`."""
        found: dict[str, Any] = {}
        for name, kind in variable_types(self.schema, self.operation).items():
            text = fixed[name] if name in fixed else query.get(name)
            if text is None or (text == "" and name not in fixed):
                continue
            bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
            value = _scalar(bare, text)
            if value is not None:
                found[name] = value
        return found


def _scalar(kind: Any, text: str) -> Any:
    if isinstance(kind, GraphQLEnumType):
        return text if text in kind.values else None
    if not isinstance(kind, GraphQLScalarType):
        return None
    match kind.name:
        case "Int":
            small = len(text) < 10 and text.isascii() and text.removeprefix("-").isdigit()
            return int(text) if small else None
        case "Boolean":
            return True if text in _TRUE else False if text in _FALSE else None
        case _:
            return text
