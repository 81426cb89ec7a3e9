"""Errors at the top of an answer, their codes, and what is hidden of them.

A business refusal is never one of these: it comes as `userErrors` (see `refusals`). What a client
did wrong is told, and that the database is away; anything unforeseen becomes INTERNAL with the
request's id, and its cause goes to the log only.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import structlog
from graphql import GraphQLError

from keystall.platform.database import AWAY

_log = structlog.get_logger(__name__)

UNAVAILABLE_MESSAGE = (
    "The service is away for a moment; try again. Before you repeat a mutation that takes no"
    " idempotency key, look whether it was done."
)
INTERNAL_MESSAGE = "Something went wrong on our side. Name the request id when you report it."

_NO_DETAILS: Mapping[str, Any] = MappingProxyType({})


class ErrorCode(StrEnum):
    """`extensions.code` of a top-level error."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    THROTTLED = "THROTTLED"
    TOO_MANY_STREAMS = "TOO_MANY_STREAMS"
    QUERY_TOO_COSTLY = "QUERY_TOO_COSTLY"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


MEANINGS: Mapping[ErrorCode, str] = {
    ErrorCode.UNAUTHENTICATED: "Nobody is known to ask: send a token or a session as a bearer."
    " At a shop: a storefront token is needed, or opens nothing here; `reason` says which.",
    ErrorCode.FORBIDDEN: "Whoever asks is known and may not; nothing was read or done. With the"
    " `reason` STOREFRONT_TOKEN_ORIGIN: the token is not for the site whose code sent it.",
    ErrorCode.THROTTLED: "The bucket of points is too empty: `retryAfter` has the seconds to wait.",
    ErrorCode.TOO_MANY_STREAMS: "As many subscriptions are open as may be: close one, or wait.",
    ErrorCode.QUERY_TOO_COSTLY: "The operation has more points, `cost`, than one may, `limit`.",
    ErrorCode.BAD_USER_INPUT: "The document, its variables or an argument cannot mean anything.",
    ErrorCode.PERSISTED_QUERY_NOT_FOUND: "No document is known by this hash: send its text.",
    ErrorCode.UNAVAILABLE: "The database is away for a moment; nothing is wrong with the request.",
    ErrorCode.INTERNAL: "Something failed on our side; the log has it under `requestId`.",
}
"""Every code of a top-level error and what it means, for the reference."""


class ApiError(GraphQLError):
    """An error the client is meant to read. `message` is English, for developers; `details` go
    beside the code."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        details: Mapping[str, Any] = _NO_DETAILS,
        **where: Any,
    ) -> None:
        super().__init__(message, extensions={"code": code.value, **details}, **where)
        self.code = code
        self.details = details


def unauthenticated() -> ApiError:
    """Nobody is known to ask, and somebody must be."""
    return ApiError(ErrorCode.UNAUTHENTICATED, "Sign in, or send an API token as a bearer.")


def unavailable() -> ApiError:
    """The database is away, and nothing was wrong with the request."""
    return ApiError(ErrorCode.UNAVAILABLE, UNAVAILABLE_MESSAGE)


def bad_input(message: str) -> ApiError:
    """An argument that cannot mean anything."""
    return ApiError(ErrorCode.BAD_USER_INPUT, message)


def is_request_error(errors: Sequence[GraphQLError]) -> bool:
    """Whether the request failed as a whole (syntax, validation, variables) and nothing ran.

    An error of the execution has a path (GraphQL specification, 7.1.6).
    """
    return all(error.path is None for error in errors)


def formatted(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """The error as an answer shows it; unforeseen ones are logged and masked."""
    code, message, details = _told(error, request_id)
    shown: dict[str, Any] = {"message": message}
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    shown["extensions"] = {"code": code.value, "requestId": request_id, **details}
    return shown


def _told(error: GraphQLError, request_id: str) -> tuple[ErrorCode, str, Mapping[str, Any]]:
    cause = error.original_error if error.original_error is not None else error
    if isinstance(cause, ApiError):
        return cause.code, cause.message, cause.details
    if isinstance(cause, GraphQLError) and error.path is None:
        return ErrorCode.BAD_USER_INPUT, error.message, _NO_DETAILS
    if isinstance(cause, AWAY):
        _log.warning("graphql.unavailable", request_id=request_id, error=type(cause).__name__)
        return ErrorCode.UNAVAILABLE, UNAVAILABLE_MESSAGE, _NO_DETAILS
    _log.error("graphql.internal", request_id=request_id, path=error.path, exc_info=cause)
    return ErrorCode.INTERNAL, INTERNAL_MESSAGE, _NO_DETAILS
