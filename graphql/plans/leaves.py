"""Scalars and enums: what a resolver gives, and what of it goes into the answer."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, TypeAlias

from graphql import GraphQLLeafType
from strawberry.schema.schema_converter import CustomGraphQLEnumType

Finish: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
"""Answers what the given values of a leaf type are in the answer; None stays None.

Raises Surprise for a value that the type has to convert or to refuse.
"""

_INT = range(-(2**31), 2**31)
"""GraphQL's Int (specification, 3.5.1)."""
_AS_THEY_ARE: Mapping[str, type] = {"String": str, "ID": str, "URL": str, "Boolean": bool}


class Surprise(Exception):
    """A plan has no answer to this; the stock executor has."""


def finishing(leaf: GraphQLLeafType) -> Finish:
    """How values of a leaf type are finished."""
    if leaf.name in _AS_THEY_ARE:
        return _as_they_are({_AS_THEY_ARE[leaf.name], NoneType})
    if leaf.name == "Int":
        return _whole
    if leaf.name == "Float":
        return _real
    if isinstance(leaf, CustomGraphQLEnumType):
        return _named(leaf)
    return _converted(leaf.coerce_output_value)


def finishing_present(leaf: GraphQLLeafType) -> Finish:
    """The same of a leaf type without null."""
    if leaf.name in _AS_THEY_ARE:
        return _as_they_are({_AS_THEY_ARE[leaf.name]})
    finish = finishing(leaf)

    def finish_present(values: Sequence[Any]) -> Sequence[Any]:
        if NoneType in map(type, values):
            raise Surprise
        return finish(values)

    return finish_present


def _as_they_are(known: set[type]) -> Finish:
    def finish(values: Sequence[Any]) -> Sequence[Any]:
        if not known.issuperset(map(type, values)):
            raise Surprise
        return values

    return finish


def _whole(values: Sequence[Any]) -> Sequence[Any]:
    for value in values:
        if value is not None and (type(value) is not int or value not in _INT):
            raise Surprise
    return values


def _real(values: Sequence[Any]) -> Sequence[Any]:
    for value in values:
        if value is not None and (type(value) is not float or not math.isfinite(value)):
            raise Surprise
    return values


def _named(leaf: CustomGraphQLEnumType) -> Finish:
    """Members are known by heart: strawberry looks through all of them for each."""
    members: Iterable[Any] = leaf.wrapped_cls
    names = {member: leaf.coerce_output_value(member) for member in members}
    others = _converted(leaf.coerce_output_value)

    def finish(values: Sequence[Any]) -> Sequence[Any]:
        try:
            return [None if value is None else names[value] for value in values]
        except KeyError:
            return others(values)

    return finish


def _converted(convert: Callable[[Any], Any]) -> Finish:
    def finish(values: Sequence[Any]) -> Sequence[Any]:
        finished = [None if value is None else convert(value) for value in values]
        if finished.count(None) != list(values).count(None):
            raise Surprise
        return finished

    return finish
