"""Every answer of a plan beside the one that graphql-core gives to the same document."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import orjson
from graphql import GraphQLSchema, OperationDefinitionNode, execute
from strawberry.utils.await_maybe import await_maybe

from keystall.graphql import operation as running
from keystall.graphql.context import RequestContext
from keystall.graphql.plans.answering import planned
from keystall.graphql.plans.compiling import Plans


@dataclass
class Agreement:
    """How many operations went which way, and where the two answers differ."""

    ways: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    async def both(
        self,
        schema: GraphQLSchema,
        plans: Plans,
        operation: OperationDefinitionNode,
        inputs: Mapping[str, Any],
        context: RequestContext,
        done: dict[str, Any],
    ) -> dict[str, Any] | None:
        """In the place of `planned`: what it answers, having asked the stock executor as well."""
        data = await planned(schema, plans, operation, inputs, context, done)
        kind = operation.operation.value
        if data is None:
            self.ways[f"{kind} left to the stock executor"] += 1
            return None
        self.ways[f"{kind} by its plan"] += 1
        stock = await await_maybe(
            execute(
                schema,
                plans.document,
                context_value=context,
                variable_values=dict(inputs),
                operation_name=operation.name.value if operation.name else None,
                middleware=[_what_was(done)] if done else None,
            )
        )
        if stock.errors or orjson.dumps(stock.data) != orjson.dumps(data):
            where = operation.loc.source.body if operation.loc else ""
            self.found.append(f"{where}\n{dict(inputs)}\n  plan {data}\n stock {stock}")
        return data


def _what_was(done: Mapping[str, Any]) -> Callable[..., Any]:
    def once(resolve: Callable[..., Any], source: Any, info: Any, **given: Any) -> Any:
        root = info.path.prev is None
        return done[info.path.key] if root else resolve(source, info, **given)

    return once


@contextmanager
def agreeing() -> Iterator[Agreement]:
    """All that is asked meanwhile is asked both ways. Raises AssertionError at the end where the
    two do not agree to the byte."""
    agreement = Agreement()
    with patch.object(running, "planned", agreement.both):
        yield agreement
    assert agreement.found == []
