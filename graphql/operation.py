"""Running one operation of one schema, and what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from keystall.graphql.context import RequestContext
from keystall.graphql.errors import bad_input, formatted, is_request_error
from keystall.graphql.limits import UNSTORABLE
from keystall.graphql.schema import KeystallSchema

READING = frozenset({OperationType.QUERY})
ANY = frozenset({OperationType.QUERY, OperationType.MUTATION})


class NotAllowed(Exception):
    """The operation is of a kind that this way of asking does not allow: a mutation by GET."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation came to.

    `ran` tells whether execution began; if not, the request itself was at fault and there is no
    data. `errors` are ready to be shown.
    """

    data: Mapping[str, Any] | None
    errors: tuple[Mapping[str, Any], ...]
    ran: bool

    def as_json(self) -> dict[str, Any]:
        """The body of a GraphQL response (specification, 7.1): errors first, where there are."""
        body: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        return {**body, "data": self.data} if self.ran else body


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
    for name, value in variables.items():
        if _unstorable(value):
            message = f"Variable ${name} holds characters that cannot be stored."
            return refused(bad_input(message), context.request_id)
    try:
        result = await schema.execute(
            document,
            variable_values=dict(variables),
            context_value=context,
            operation_name=operation_name,
            allowed_operation_types=allowed,
        )
    except MissingQueryError:
        return refused(bad_input("The document is empty."), context.request_id)
    except CannotGetOperationTypeError as error:
        return refused(bad_input(error.as_http_error_reason() + "."), context.request_id)
    except InvalidOperationTypeError as error:
        raise NotAllowed(error.as_http_error_reason("GET")) from error
    errors = result.errors or []
    return Answer(
        data=result.data,
        errors=tuple(formatted(error, context.request_id) for error in errors),
        ran=not errors or not is_request_error(errors),
    )


def refused(error: GraphQLError, request_id: str) -> Answer:
    """The answer to a request that is refused before it runs."""
    return Answer(data=None, errors=(formatted(error, request_id),), ran=False)


def _unstorable(value: object) -> bool:
    """Whether a text in a variable, however deep, has characters that no database keeps."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                if UNSTORABLE.search(text):
                    return True
            case dict(fields):
                waiting.extend(fields.values())
            case list(items):
                waiting.extend(items)
    return False
