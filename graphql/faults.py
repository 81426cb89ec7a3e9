"""What is wrong with a document, for people who save one: in their language where the kind of fault
is known, else as the GraphQL library says it, in English.

The library has no codes for its faults, so they are known by their sentences; the names in them
come along. Its way of wording them is held by tests.
"""

import re
from collections.abc import Sequence

from graphql import GraphQLError, GraphQLSyntaxError, SourceLocation

from keystall.graphql.wording import worded

LONGEST = 300
"""Characters of a reason: faults repeat names that a document uses, however long."""
_LONGEST_NAME = 60

_PERHAPS = r"(?: Did you mean (?P<perhaps>.+)\?)?"
_KINDS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (key, re.compile(sentence + _PERHAPS, re.DOTALL))
    for key, sentence in (
        ("field", r"Cannot query field '(?P<name>\w+)' on type '(?P<kind>\w+)'\."),
        (
            "argument",
            r"Unknown argument '(?P<name>\w+)' on (?:field|directive) '(?P<place>[@\w.]+)'\.",
        ),
        ("type", r"Unknown type '(?P<kind>\w+)'\."),
        ("fragment", r"Unknown fragment '(?P<name>\w+)'\."),
        (
            "selection_missing",
            r"Field '(?P<name>\w+)' of type '(?P<kind>[^']+)' must have a selection of"
            r" subfields\.",
        ),
        (
            "selection_empty",
            r"Field '(?P<name>\w+)' must not have a selection since type '(?P<kind>[^']+)' has no"
            r" subfields\.",
        ),
        (
            "argument_missing",
            r"Argument '(?P<place>[@\w.]+)\((?P<name>\w+):\)' of type '(?P<kind>[^']+)' is"
            r" required, but it was not provided\.",
        ),
        ("variable", r"Variable '\$(?P<name>\w+)' is not defined(?: by operation '\w+')?\."),
        (
            "variable_unused",
            r"Variable '\$(?P<name>\w+)' is never used(?: in operation '\w+')?\.",
        ),
        ("fragment_unused", r"Fragment '(?P<name>\w+)' is never used\."),
    )
)
"""Keys of the messages `fault`, and the library's sentences with the names in them."""
_EXPECTED = re.compile(r"Expected (?P<wanted>.+), found (?P<found>.+)\.", re.DOTALL)
_UNEXPECTED = re.compile(r"Unexpected (?P<found>.+)\.", re.DOTALL)


def fault_reason(fault: GraphQLError, locale: str) -> str:
    """What is wrong, as one or two sentences, LONGEST characters at most."""
    if isinstance(fault, GraphQLSyntaxError):
        return _syntax(fault, locale)[:LONGEST]
    for kind, sentence in _KINDS:
        if found := sentence.fullmatch(fault.message):
            names = {name: _short(text) for name, text in found.groupdict().items() if text}
            told = worded(f"fault.{kind}", locale, names)
            # "Did you mean 'id { ... }'?" says again what the sentence has said.
            if "perhaps" in names and kind != "selection_missing":
                told += worded("fault.perhaps", locale, {"names": _names(names["perhaps"])})
            return told[:LONGEST]
    return fault.message[:LONGEST]


def own_reason(kind: str, locale: str, **params: str | int) -> str:
    """What is wrong by a rule of ours: `fault.<kind>` of the messages."""
    return worded(f"fault.{kind}", locale, params)[:LONGEST]


def _syntax(fault: GraphQLSyntaxError, locale: str) -> str:
    at = (fault.locations or [SourceLocation(1, 1)])[0]
    where = {"line": str(at.line), "column": str(at.column)}
    for kind, sentence in (("expected", _EXPECTED), ("unexpected", _UNEXPECTED)):
        if found := sentence.fullmatch(fault.description):
            names = {name: _short(text) for name, text in found.groupdict().items()}
            return worded(f"fault.{kind}", locale, {**where, **names})
    return worded("fault.syntax", locale, {**where, "description": fault.description})


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…"


def _names(text: str) -> str:
    return ", ".join(re.findall(r"'([^']+)'", text)) or text
