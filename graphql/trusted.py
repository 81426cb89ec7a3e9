"""Documents by their hash, and shops that answer no others.

A client may send the SHA-256 of a document in place of its text. Known are the documents of a
shop's own pages, and those that its merchant registered; nothing is registered by asking.
"""

from collections.abc import Callable, Mapping

from keystall.graphql.context import RequestContext
from keystall.graphql.errors import ApiError, ErrorCode
from keystall.graphql.wire import Asked
from keystall.tenants.trusted_documents.queries import trusted_text
from keystall.tenants.trusted_documents.service import sha256_of

Known = Callable[[], Mapping[str, str]]
"""The documents of a shop's own pages, by their hashes. Asked for when they are first needed."""


async def document_of(asked: Asked, context: RequestContext, known: Known) -> str:
    """What is asked of a shop's API. Raises ApiError: PERSISTED_QUERY_NOT_FOUND for a hash that
    nobody vouches for, FORBIDDEN for a text that none does, where the shop answers no others."""
    if asked.document is None:
        text = await _vouched(asked.sha256, context, known)
        if text is None:
            raise not_found()
        return text
    if context.require_shop().trusted_only:
        digest = asked.sha256 or sha256_of(asked.document)
        if await _vouched(digest, context, known) is None:
            raise ApiError(ErrorCode.FORBIDDEN, "This shop answers trusted documents only.")
    return asked.document


def text_of(asked: Asked) -> str:
    """What is asked of an API that trusts no documents. Raises ApiError for a hash alone."""
    if asked.document is None:
        raise not_found()
    return asked.document


def not_found() -> ApiError:
    """The answer to an unknown hash, in the words that clients look for."""
    return ApiError(ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")


async def _vouched(sha256: str, context: RequestContext, known: Known) -> str | None:
    text = known().get(sha256)
    if text is not None:
        return text
    return await trusted_text(context.reader, context.require_shop().id, sha256)
