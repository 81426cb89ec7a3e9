"""Fields, arguments and values of a schema, as the reference tells them."""

from dataclasses import dataclass

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLType,
    Undefined,
    ast_from_value,
    get_named_type,
    print_ast,
)

from keystall.tenants.staff.roles import Permission


@dataclass(frozen=True, slots=True)
class TypeRef:
    """A type as it stands in a schema, `[Product!]!`: its name, and what is around it."""

    before: str
    name: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A field, an argument, an input field or an enum value. `kind` is None of enum values,
    `default` as a document would write it."""

    name: str
    description: str
    kind: TypeRef | None = None
    default: str = ""
    deprecated: str = ""
    needs: str = ""
    arguments: tuple["Entry", ...] = ()


def arguments(field: GraphQLField) -> tuple[Entry, ...]:
    """What a field can be given."""
    return tuple(taken(name, one) for name, one in field.args.items())


def taken(name: str, one: GraphQLArgument | GraphQLInputField) -> Entry:
    """An argument or input field."""
    default = ""
    if one.default_value not in (Undefined, None):
        written = ast_from_value(one.default_value, one.type)
        default = print_ast(written) if written is not None else ""
    return Entry(
        name,
        one.description or "",
        kind=ref(one.type),
        default=default,
        deprecated=one.deprecation_reason or "",
    )


def ref(kind: GraphQLType) -> TypeRef:
    """A type as it stands in a schema."""
    name = get_named_type(kind).name
    before, _, after = str(kind).partition(name)
    return TypeRef(before, name, after)


def listed(needed: frozenset[Permission]) -> str:
    """Permissions by their names; empty for none."""
    return ", ".join(sorted(one.value.upper() for one in needed))
