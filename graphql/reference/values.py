"""Values for the examples of the reference: what an argument could be, told by its name and type.

Slugs are those of a shop of the demo. Ids are well formed and of the right type, and nobody's.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
    is_required_input_field,
)

from keystall.graphql.ids import encode

_ROW = UUID("01920000-0000-7000-8000-000000000001")
_FEW = 2
"""So many fields of an input are shown of which none is needed."""

_WANTED = frozenset({"email", "lines", "name", "text"})
"""Fields of inputs that are shown although they may be left out."""

_OF_INPUTS: Mapping[tuple[str, str], str] = {
    ("WebhookInput", "document"): "query Paid($id: ID!) { order(id: $id) { number } }",
}
_TEXTS: Mapping[str, str] = {
    "address": "https://example.com/hooks",
    "amount": "9.90",
    "categorySlug": "design",
    "code": "123456",
    "credential": "{}",
    "currencyCode": "USD",
    "current": "the password of before",
    "document": "query Shop { shop { name } }",
    "email": "you@example.com",
    "idempotencyKey": "a-new-text-each-time",
    "key": "account",
    "kind": "mail.send",
    "locale": "en",
    "markdown": "Delivered **at once**.",
    "name": "Sample card",
    "note": "As agreed by telephone.",
    "number": "10001",
    "password": "a long sentence of your own",
    "publishableKey": "your publishable key",
    "reason": "The buyer asked for it.",
    "secretKey": "your secret key",
    "slug": "inkwell",
    "text": "AAAA-1111\nBBBB-2222",
    "term": "stolen account",
    "token": "from-the-mailed-link",
    "url": "https://example.com/hooks",
    "value": "player-one",
}
_SCALARS: Mapping[str, Any] = {
    "Boolean": True,
    "DateTime": "2027-01-31T08:00:00Z",
    "URL": "https://example.com/hooks",
}
_NUMBERS: Mapping[str, int] = {"first": 5}
_NAMED_OTHERWISE: Mapping[str, str] = {
    "lineId": "CartLine",
    "lineIds": "CartLine",
    "paymentMethod": "PaymentMethod",
}
"""Arguments that hold ids and are not named for their type."""


def value(name: str, kind: GraphQLInputType, thing: str) -> Any:
    """What the argument or input field `name` of type `kind` could be, as JSON has it. `thing`: the
    type that an `id` is of."""
    plain = get_nullable_type(kind)
    if isinstance(plain, GraphQLList):
        return [value(name, plain.of_type, thing)]
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        return _object(named, thing)
    if isinstance(named, GraphQLEnumType):
        return next(iter(named.values))
    if named.name == "ID":
        return _id(name, thing)
    if named.name == "Int":
        return _NUMBERS.get(name, 1)
    if named.name in _SCALARS:
        return _SCALARS[named.name]
    return _TEXTS.get(name, f"{_spaced(name)}, as text")


def _object(kind: GraphQLInputObjectType, thing: str) -> dict[str, Any]:
    needed = {n: field for n, field in kind.fields.items() if is_required_input_field(field)}
    wanted = {name: field for name, field in kind.fields.items() if name in _WANTED}
    shown = needed | wanted or dict(list(kind.fields.items())[:_FEW])
    return {
        name: _OF_INPUTS.get((kind.name, name)) or value(name, field.type, thing)
        for name, field in shown.items()
    }


def _id(name: str, thing: str) -> str:
    kind = _NAMED_OTHERWISE.get(name)
    if kind is None:
        stem = name.removesuffix("s").removesuffix("Id").removesuffix("id")
        kind = stem[:1].upper() + stem[1:] or thing
    return encode(kind, _ROW)


def _spaced(name: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]
