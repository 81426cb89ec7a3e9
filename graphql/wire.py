"""GraphQL over HTTP (the working draft's wire format): what a request says, how an answer looks.

A client that accepts `application/graphql-response+json` gets statuses that mean what they say;
one that accepts `application/json` only gets 200 for every well-formed request. One that accepts
`text/event-stream` alone gets every answer as an event (GraphQL over SSE, "distinct connections").
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from keystall.graphql.operation import Answer
from keystall.platform.web.headers import headers_of

RESPONSE = "application/graphql-response+json"
JSON = "application/json"
EVENTS = "text/event-stream"
VARY = "accept, authorization"
VARY_SHARED = (
    f"{VARY}, accept-language, x-keystall-locale, x-keystall-currency, x-keystall-storefront-token"
)
"""What an answer that caches may keep hangs on, beside the address."""
_HASH = re.compile("[0-9a-f]{64}")
_DOCUMENT_ID = re.compile(f"sha256:({_HASH.pattern})")


class Malformed(Exception):
    """The request is no GraphQL request. `status` is what it is answered with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Asked:
    """One GraphQL request. `sha256` is of the document, where the client told it: alone, or beside
    a document that has it. One of the two is there."""

    document: str | None
    sha256: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation_name: str | None = None


def answer_type(request: Request) -> str:
    """The media type to answer in. Raises Malformed (406) where the client accepts none of them."""
    types = _accepted(request)
    if types.get(RESPONSE, 0) > 0 and types[RESPONSE] >= types.get(JSON, 0):
        return RESPONSE
    if any(types.get(name, 0) > 0 for name in (JSON, "application/*", "*/*")):
        return JSON
    if types.get(EVENTS, 0) > 0:
        return EVENTS
    raise Malformed(406, f"Accept {RESPONSE} or {JSON}.")


def takes_events(request: Request) -> bool:
    """Whether the client could follow a stream of events, whatever else it accepts."""
    if EVENTS not in headers_of(request.scope).get("accept", "") or request.method == "HEAD":
        return False
    return _accepted(request).get(EVENTS, 0) > 0


def _accepted(request: Request) -> Mapping[str, float]:
    types: dict[str, float] = {}
    for part in headers_of(request.scope).get("accept", "*/*").split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        types[name] = _quality(parameters)
    return types


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


async def asked_by_post(request: Request, limit: int) -> Asked:
    """The request in a body. Raises Malformed."""
    kind, _, parameters = headers_of(request.scope).get("content-type", "").partition(";")
    if kind.strip().lower() != JSON:
        raise Malformed(415, f"Send {JSON}.")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise Malformed(415, "Send UTF-8.")
    try:
        body = orjson.loads(await _body(request, limit))
    except orjson.JSONDecodeError:
        raise Malformed(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Malformed(400, "The body must be an object with `query`; there are no batches.")
    return asked_of(body)


async def _body(request: Request, limit: int) -> bytes:
    """The whole body, refused as soon as it is known to be larger than `limit`."""
    told = headers_of(request.scope).get("content-length", "")
    if told.isdigit() and int(told) > limit:
        raise Malformed(413, f"The body is larger than {limit} bytes.")
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > limit:
            raise Malformed(413, f"The body is larger than {limit} bytes.")
    return bytes(chunks)


def asked_by_get(parameters: QueryParams) -> Asked:
    """The request in an address. Raises Malformed."""
    body: dict[str, Any] = {
        "query": parameters.get("query"),
        "documentId": parameters.get("documentId"),
    }
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            try:
                body[name] = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise Malformed(400, f"`{name}` is not JSON.") from None
    body["operationName"] = parameters.get("operationName") or None
    return asked_of(body)


def asked_of(body: Mapping[str, Any]) -> Asked:
    """The request in an object. Raises Malformed."""
    variables = body.get("variables")
    operation_name = body.get("operationName")
    if not isinstance(variables, dict | None):
        raise Malformed(400, "`variables` must be an object.")
    if not isinstance(operation_name, str | None):
        raise Malformed(400, "`operationName` must be a text.")
    extensions = body.get("extensions")
    if not isinstance(extensions, dict | None):
        raise Malformed(400, "`extensions` must be an object.")
    document, sha256 = body.get("query"), _sha256(body.get("documentId"), extensions or {})
    if not isinstance(document, str) or not document:
        if not sha256 or document:
            raise Malformed(400, "`query` must be the text of a document.")
        document = None
    elif sha256 and hashlib.sha256(document.encode(errors="surrogatepass")).hexdigest() != sha256:
        raise Malformed(400, "The hash is not that of the document.")
    return Asked(document, sha256, variables or {}, operation_name)


def _sha256(document_id: object, extensions: Mapping[str, Any]) -> str:
    """The hash of a document, in either way of telling it; empty where none is told.

    `documentId` is of the GraphQL-over-HTTP draft's appendix on persisted documents, the extension
    of Apollo's automatic persisted queries. Raises Malformed.
    """
    if document_id is not None:
        found = _DOCUMENT_ID.fullmatch(document_id) if isinstance(document_id, str) else None
        if found is None:
            raise Malformed(400, "`documentId` must be `sha256:` and 64 small hex digits.")
        return found[1]
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return ""
    told = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    found = _HASH.fullmatch(told) if isinstance(told, str) else None
    if found is None or persisted.get("version") != 1:
        raise Malformed(400, "`persistedQuery` takes `version` 1 and `sha256Hash` in hex digits.")
    return found[0]


COMPLETE = b"event: complete\ndata:\n\n"
"""What ends a stream that has come to its end. Without `data` browsers would not tell of it."""
BEAT = b": beat\n\n"
"""A comment, which tells nothing but that the line is open."""


def event(body: bytes) -> bytes:
    """An answer as an event of a stream. JSON as we write it has no line ends."""
    return b"event: next\ndata: %b\n\n" % body


def respond(answer: Answer, media_type: str, status: int | None = None) -> Response:
    """The answer on the wire; `status` where the request failed before it was GraphQL."""
    if status is None:
        status = 400 if media_type == RESPONSE and not answer.ran else 200
    body = orjson.dumps(answer.as_json())
    return Response(
        event(body) + COMPLETE if media_type == EVENTS else body,
        status,
        {"cache-control": "no-store", "vary": VARY},
        media_type=f"{media_type}; charset=utf-8",
    )
