"""Subscriptions over WebSockets, by the sub-protocol graphql-transport-ws.

One socket carries many subscriptions, each a task that follows one (`streams`). Only subscriptions:
what runs here is cancelled when its client leaves, and that must never happen to a mutation. Who
asks is told by the handshake's headers, or where browsers cannot set any by the payload of
`connection_init`, and asked anew for every answer.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import structlog
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from keystall.graphql import wire
from keystall.graphql.errors import ApiError, ErrorCode, unavailable
from keystall.graphql.gate import Coming, Gate, UnknownHost, bearer_of, coming
from keystall.graphql.operation import LIVE, Answer, refused
from keystall.graphql.storefront_tokens import HEADER
from keystall.graphql.streams.streams import Cut, Streams, Subscription
from keystall.platform.database import AWAY
from keystall.platform.throttle import network

PROTOCOL = "graphql-transport-ws"
AT_ONCE = 20
"""Subscriptions of one socket."""
LONGEST_ID = 128
_LONGEST_REASON = 120
"""Bytes of the 123 that a close frame has (RFC 6455, 5.5)."""
_log = structlog.get_logger(__name__)


class Closed(Exception):
    """The socket is to be closed with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Sockets:
    """The endpoint of one audience over WebSockets."""

    gate: Gate
    streams: Streams

    async def serve(self, websocket: WebSocket) -> None:
        """One socket, from its handshake to its end."""
        who = coming(websocket)
        try:
            place = self.streams.places.take(f"socket:{network(who.caller.address)}")
        except ApiError as error:
            await websocket.send_denial_response(PlainTextResponse(f"{error.message}\n", 429))
            return
        try:
            if PROTOCOL in websocket.scope["subprotocols"]:
                await websocket.accept(PROTOCOL)
                await _Connection(self.gate, self.streams, websocket, who).serve()
            else:
                await websocket.accept()
                await websocket.close(4406, f"Subprotocol not acceptable: speak {PROTOCOL}")
        except WebSocketDisconnect:
            pass
        finally:
            place.free()


@dataclass(slots=True)
class _Connection:
    """One socket that was accepted."""

    gate: Gate
    streams: Streams
    socket: WebSocket
    who: Coming
    _following: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _left: asyncio.Future[Closed | None] = field(default_factory=asyncio.Future)

    async def serve(self) -> None:
        """Reads what the client says until one of the two has enough."""
        reading = asyncio.create_task(self._read())
        stopping = Closed(1001, "The process stops; connect again")
        with self.streams.live.telling_of_end(lambda: self._leave(stopping)):
            try:
                if self.streams.live.ending:
                    self._leave(stopping)
                ends: set[asyncio.Future[Any]] = {reading, self._left}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                tasks = [reading, *self._following.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        closed = self._left.result() if self._left.done() else None
        if closed is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.streams.pace.slow):
                    await self.socket.close(closed.code, closed.reason)

    def _leave(self, closed: Closed | None) -> None:
        """Ends the connection: with a close frame, or without where nobody is there to read it."""
        if not self._left.done():
            self._left.set_result(closed)

    async def _read(self) -> None:
        try:
            await self._greet()
            while True:
                await self._handle(await self._message())
        except Closed as closed:
            self._leave(closed)
        except WebSocketDisconnect:
            self._leave(None)
        except AWAY:
            self._leave(Closed(1013, "Away for a moment; try again"))
        except Exception:
            _log.exception("websocket broken")
            self._leave(Closed(1011, "Something went wrong on our side"))

    async def _message(self) -> Mapping[str, Any]:
        """What the client says next. Raises Closed where it is no message of the protocol."""
        received = await self.socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received["code"])
        try:
            message = orjson.loads(received.get("text") or b"")
        except orjson.JSONDecodeError:
            raise Closed(4400, "A message must be JSON, as text") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Closed(4400, "A message must be an object with `type`")
        return message

    async def _greet(self) -> None:
        """Waits for `connection_init`, and acknowledges it to who may ask here."""
        try:
            async with asyncio.timeout(self.streams.pace.greeting):
                while (message := await self._message())["type"] != "connection_init":
                    if message["type"] == "subscribe":
                        raise Closed(4401, "Unauthorized")
                    await self._handle(message)
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        self.who = _introduced(self.who, message.get("payload"))
        try:
            context = await self.gate.admitted(self.who)
        except ApiError as error:
            code = 4403 if error.code is ErrorCode.FORBIDDEN else 4401
            raise Closed(code, error.message) from None
        except UnknownHost:
            raise Closed(4404, "There is no shop at this address") from None
        await context.reader.finish()
        await self._send({"type": "connection_ack"})

    async def _handle(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                await self._let_go(str(message.get("id")))
            case "ping":
                await self._pong(message.get("payload"))
            case "pong":
                pass
            case "connection_init":
                raise Closed(4429, "Too many initialisation requests")
            case _:
                raise Closed(4400, "Unknown type of message")

    async def _subscribe(self, message: Mapping[str, Any]) -> None:
        name, payload = message.get("id"), message.get("payload")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID:
            raise Closed(4400, f"`id` must be a text of 1 to {LONGEST_ID} characters")
        if not isinstance(payload, dict):
            raise Closed(4400, "`payload` must be an object")
        try:
            asked = wire.asked_of(payload)
        except wire.Malformed as error:
            raise Closed(4400, error.message) from None
        if name in self._following:
            raise Closed(4409, f"Subscriber for {name} already exists")
        if len(self._following) >= AT_ONCE:
            too_many = ApiError(
                ErrorCode.TOO_MANY_STREAMS,
                f"{AT_ONCE} subscriptions are open on this socket already, as many as may be.",
                details={"limit": AT_ONCE},
            )
            await self._refuse(name, too_many)
            return
        self._following[name] = asyncio.create_task(self._follow(name, asked))

    async def _let_go(self, name: str) -> None:
        """Ends a subscription, and waits until it has: one that is still taking leave of the
        database is one of the socket's, or there would be as many as its client can say."""
        following = self._following.get(name)
        if following is not None:
            following.cancel()
            await asyncio.wait({following})
            self._following.pop(name, None)

    async def _pong(self, payload: object) -> None:
        told = {"payload": payload} if isinstance(payload, dict) else {}
        try:
            said = orjson.dumps({"type": "pong", **told})
        except TypeError:  # deeper than it writes, though it reads it
            raise Closed(4400, "`payload` is nested too deep") from None
        await self._say(said)

    async def _follow(self, name: str, asked: wire.Asked) -> None:
        """One subscription, from its document to its end."""
        try:
            await self._tell(name, asked)
        except Cut:
            pass  # the socket is closed, and this with it
        except ApiError as error:
            if error.code is ErrorCode.UNAUTHENTICATED:
                self._leave(Closed(4401, "Unauthorized"))
            else:
                await self._refuse(name, error)
        except AWAY:
            await self._refuse(name, unavailable())
        except UnknownHost:
            self._leave(Closed(4404, "There is no shop at this address"))
        except WebSocketDisconnect:
            self._leave(None)
        except Exception:
            _log.exception("subscription broken")
            self._leave(Closed(1011, "Something went wrong on our side"))
        finally:
            if self._following.get(name) is asyncio.current_task():
                del self._following[name]

    async def _tell(self, name: str, asked: wire.Asked) -> None:
        context = await self.gate.admitted(self.who)
        try:
            found = await self.streams.subscription(self.gate, asked, context, self.who)
            if found is None:
                ran = await self.gate.run(asked, context, LIVE)
                if await self._answer(name, ran.told):
                    await self._send({"id": name, "type": "complete"})
                return
            place = self.streams.place(self.gate, context)
        finally:
            await context.reader.finish()
        try:
            await self._tell_all(name, found)
        finally:
            place.free()

    async def _tell_all(self, name: str, found: Subscription) -> None:
        async with aclosing(found.answers()) as answers:
            async for answer in answers:
                # The server's own pings are the sign of life here.
                if answer is not None and not await self._answer(name, answer):
                    return
        await self._send({"id": name, "type": "complete"})

    async def _answer(self, name: str, answer: Answer) -> bool:
        """Sends an answer. Answers whether others may come: `error` is always the last."""
        if answer.ran:
            await self._send({"id": name, "type": "next", "payload": answer.as_json()})
        else:
            await self._fail(name, answer.errors)
        return answer.ran

    async def _refuse(self, name: str, error: ApiError) -> None:
        await self._fail(name, refused(error, self.who.caller.request_id).errors)

    async def _fail(self, name: str, errors: Iterable[Mapping[str, Any]]) -> None:
        await self._send({"id": name, "type": "error", "payload": [*errors]})

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._say(orjson.dumps(message))

    async def _say(self, message: bytes) -> None:
        """Says something. A client who takes nothing for too long is given up."""
        try:
            async with asyncio.timeout(self.streams.pace.slow):
                await self.socket.send_text(message.decode())
        except TimeoutError:
            _log.info("websocket given up", reason="its client takes nothing")
            self._leave(None)
            raise WebSocketDisconnect(1006) from None


def _introduced(who: Coming, payload: object) -> Coming:
    """Who comes, by what `connection_init` has: names of headers and their values, where they say
    something."""
    told = {
        name.lower(): value
        for name, value in (payload if isinstance(payload, dict) else {}).items()
        if isinstance(value, str)
    }
    caller = replace(
        who.caller,
        locale=told.get("x-keystall-locale", who.caller.locale),
        currency=told.get("x-keystall-currency", who.caller.currency),
        accept_language=told.get("accept-language", who.caller.accept_language),
    )
    sent = replace(who.sent, token=told.get(HEADER, who.sent.token))
    secret = bearer_of(told["authorization"]) if "authorization" in told else who.secret
    return replace(who, secret=secret, caller=caller, sent=sent)
