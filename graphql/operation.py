"""Running one operation of one schema, and what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, OperationType, execute
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.utils.await_maybe import await_maybe

from keystall.graphql.context import RequestContext
from keystall.graphql.costs.metering import pay
from keystall.graphql.errors import ApiError, formatted, is_request_error
from keystall.graphql.limits import unfit
from keystall.graphql.schema import KeystallSchema

READING = frozenset({OperationType.QUERY})
ANY = frozenset({OperationType.QUERY, OperationType.MUTATION})


class NotAllowed(Exception):
    """The operation is of a kind that this way of asking does not allow: a mutation by GET."""


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
        raise NotAllowed
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
    result = await await_maybe(
        execute(
            schema._schema,
            asked.ast,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation_name,
            executor_class=schema.execution_context_class,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # it is no TypeGuard
            hide_suggestions=not schema.suggestions,
        )
    )
    errors = result.errors or []
    return Answer(
        data=result.data,
        errors=tuple(formatted(error, context.request_id) for error in errors),
        ran=not errors or not is_request_error(errors),
    )


def refused(error: GraphQLError, request_id: str) -> Answer:
    """The answer to a request that is refused before it runs."""
    return Answer(data=None, errors=(formatted(error, request_id),), ran=False)
