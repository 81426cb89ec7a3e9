"""An operation for each query, mutation and subscription of a schema, with its variables: made of
the schema.

It asks for the plain fields of what is answered and of what stands right below, and for nothing
that takes more permission than the root field itself, shows a code or is deprecated.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
    print_ast,
)

from keystall.graphql.reference.values import value

_PLAIN = 10
_BELOW = 4
"""So many plain fields are asked of the thing itself, and so many of each below it."""
_DEEP = 2
_SHOWN = frozenset({"first", "idempotencyKey"})
"""Arguments that examples have although they may be left out."""
_SMALL: Mapping[str, str] = {
    "Money": "amount currencyCode",
    "PageInfo": "hasNextPage endCursor",
}
_LEFT_OUT = frozenset({("Code", "secret")})
"""Each answer of it is recorded as a reveal: nobody should cause one by trying an example."""

_NOUNS: Mapping[str, str] = {"listingStop": "Product"}
"""Mutations that are not named for the type whose id they take."""

Fits = Callable[[GraphQLObjectType, str], bool]


@dataclass(frozen=True, slots=True)
class Example:
    """A document of one operation, and variables for it as JSON has them."""

    document: str
    variables: Mapping[str, Any]


def example(schema: GraphQLSchema, root: OperationType, name: str, fits: Fits) -> Example:
    """An operation that asks for the root field `name`. `fits`: whether a field below may be asked
    for by whoever may ask for this one."""
    kind = schema.get_root_type(root)
    assert kind is not None  # noqa: S101 - nobody asks for one that the schema has not
    field = kind.fields[name]
    shown = {
        argument: taken
        for argument, taken in field.args.items()
        if is_required_argument(taken) or argument in _SHOWN
    }
    thing = _thing(schema, field, name)
    variables = {argument: value(argument, one.type, thing) for argument, one in shown.items()}
    declared = ", ".join(f"${argument}: {one.type}" for argument, one in shown.items())
    given = ", ".join(f"{argument}: ${argument}" for argument in shown)
    title = name[:1].upper() + name[1:]
    inner = _Selection(schema, fits).of(field, _DEEP, ())
    text = (
        f"{root.value} {title}{f'({declared})' if declared else ''} {{"
        f" {name}{f'({given})' if given else ''} {inner} }}"
    )
    return Example(print_ast(parse(text)), variables)


def _thing(schema: GraphQLSchema, field: GraphQLField, name: str) -> str:
    """The type that the argument `id` of a root field is about."""
    answer = get_named_type(field.type)
    if isinstance(answer, GraphQLInterfaceType):
        return _likeliest(schema, answer).name
    if not answer.name.endswith("Payload"):
        return answer.name
    # Mutations are named noun first, and the longest noun is meant: an order's in orderRefund.
    nouns = [one for one in schema.type_map if name.startswith(one[:1].lower() + one[1:])]
    return _NOUNS.get(name) or max(nouns, key=len, default=answer.name)


def _likeliest(schema: GraphQLSchema, kind: GraphQLInterfaceType) -> GraphQLObjectType:
    """The type that most ask for by an interface."""
    possible = schema.get_possible_types(kind)
    return next((one for one in possible if one.name == "Product"), possible[0])


@dataclass(frozen=True, slots=True)
class _Selection:
    schema: GraphQLSchema
    fits: Fits

    def of(self, field: GraphQLField, deep: int, above: tuple[str, ...]) -> str:
        """What is asked of a field, in braces; empty of a plain one."""
        kind = get_named_type(field.type)
        if is_leaf_type(kind):
            return ""
        if isinstance(kind, GraphQLInterfaceType):
            likely = _likeliest(self.schema, kind)
            plain = " ".join(self._plain(likely, _BELOW))
            return f"{{ __typename id ... on {likely.name} {{ {plain} }} }}"
        if not isinstance(kind, GraphQLObjectType):
            raise LookupError(f"{kind.name}: examples know objects and interfaces only")
        if kind.name in _SMALL:
            return f"{{ {_SMALL[kind.name]} }}"
        if kind.name.endswith("Connection"):
            nodes = self.of(kind.fields["nodes"], deep - 1 if above else deep, above)
            return f"{{ nodes {nodes} pageInfo {{ {_SMALL['PageInfo']} }} }}" if nodes else ""
        asked = self._plain(kind, _BELOW if above and deep < _DEEP else _PLAIN)
        asked += self._below(kind, deep, (*above, kind.name))
        return f"{{ {' '.join(asked)} }}" if asked else "{ __typename }"

    def _plain(self, kind: GraphQLObjectType, most: int) -> list[str]:
        return [name for name, one in self._askable(kind) if is_leaf_type(_named(one))][:most]

    def _below(self, kind: GraphQLObjectType, deep: int, above: tuple[str, ...]) -> Iterator[str]:
        # What went wrong comes last, as people write it.
        found = sorted(self._askable(kind), key=lambda pair: pair[0] == "userErrors")
        for name, one in found:
            inner = _named(one)
            if is_leaf_type(inner) or inner.name in above:
                continue
            paged = inner.name.endswith("Connection")
            if inner.name in _SMALL or inner.name.endswith("UserError"):
                yield f"{name} {self.of(one, 0, above)}"
            elif deep > 0 and (not paged or deep == _DEEP):
                yield f"{name}{'(first: 3)' if paged else ''} {self.of(one, deep - 1, above)}"

    def _askable(self, kind: GraphQLObjectType) -> Iterator[tuple[str, GraphQLField]]:
        for name, one in kind.fields.items():
            if one.deprecation_reason is not None or (kind.name, name) in _LEFT_OUT:
                continue
            if any(is_required_argument(taken) for taken in one.args.values()):
                continue
            if self.fits(kind, name):
                yield name, one


def _named(field: GraphQLField) -> Any:
    return get_named_type(field.type)
