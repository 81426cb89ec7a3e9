"""Running one operation of one schema, and what it comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType, execute
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.utils.await_maybe import await_maybe

from keystall.graphql.context import RequestContext
from keystall.graphql.costs.metering import pay
from keystall.graphql.documents import Document
from keystall.graphql.errors import ApiError, formatted, is_request_error
from keystall.graphql.limits import unfit
from keystall.graphql.plans.answering import planned
from keystall.graphql.schema import KeystallSchema

READING = frozenset({OperationType.QUERY})
ANY = frozenset({OperationType.QUERY, OperationType.MUTATION})
LIVE = frozenset({OperationType.SUBSCRIPTION})
"""Subscriptions: run once for each thing that happens, like a query (`graphql/streams`)."""


class NotAllowed(Exception):
    """The operation is of a `kind` that this way of asking does not allow: a mutation by GET."""

    def __init__(self, kind: OperationType) -> None:
        super().__init__(kind.value)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation came to.

    `ran` tells whether execution began; if not, the request itself was at fault and there is no
    data. `errors` are ready to be shown. `extensions` tell what it cost, over HTTP.
    """

    data: Mapping[str, Any] | None
    errors: tuple[Mapping[str, Any], ...]
    ran: bool
    extensions: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The body of a GraphQL response (specification, 7.1): errors first, where there are."""
        body: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if self.ran:
            body["data"] = self.data
        if self.extensions:
            body["extensions"] = self.extensions
        return body


async def run(
    schema: KeystallSchema,
    document: str,
    variables: Mapping[str, Any],
    context: RequestContext,
    *,
    operation_name: str | None = None,
    allowed: frozenset[OperationType] = ANY,
) -> Answer:
    """Runs one operation of `document` in `schema`.

    Raises NotAllowed only; every other failure is an answer.
    """
    if fault := unfit(variables):
        return refused(fault, context.request_id)
    try:
        asked = schema.documents.read(document)
        operation = asked.operation(operation_name)
    except GraphQLError as error:
        return refused(error, context.request_id)
    if operation.operation not in allowed:
        raise NotAllowed(operation.operation)
    if asked.faults:
        return Answer(
            data=None,
            errors=tuple(formatted(fault, context.request_id) for fault in asked.faults),
            ran=False,
        )
    try:
        await pay(asked.cost(operation, variables), context.meter)
    except ApiError as error:
        return refused(error, context.request_id)
    done: dict[str, Any] = {}
    data = await planned(schema._schema, asked.plans, operation, variables, context, done)
    if data is not None:
        return Answer(data=data, errors=(), ran=True)
    result = await _stock(schema, asked, operation_name, variables, context, done)
    errors = result.errors or []
    return Answer(
        data=result.data,
        errors=tuple(formatted(error, context.request_id) for error in errors),
        ran=not errors or not is_request_error(errors),
    )


async def _stock(
    schema: KeystallSchema,
    asked: Document,
    operation_name: str | None,
    variables: Mapping[str, Any],
    context: RequestContext,
    done: Mapping[str, Any],
) -> ExecutionResult:
    """What graphql-core's executor makes of an operation. Mutations that are `done` are not done
    again: what they came to is only made an answer of."""

    def once(resolve: Callable[..., Any], source: Any, info: Any, **given: Any) -> Any:
        if info.path.prev is None and info.path.key in done:
            return done[info.path.key]
        return resolve(source, info, **given)

    return await await_maybe(
        execute(
            schema._schema,
            asked.ast,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation_name,
            executor_class=schema.execution_context_class,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # it is no TypeGuard
            hide_suggestions=not schema.suggestions,
            middleware=[once] if done else None,
        )
    )


def refused(error: GraphQLError, request_id: str) -> Answer:
    """The answer to a request that is refused before it runs."""
    return Answer(data=None, errors=(formatted(error, request_id),), ran=False)
