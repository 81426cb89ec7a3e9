"""A subscription as server-sent events: GraphQL over SSE, in its "distinct connections" mode.

One request is one stream. `next` has an answer, `complete` says that no other can come. A stream
that ends without it was cut and is to be opened again, as browsers do by themselves.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import orjson
import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from keystall.graphql import wire
from keystall.graphql.errors import ApiError
from keystall.graphql.operation import Answer, refused
from keystall.graphql.streams.places import Place
from keystall.graphql.streams.streams import Cut, Subscription

_HEADERS = {"cache-control": "no-store", "vary": wire.VARY, "x-accel-buffering": "no"}
_log = structlog.get_logger(__name__)


class EventStream(StreamingResponse):
    """The stream of a subscription, which frees its place at the end, whichever that is."""

    def __init__(self, subscription: Subscription, place: Place) -> None:
        self._events = _events(subscription)
        self._place = place
        self._slow = subscription.streams.pace.slow
        super().__init__(self._events, headers=_HEADERS, media_type=wire.EVENTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._events):
                await super().__call__(scope, receive, send)
        finally:
            self._place.free()

    async def stream_response(self, send: Send) -> None:
        """Sends what comes. A reader who takes nothing for too long is given up."""
        slow = False

        async def within(message: object) -> None:
            nonlocal slow
            try:
                async with asyncio.timeout(self._slow):
                    await send(message)  # type: ignore[arg-type]  # it is Starlette's own
            except TimeoutError:
                slow = True
                raise

        try:
            await super().stream_response(within)
        except TimeoutError:
            if not slow:
                raise
            _log.info("stream given up", reason="its reader takes nothing")


async def _events(subscription: Subscription) -> AsyncGenerator[bytes, None]:
    request_id = subscription.who.caller.request_id
    answers: AsyncIterator[Answer | None]
    try:
        async with aclosing(subscription.answers()) as answers:
            async for answer in answers:
                yield wire.BEAT if answer is None else _event(answer)
    except Cut:
        return
    except ApiError as error:
        yield _event(refused(error, request_id))
    yield wire.COMPLETE


def _event(answer: Answer) -> bytes:
    return wire.event(orjson.dumps(answer.as_json()))
