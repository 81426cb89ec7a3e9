"""What the reference tells of a schema: each operation and type, and how they hang together.

Everything is read off the built schema and the tables that are enforced: permissions, costs, what
is public. Nothing is written by hand but the words.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlencode

import orjson
from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_introspection_type,
    parse,
    strip_ignored_characters,
)

from keystall.graphql.costs.counting import costs
from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.permissions import needed_for
from keystall.graphql.public import private_parts, public_roots
from keystall.graphql.reference.entries import Entry, TypeRef, arguments, listed, ref
from keystall.graphql.reference.examples import Example, Fits, example
from keystall.graphql.reference.kinds import Kind, told, uses
from keystall.graphql.wording import worded
from keystall.tenants.staff.roles import PERMISSIONS, PROGRAM, Permission, scopes_of

ORIGIN = "https://origin.invalid"
"""Stands in a page for the address that it is asked at."""

ROOTS: Mapping[str, OperationType] = {
    "query": OperationType.QUERY,
    "mutation": OperationType.MUTATION,
    "subscription": OperationType.SUBSCRIPTION,
}
_BEARERS: Mapping[Surface, str] = {
    "storefront": "",
    "admin": ' -H "authorization: Bearer $KEYSTALL_TOKEN"',
    "operator": ' -H "authorization: Bearer $KEYSTALL_SESSION"',
}
_EVENTS = "  -H 'accept: text/event-stream' \\\n"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A code of `userErrors`: what it means to programs, and what people are told."""

    code: str
    meaning: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A query, mutation or subscription. `shared`: whether the example's answer is the same for
    everyone; `needs`: the permissions it takes, `asked_by` who has them."""

    name: str
    root: str
    description: str
    deprecated: str
    arguments: tuple[Entry, ...]
    answer: TypeRef
    refusals: tuple[Refusal, ...]
    needs: str
    asked_by: tuple[str, ...]
    shared: bool
    cost: int
    example: Example
    variables: str
    curl: str
    try_it: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A whole schema, in the order in which its document declares things; types by name."""

    surface: Surface
    operations: Mapping[str, Mapping[str, Operation]] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)


@cache
def facts(surface: Surface) -> Facts:
    """What there is to tell of a schema."""
    built = SCHEMAS[surface]._schema
    there = {word: root for word, root in ROOTS.items() if built.get_root_type(root) is not None}
    operations = {
        word: {name: _operation(surface, root, name) for name in _root(surface, root).fields}
        for word, root in there.items()
    }
    roots = {_root(surface, root).name: word for word, root in there.items()}
    used = uses(built, roots)
    kinds = {
        name: told(built, kind, used.get(name, ()), guarded=surface == "admin")
        for name, kind in sorted(built.type_map.items())
        if name not in roots and not is_introspection_type(kind)
    }
    return Facts(surface, operations, kinds)


def _root(surface: Surface, root: OperationType) -> GraphQLObjectType:
    kind = SCHEMAS[surface]._schema.get_root_type(root)
    assert kind is not None  # noqa: S101 - nobody asks for one that the schema has not
    return kind


def _operation(surface: Surface, root: OperationType, name: str) -> Operation:
    schema = SCHEMAS[surface]
    parent = _root(surface, root)
    defined = parent.fields[name]
    needed = needed_for(parent, name) if surface == "admin" else frozenset()
    made = example(schema._schema, root, name, _fits(surface, needed))
    asked = parse(made.document)
    costing = costs(schema._schema, [next(_operations_of(asked))], {})[0]
    is_query = root is OperationType.QUERY
    public = surface == "storefront" and is_query and name in public_roots(schema._schema)
    return Operation(
        name=name,
        root=root.value,
        description=defined.description or "",
        deprecated=defined.deprecation_reason or "",
        arguments=arguments(defined),
        answer=ref(defined.type),
        refusals=tuple(_refusals(defined)),
        needs=listed(needed),
        asked_by=tuple(_asked_by(surface, needed)),
        shared=public and not private_parts(schema._schema, asked),
        cost=costing.of(made.variables),
        example=made,
        variables=_variables(made),
        curl=_curl(surface, made, root),
        try_it=_try_it(surface, made),
    )


def _operations_of(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    yield from (one for one in document.definitions if isinstance(one, OperationDefinitionNode))


def _variables(made: Example) -> str:
    return orjson.dumps(made.variables, option=orjson.OPT_INDENT_2).decode()


def _fits(surface: Surface, needed: frozenset[Permission]) -> Fits:
    if surface != "admin":
        return lambda kind, name: True
    # Whoever may change a thing may see it: no role and no token has the one without the other.
    along = needed | scopes_of(needed)
    return lambda kind, name: needed_for(kind, name) <= along


def _asked_by(surface: Surface, needed: frozenset[Permission]) -> Iterator[str]:
    """Who may ask, of those that the schema knows."""
    if surface != "admin" or not needed:
        return
    yield from (role for role, may in PERMISSIONS.items() if needed <= may)
    if needed <= PROGRAM:
        yield "API tokens with this scope"


def _curl(surface: Surface, made: Example, root: OperationType) -> str:
    body = {"query": strip_ignored_characters(made.document)}
    sent = orjson.dumps({**body, **({"variables": made.variables} if made.variables else {})})
    streams = root is OperationType.SUBSCRIPTION
    return (
        f"curl {'-N ' if streams else ''}{ORIGIN}/graphql/{surface}{_BEARERS[surface]} \\\n"
        f"{_EVENTS if streams else ''}"
        "  -H 'content-type: application/json' \\\n"
        f"  -d {shlex.quote(sent.decode())}"
    )


def _try_it(surface: Surface, made: Example) -> str:
    handed = {"query": made.document, "variables": _variables(made) if made.variables else ""}
    return f"/graphql/{surface}#{urlencode(handed)}"


def _refusals(defined: GraphQLField) -> Iterator[Refusal]:
    payload = get_named_type(defined.type)
    if not isinstance(payload, GraphQLObjectType) or "userErrors" not in payload.fields:
        return
    error = get_named_type(payload.fields["userErrors"].type)
    if not isinstance(error, GraphQLObjectType) or "code" not in error.fields:
        return
    codes = get_named_type(error.fields["code"].type)
    if isinstance(codes, GraphQLEnumType):
        for code, one in codes.values.items():
            yield Refusal(code, one.description or "", sentence(code))


def sentence(code: str) -> str:
    """What people are told who are refused with a code; empty where it is never told bare."""
    try:
        return worded(code, "en")
    except KeyError:
        return ""
