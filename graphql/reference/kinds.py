"""The types of a schema, as the reference tells them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    is_introspection_type,
)

from keystall.graphql.permissions import needed_for
from keystall.graphql.reference.entries import Entry, arguments, listed, ref, taken
from keystall.tenants.staff.roles import Permission

Use: TypeAlias = tuple[str, str]
"""A field that answers or takes a type: its page, and what it is called."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type, with what answers or takes it."""

    name: str
    word: str
    description: str
    fields: tuple[Entry, ...] = ()
    implements: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    used_by: tuple[Use, ...] = ()


def uses(schema: GraphQLSchema, roots: Mapping[str, str]) -> Mapping[str, tuple[Use, ...]]:
    """Which fields answer or take each type. `roots`: what the fields of a root type are called.
    What a payload has is the mutation's that answers with it."""
    used: dict[str, dict[Use, None]] = {}
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or name.endswith("Payload"):
            continue
        fields = kind.fields if hasattr(kind, "fields") else {}
        for label, one in fields.items():
            at = (f"{roots[name]}/{label}", label) if name in roots else (
                f"type/{name}#{label}", f"{name}.{label}"
            )  # fmt: skip
            taken = [argument.type for argument in getattr(one, "args", {}).values()]
            answer = get_named_type(one.type)
            if answer.name.endswith("Payload") and isinstance(answer, GraphQLObjectType):
                taken += [inner.type for inner in answer.fields.values()]
            for there in (one.type, *taken):
                used.setdefault(get_named_type(there).name, {})[at] = None
    return {name: tuple(found) for name, found in used.items()}


def told(
    schema: GraphQLSchema, kind: GraphQLNamedType, used: tuple[Use, ...], *, guarded: bool
) -> Kind:
    """What there is to tell of a type. `guarded`: whether its fields take permissions."""
    plain = Kind(kind.name, "scalar", kind.description or "", used_by=used)
    if isinstance(kind, GraphQLEnumType):
        entries = tuple(
            Entry(name, one.description or "", deprecated=one.deprecation_reason or "")
            for name, one in kind.values.items()
        )
        return replace(plain, word="enum", fields=entries)
    if isinstance(kind, GraphQLInputObjectType):
        entries = tuple(taken(name, one) for name, one in kind.fields.items())
        return replace(plain, word="input", fields=entries)
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        possible: tuple[str, ...] = ()
        if isinstance(kind, GraphQLInterfaceType):
            types = schema.get_possible_types(kind)
            possible = tuple(one.name for one in types)
        return replace(
            plain,
            word="interface" if possible else "type",
            fields=tuple(_answered(kind, name, guarded=guarded) for name in kind.fields),
            implements=tuple(one.name for one in kind.interfaces),
            possible=possible,
        )
    if not isinstance(kind, GraphQLScalarType):
        raise LookupError(f"{kind.name}: the reference knows no unions yet")
    return plain


def _answered(kind: GraphQLObjectType | GraphQLInterfaceType, name: str, *, guarded: bool) -> Entry:
    one = kind.fields[name]
    needed: frozenset[Permission] = frozenset()
    if guarded and isinstance(kind, GraphQLObjectType):
        needed = needed_for(kind, name)
    return Entry(
        name,
        one.description or "",
        kind=ref(one.type),
        deprecated=one.deprecation_reason or "",
        needs=listed(needed),
        arguments=arguments(one),
    )
