"""The widest documents that a webhook may have, made from the schema."""

from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    Undefined,
    get_named_type,
    is_leaf_type,
)

from keystall.graphql.executor import SCHEMAS
from keystall.graphql.permissions import TYPES, needed_for
from keystall.tenants.staff.roles import WEBHOOK


def widest(kind: str) -> str:
    """A query of everything that a webhook may read of one thing of this type, two levels deep."""
    found = SCHEMAS["admin"]._schema.type_map[kind]
    assert isinstance(found, GraphQLObjectType)
    return f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {_fields(found, 2)} }} }} }}"


def _fields(kind: GraphQLObjectType, levels: int) -> str:
    parts = []
    for name, field in kind.fields.items():
        if not _asked_plainly(field) or not _allowed(kind, name, field):
            continue
        named = get_named_type(field.type)
        if is_leaf_type(named):
            parts.append(name)
        elif levels and isinstance(named, GraphQLObjectType) and not _paged(named):
            parts.append(f"{name} {{ {_fields(named, levels - 1)} }}")
    return " ".join(["__typename", *parts])


def _allowed(kind: GraphQLObjectType, name: str, field: GraphQLField) -> bool:
    own = TYPES.get(get_named_type(field.type).name)
    return needed_for(kind, name) <= WEBHOOK and (own is None or own in WEBHOOK)


def _asked_plainly(field: GraphQLField) -> bool:
    return not any(
        isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined
        for argument in field.args.values()
    )


def _paged(kind: GraphQLObjectType) -> bool:
    return kind.name.endswith("Connection")
