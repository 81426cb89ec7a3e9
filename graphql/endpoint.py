"""One endpoint over HTTP: what a request asks for, and how the answer goes over the wire."""

import hashlib
from dataclasses import dataclass
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from keystall.graphql import storefront_tokens, wire
from keystall.graphql.context import RequestContext
from keystall.graphql.errors import ApiError, bad_input, unavailable
from keystall.graphql.executor import SCHEMAS
from keystall.graphql.gate import STATUSES, Coming, Gate, Ran, UnknownHost, coming
from keystall.graphql.graphiql import page as graphiql
from keystall.graphql.keeping import Keeps
from keystall.graphql.limits import MAX_BODY
from keystall.graphql.operation import ANY, LIVE, READING, refused
from keystall.graphql.public import is_public
from keystall.graphql.streams.events import EventStream
from keystall.graphql.streams.streams import Streams
from keystall.platform.database import AWAY

_ASKS = frozenset({"GET", "HEAD"})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint of one audience. `keeps` has answers to documents asked for by their hash."""

    gate: Gate
    streams: Streams
    keeps: Keeps | None = None

    async def answer(self, request: Request) -> Response:
        """The answer to whatever was sent."""
        by_hash = request.method == "GET" and "query" not in request.query_params
        if self.keeps is None or not by_hash or wire.takes_events(request):
            return await self._made(request)
        return await self.keeps.keep(request, partial(self._made, request))

    async def _made(self, request: Request) -> Response:
        response = await self._answer(request)
        if self.gate.surface == "storefront":
            storefront_tokens.tell_browsers(request, response)
        return response

    async def _answer(self, request: Request) -> Response:
        surface = self.gate.surface
        if request.method == "OPTIONS":
            return self._preflight()
        if request.method == "GET" and graphiql.wants_page(request):
            return graphiql.page(surface)
        who = coming(request)
        request_id = who.caller.request_id
        media_type = wire.JSON
        try:
            media_type = wire.answer_type(request)
            if request.method in _ASKS:
                asked = wire.asked_by_get(request.query_params)
            else:
                asked = await wire.asked_by_post(request, MAX_BODY[surface])
            context = await self.gate.admitted(who)
            storefront_tokens.note_reader(request, context)
            try:
                if wire.takes_events(request):
                    stream = await self._stream(asked, context, who)
                    if stream is not None:
                        return stream
                return await self._run(request, asked, context, media_type)
            finally:
                await context.reader.finish()
        except wire.Malformed as error:
            answer = refused(bad_input(error.message), request_id)
            return wire.respond(answer, media_type, error.status)
        except ApiError as error:
            storefront_tokens.note_reader(request, error)
            answer = refused(error, request_id)
            return wire.respond(answer, media_type, STATUSES.get(error.code))
        except AWAY as error:
            _log.warning("database away", error=type(error).__name__)
            response = wire.respond(refused(unavailable(), request_id), media_type, 503)
            response.headers["retry-after"] = "5"
            return response
        except UnknownHost:
            return PlainTextResponse("There is no shop at this address.\n", 404)

    async def _stream(
        self, asked: wire.Asked, context: RequestContext, who: Coming
    ) -> Response | None:
        """The stream of a subscription; None where something else is asked, or nothing valid.
        Raises ApiError where too many are open."""
        found = await self.streams.subscription(self.gate, asked, context, who)
        if found is None:
            return None
        place = self.streams.place(self.gate, context)
        return EventStream(found, place)

    async def _run(
        self, request: Request, asked: wire.Asked, context: RequestContext, media_type: str
    ) -> Response:
        allowed = READING if request.method in _ASKS else ANY
        if wire.takes_events(request):
            allowed |= LIVE  # with something wrong with it, or it were a stream by now
        ran = await self.gate.run(asked, context, allowed)
        if self._is_for_everyone(request, asked, ran):
            # With a token it is counted, and readable by one site alone: each is answered anew.
            mine = context.storefront_token is not None
            if asked.document is None and self.keeps is not None and not mine:
                await self.keeps.seen(request, context)
            whose = "private" if mine else "public"
            response = _shared(request, wire.respond(ran.answer, media_type), whose)
        else:
            response = wire.respond(ran.told, media_type, ran.status)
        if ran.status == 405:
            response.headers["allow"] = "POST"
        response.raw_headers.extend(ran.meter.headers())
        return response

    def _is_for_everyone(self, request: Request, asked: wire.Asked, ran: Ran) -> bool:
        """Whether the answer would be the same for anyone who asks like this."""
        surface, answer = self.gate.surface, ran.answer
        if surface != "storefront" or request.method not in _ASKS:
            return False
        if "authorization" in request.headers or answer.errors or not answer.ran:
            return False
        schema = SCHEMAS[surface]
        return is_public(schema, schema.documents.read(ran.text), asked.operation_name)

    def _preflight(self) -> Response:
        if self.gate.surface == "storefront":
            return Response(status_code=204, headers=storefront_tokens.PREFLIGHT)
        return JSONResponse({}, 405, {"allow": "GET, POST"})


def _shared(request: Request, response: Response, whose: str) -> Response:
    """An answer that caches may keep (all, or the `private` one of a browser), and ask after each
    time (RFC 9111, 5.2.2.4): nothing with status 304 where the client has it already."""
    kind = response.headers["content-type"].encode()
    tag = f'"{hashlib.sha256(kind + bytes(response.body)).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": f"{whose}, no-cache", "vary": wire.VARY_SHARED}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _has(told: str, tag: str) -> bool:
    """Whether an If-None-Match header has the tag, compared weakly (RFC 9110, 13.1.2)."""
    held = {one.strip().removeprefix("W/") for one in told.split(",")}
    return tag in held or held == {"*"}
