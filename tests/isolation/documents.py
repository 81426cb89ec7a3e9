"""Documents that nobody wrote: any selection of a schema's queries, with arguments of any kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st

DEEPEST = 6


@dataclass
class _Writer:
    """Writes one document; `texts` are what ids and words are drawn from."""

    schema: GraphQLSchema
    draw: Any
    texts: Sequence[str]
    variables: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    aliases: int = 0

    def selection(self, kind: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        names = [name for name, one in kind.fields.items() if self._possible(one, depth)]
        chosen = (
            self.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4)) if names else []
        )
        parts = [self._field(name, kind.fields[name], depth) for name in chosen]
        if not parts or self._now_and_then():
            parts.append("__typename")
        if isinstance(kind, GraphQLInterfaceType):
            possible = list(self.schema.get_possible_types(kind))
            parts += [self._fragment(self.draw(st.sampled_from(possible)), depth) for _ in range(3)]
        elif self._now_and_then():
            parts.append(self._fragment(kind, depth))
        return "{ " + " ".join(parts) + " }"

    def _field(self, name: str, one: GraphQLField, depth: int) -> str:
        arguments = self._arguments(one)
        alias = ""
        if arguments or self._now_and_then():
            self.aliases += 1
            alias = f"a{self.aliases}: "
        inner: Any = get_named_type(one.type)
        selected = "" if is_leaf_type(inner) else self.selection(inner, depth + 1)
        return f"{alias}{name}{arguments}{self._switch()} {selected}"

    def _fragment(self, kind: GraphQLObjectType, depth: int) -> str:
        if self.draw(st.booleans()):
            return f"... on {kind.name}{self._switch()} {self.selection(kind, depth + 1)}"
        name = f"Of{kind.name}"
        if name not in self.fragments:
            self.fragments[name] = ""  # no circles
            body = self.selection(kind, depth + 1)
            self.fragments[name] = f"fragment {name} on {kind.name} {body}"
        elif not self.fragments[name]:
            return "__typename"
        return f"...{name}{self._switch()}"

    def _switch(self) -> str:
        if not self._now_and_then():
            return ""
        directive = self.draw(st.sampled_from(("skip", "include")))
        if self.draw(st.booleans()):
            return f" @{directive}(if: {self.draw(st.sampled_from(('true', 'false')))})"
        name = self.draw(st.sampled_from(("on", "off")))
        self.declared[name] = "Boolean!"
        self.variables[name] = name == "on"
        return f" @{directive}(if: ${name})"

    def _arguments(self, one: GraphQLField) -> str:
        given = []
        for name, argument in one.args.items():
            required = isinstance(argument.type, GraphQLNonNull)
            if required or self.draw(st.booleans()):
                variable = f"v{len(self.declared)}"
                self.declared[variable] = str(argument.type)
                self.variables[variable] = self._value(argument.type)
                given.append(f"{name}: ${variable}")
        return f"({', '.join(given)})" if given else ""

    def _value(self, kind: Any) -> Any:
        match kind:
            case GraphQLNonNull(of_type=inner):
                return self._value(inner)
            case GraphQLList(of_type=inner):
                return [self._value(inner) for _ in range(self.draw(st.integers(0, 3)))]
            case GraphQLEnumType():
                return self.draw(st.sampled_from(sorted(kind.values)))
        if kind.name == "Int":
            return self.draw(st.sampled_from((0, 1, 2, 20, 100, 101, -1)))
        if kind.name == "Boolean":
            return self.draw(st.booleans())
        return self.draw(st.sampled_from(self.texts))

    def _possible(self, one: GraphQLField, depth: int) -> bool:
        if any(
            isinstance(get_named_type(argument.type), GraphQLInputObjectType)
            for argument in one.args.values()
        ):
            return False
        return depth < DEEPEST or is_leaf_type(get_named_type(one.type))

    def _now_and_then(self) -> bool:
        answer: bool = self.draw(st.integers(0, 5)) == 5
        return answer


@st.composite
def documents(
    draw: Any, schema: GraphQLSchema, texts: Sequence[str]
) -> tuple[str, Mapping[str, Any]]:
    """A query of the schema and its variables. Most are valid."""
    writer = _Writer(schema, draw, texts)
    assert schema.query_type is not None
    body = writer.selection(schema.query_type, 0)
    declared = ", ".join(f"${name}: {kind}" for name, kind in writer.declared.items())
    head = f"query Asked({declared})" if declared else "query Asked"
    return "\n".join((f"{head} {body}", *writer.fragments.values())), writer.variables
