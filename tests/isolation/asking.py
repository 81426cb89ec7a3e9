"""Operations made from the built schemas: every field selected, every argument filled.

An argument or type that nothing here knows how to fill is an error, so that what is added to a
schema is swept or breaks the build.
"""

import base64
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    Undefined,
    get_named_type,
    is_leaf_type,
)

STRIPE_KEY = "sk_test_51Hq8ZtVn3Lr7Xc1Kp5Ws9Hd2Gb6Yf4JaeQmTu0oRi"
"""A key that the Stripe of these tests knows."""

Path: TypeAlias = tuple[str, ...]

_BY_ARGUMENT = {
    "cartId": "Cart", "batchId": "Batch", "variantId": "Variant", "lineIds": "CartLine",
    "categoryId": "Category", "codeId": "Code", "refundId": "Refund", "reportId": "CodeReport",
    "webhookId": "Webhook", "paymentMethod": "PaymentMethod", "uploadId": "Upload",
    "uploadIds": "Upload", "logoUploadId": "Upload",
}  # fmt: skip
_BY_FIELD = {
    "product": "Product", "variant": "Variant", "category": "Category", "code": "Code",
    "codes": "Code", "job": "Job", "order": "Order", "refund": "Refund",
    "codeReport": "CodeReport",
    "apiToken": "ApiToken", "upload": "Upload", "batch": "Batch",
    "payment": "PaymentMethod", "session": "Session", "cart": "Cart",
    "node": "Product", "nodes": "Product", "shop": "Shop",
    "failed": "FailedWork", "forbidden": "ForbiddenTerm", "listing": "Product",
    "webhook": "Webhook", "webhookDelivery": "WebhookDelivery",
    "member": "Member", "invitation": "Invitation", "passkey": "Passkey",
    "trusted": "TrustedDocument",
}  # fmt: skip
_WORDS = {
    "number": "7Q4M-0XKD-J2",
    "currency": "CNY", "currencyCode": "CNY", "currencies": "CNY", "locale": "zh-CN",
    "locales": "en", "amount": "9.90", "email": "buyer@keystall.test", "key": "account",
    "name": "Name", "value": "Answer", "label": "Label", "markdown": "Text", "options": "One",
    "secretKey": STRIPE_KEY, "reason": "Reason", "answer": "Answer", "supplier": "Moon",
    "cost": "8.00",
    "contact": "Contact", "notice": "Notice", "policies": "Policies",
    "note": "Note", "kind": "mail.none",
    "themePreset": "harbor", "text": "A-NEW-CODE", "token": "token", "password": "plum tree 19",
    "current": "plum tree 19", "link": "link", "step": "step", "code": "000000", "credential": "{}",
    "language": "zh-CN", "url": "https://erp.example.com/hook",
    "origins": "https://www.example.com",
    "filename": "codes.txt", "mimeType": "text/plain",
    "document": "query($id: ID!) { node(id: $id) { ... on Product { name } } }",
}  # fmt: skip
_numbers = itertools.count(1)


def kind_of(field: str, path: Path) -> str:
    """What kind of id an argument takes. Raises for one that nobody has classified."""
    name = path[-1]
    if name in _BY_ARGUMENT:
        return _BY_ARGUMENT[name]
    if name in ("id", "ids") and len(path) > 1:
        return {"lines": "CartLine", "variants": "Variant"}[path[-2]]
    found = re.match(r"[a-z]+(?:Token|Report|Delivery)?", field)
    if name in ("id", "ids") and found and found.group(0) in _BY_FIELD:
        return _BY_FIELD[found.group(0)]
    raise AssertionError(f"{field}({'.'.join(path)}): an id of unknown kind")


def positions(field: GraphQLField, leaf: str = "ID") -> Iterator[Path]:
    """Every place in a field's arguments that takes an ID, nested inputs included."""
    for name, argument in field.args.items():
        yield from id_places(argument.type, (name,), leaf)


def id_places(kind: Any, path: Path, leaf: str = "ID") -> Iterator[Path]:
    """Every place inside of one input type, itself included, that takes an ID."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from id_places(field.type, (*path, name), leaf)
    elif named.name == leaf:
        yield path


@dataclass(frozen=True)
class Filled:
    """The arguments of one field: `own` ids by kind, but `given` at the place `forced`."""

    field: str
    own: Mapping[str, str]
    forced: Path | None = None
    given: str = ""

    def of(self, arguments: Mapping[str, Any], path: Path = ()) -> dict[str, Any]:
        """Values of what is required, of the forced place, and of what makes it meaningful."""
        values = {}
        for name, argument in arguments.items():
            here = (*path, name)
            on_way = self.forced is not None and self.forced[: len(here)] == here
            required = isinstance(argument.type, GraphQLNonNull)
            # Documents declare every argument; inside of inputs what has a default may be left out.
            required = required and (argument.default_value is Undefined or not path)
            pasted = name == "text" and (self.forced is None or self.forced[-1] != "uploadId")
            if required or on_way or pasted:
                values[name] = self._value(argument.type, here)
        return values

    def _value(self, kind: Any, path: Path) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type, path)
        if isinstance(kind, GraphQLList):
            return [self._value(kind.of_type, path)]
        if isinstance(kind, GraphQLInputObjectType):
            return self.of(kind.fields, path)
        if path == self.forced:
            return self.given
        if isinstance(kind, GraphQLEnumType):
            return next(iter(kind.values))
        match kind.name:
            case "ID":
                return self.own[kind_of(self.field, path)]
            case "Int":
                return 1
            case "Boolean":
                return True
            case "String" if path[-1] in ("slug", "idempotencyKey", "term"):
                return f"new-{next(_numbers)}-word"
            case "String":
                return _WORDS[path[-1]]
        raise AssertionError(f"{self.field}({'.'.join(path)}): no value for {kind}")


def documents(schema: GraphQLSchema, operation: str, name: str) -> list[str]:
    """Operations that together ask one root field for everything its answer has: one, or where it
    answers an interface one for each type behind it."""
    root = schema.get_root_type(OperationType(operation))
    assert root is not None
    field = root.fields[name]
    named = get_named_type(field.type)
    if not isinstance(named, GraphQLInterfaceType):
        return [_document(operation, name, field, selection(schema, field))]
    return [
        _document(
            operation, name, field,
            f"{{ __typename ... on {one.name} {_object(schema, one, frozenset(), deep=True)} }}",
        )
        for one in schema.get_possible_types(named)
    ]  # fmt: skip


def _document(operation: str, name: str, field: GraphQLField, selected: str) -> str:
    declared = ", ".join(f"${arg}: {argument.type}" for arg, argument in field.args.items())
    passed = ", ".join(f"{arg}: ${arg}" for arg in field.args)
    return (
        f"{operation}{f' ({declared})' if declared else ''} {{"
        f" {name}{f'({passed})' if passed else ''} {selected} }}"
    )


def selection(schema: GraphQLSchema, field: GraphQLField, on: frozenset[str] = frozenset()) -> str:
    """Every field below `field`, each type once on the way from the root; edges stay shallow."""
    named = get_named_type(field.type)
    if is_leaf_type(named):
        return ""
    assert isinstance(named, GraphQLObjectType)
    return _object(schema, named, on, deep=True)


def _object(
    schema: GraphQLSchema, kind: GraphQLObjectType, on: frozenset[str], *, deep: bool
) -> str:
    parts = ["__typename"]
    for name, field in kind.fields.items():
        named = get_named_type(field.type)
        if is_leaf_type(named):
            parts.append(name)
        elif kind.name.endswith("Edge"):
            parts.append(f"{name} {_object(schema, _as_object(named), on, deep=False)}")
        elif deep and named.name not in on:
            parts.append(f"{name} {selection(schema, field, on | {kind.name, named.name})}")
    return f"{{ {' '.join(parts)} }}"


def _as_object(kind: Any) -> GraphQLObjectType:
    assert isinstance(kind, GraphQLObjectType)
    return kind


def reached(data: Any) -> Iterator[tuple[str, str, Any]]:
    """Type, field and value of everything in an answer."""
    if isinstance(data, list):
        for one in data:
            yield from reached(one)
    elif isinstance(data, dict):
        for name, value in data.items():
            if "__typename" in data and name != "__typename":
                yield data["__typename"], name, value
            yield from reached(value)


def tells(answer: dict[str, Any], canary: str) -> bool:
    """Whether a canary is anywhere in an answer, opaque texts opened."""
    text = json.dumps(answer, ensure_ascii=False).lower()
    if canary in text:
        return True
    for word in set(json.dumps(answer).split('"')):
        try:
            opened = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        except ValueError:
            continue
        if canary.encode() in opened.lower():
            return True
    return False
