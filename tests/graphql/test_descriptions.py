"""What the schemas say of themselves says more than their names do."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from importlib import resources

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from keystall.graphql.errors import MEANINGS, ErrorCode
from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.refusals import CODES

MESSAGES = resources.files("keystall.graphql") / "messages"
SURFACES: list[Surface] = list(SCHEMAS)
each_schema = pytest.mark.parametrize("surface", SURFACES)

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SAYING_NOTHING = frozenset(
    ("", "a", "an", "the", "of", "its", "this", "that", "is", "are", "it", "and", "or", "in")
)
_REMOVED = re.compile(r".+[.!] Removed on (\d{4}-\d{2}-\d{2}) or later\.", re.DOTALL)


def _words(text: str) -> set[str]:
    """The words of a name or a sentence, without endings of the plural."""
    return {word.lower().removesuffix("s") for word in _WORD.findall(text)} - _SAYING_NOTHING


def _described(schema: GraphQLSchema) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Path, last name, description and deprecation of everything that a schema declares."""
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, name, kind.description, None
        if isinstance(kind, GraphQLEnumType):
            for word, value in kind.values.items():
                yield f"{name}.{word}", word, value.description, value.deprecation_reason
        if isinstance(kind, GraphQLInputObjectType):
            for entry, taken in kind.fields.items():
                yield f"{name}.{entry}", entry, taken.description, taken.deprecation_reason
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for entry, field in kind.fields.items():
                yield f"{name}.{entry}", entry, field.description, field.deprecation_reason
                for argument, given in field.args.items():
                    path = f"{name}.{entry}({argument}:)"
                    yield path, argument, given.description, given.deprecation_reason


def unsaid(schema: GraphQLSchema) -> list[str]:
    """What has no description, or one that only repeats its name."""
    return [
        path
        for path, name, description, _ in _described(schema)
        if not (_words(description or "") - _words(name))
    ]


def undated(schema: GraphQLSchema) -> list[str]:
    """Deprecations that do not say what to use instead and until when the old will be there."""
    return [
        path
        for path, _, _, reason in _described(schema)
        if reason is not None and not _is_dated(reason)
    ]


def _is_dated(reason: str) -> bool:
    told = _REMOVED.fullmatch(reason)
    try:
        return told is not None and date.fromisoformat(told[1]) is not None
    except ValueError:
        return False


@each_schema
def test_every_description_says_more_than_the_name(surface: Surface) -> None:
    assert unsaid(SCHEMAS[surface]._schema) == []


@each_schema
def test_every_deprecation_is_dated(surface: Surface) -> None:
    assert undated(SCHEMAS[surface]._schema) == []


def test_every_code_of_an_error_says_more_than_its_name() -> None:
    assert MEANINGS.keys() == set(ErrorCode)
    told = {**CODES, **{code.value: text for code, text in MEANINGS.items()}}
    short = [code for code, text in told.items() if not (_words(text) - _words(code))]
    assert short == []
    sentences = tomllib.loads((MESSAGES / "en.toml").read_text("utf-8"))
    assert [code for code in CODES if not (_words(str(sentences[code])) - _words(code))] == []


def test_the_rules_find_what_is_missing() -> None:
    made_up = build_schema('''
        "Where everything that is asked for begins."
        type Query {
          "The order's numbers."
          orderNumber: String
          "What the buyer is told, and when."
          told("The language to answer in." locale: String, bare: Int): Tone
          "It was loud."
          old: Int @deprecated(reason: "Use `told`. Removed on 2027-02-28 or later.")
          "It was quiet." older: Int @deprecated(reason: "Use `told`. Removed in spring.")
          "It was deep."
          oldest: Int @deprecated(reason: "Use `told`. Removed on 2027-02-30 or later.")
          "It was shrill." first: Int @deprecated
        }
        "The tone."
        enum Tone { "Said so that it wakes nobody." SOFT LOUD }
        "What is handed in."
        input ToneInput { tone: Tone, "Of the tone." tones: Tone }
    ''')  # fmt: skip
    assert unsaid(made_up) == [
        "Query.orderNumber", "Query.told(bare:)", "Tone", "Tone.LOUD", "ToneInput.tone",
        "ToneInput.tones",
    ]  # fmt: skip
    assert undated(made_up) == ["Query.older", "Query.oldest", "Query.first"]
