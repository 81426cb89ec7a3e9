"""How each of the three schemas is put together: the same scalars, limits and caches."""

from collections.abc import Iterable

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext

from keystall.graphql.limits import MAX_TOKENS, Limits, OneOperation
from keystall.graphql.scalars import SCALARS

CACHED_DOCUMENTS = 512
"""Parsed and validated documents kept per process; our own pages have about fifty."""


class KeystallSchema(strawberry.Schema):
    """A schema whose errors are left to `errors.formatted`, which knows what to log and mask."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Does nothing: Strawberry would log what a client got wrong as our own failure."""


def _tokens() -> SchemaExtension:
    return MaxTokensLimiter(MAX_TOKENS)


def _parsed() -> SchemaExtension:
    return ParserCache(CACHED_DOCUMENTS)


def _validated() -> SchemaExtension:
    return ValidationCache(CACHED_DOCUMENTS)


def build(
    query: type, mutation: type, *, types: Iterable[type] = (), suggestions: bool
) -> KeystallSchema:
    """A schema. `suggestions`: whether errors may name fields that exist."""
    return KeystallSchema(
        query,
        mutation,
        types=tuple(types),
        extensions=[_tokens, Limits, _parsed, _validated, OneOperation],
        config=StrawberryConfig(
            scalar_map=SCALARS, disable_field_suggestions=not suggestions, sort_schema=False
        ),
    )
