"""Subscriptions while they are open: read at the start, again at each change, and looked after.

A signal says only that something has changed, so each answer is read afresh: a new context as of
whoever asks now, and one run of the document by the executor, which costs what a query costs. While
nothing happens a stream holds a listener and a timer, no transaction and no connection. Signals
that come while one is read, or while the reader is slow, are one.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from dataclasses import dataclass, field
from time import monotonic

import orjson
import structlog

from keystall.graphql.context import RequestContext
from keystall.graphql.errors import ApiError, ErrorCode, bad_input
from keystall.graphql.executor import SCHEMAS
from keystall.graphql.gate import Coming, Gate, Ran, UnknownHost
from keystall.graphql.operation import LIVE, Answer
from keystall.graphql.streams.places import Place, Places
from keystall.graphql.streams.watching import Watch, watch_of
from keystall.graphql.wire import Asked
from keystall.platform.database import AWAY
from keystall.platform.live import Live
from keystall.platform.throttle import network

_log = structlog.get_logger(__name__)


class Cut(Exception):
    """The process stops: the stream has not come to its end, and is to be opened anew."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `beat`: of silence, after which a sign of life is given; `look`: after which it is
    seen whether whoever asks still may; `gap`: at least, between two answers; `slow`: that a reader
    may keep us from sending; `away`: until the database is asked again; `greeting`: that a socket
    may take to say who it is."""

    beat: float = 15.0
    look: float = 60.0
    gap: float = 0.1
    slow: float = 30.0
    away: float = 5.0
    greeting: float = 5.0


@dataclass(frozen=True, slots=True)
class Streams:
    """What all streams of one process share."""

    live: Live
    places: Places = field(default_factory=Places)
    pace: Pace = field(default_factory=Pace)

    async def subscription(
        self, gate: Gate, asked: Asked, context: RequestContext, who: Coming
    ) -> "Subscription | None":
        """The subscription that is asked for; None where something else is asked, or anything is
        wrong with it: running it tells what."""
        try:
            text = await gate.document(asked, context)
        except ApiError:
            return None
        watch = watch_of(SCHEMAS[gate.surface], text, asked.operation_name, asked.variables)
        if watch is None:
            return None
        return Subscription(self, gate, asked, who, watch, watch.topic(context))

    def place(self, gate: Gate, context: RequestContext) -> Place:
        """A place for one stream of whoever asks. Raises ApiError where none is left."""
        address = f"address:{network(context.address)}"
        return self.places.take(address, gate.counted_as(context))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One run of a subscription's document. `last`: no other answer can come."""

    ran: Ran
    last: bool

    @property
    def waits(self) -> float | None:
        """Seconds after which it is worth trying again, where nothing was read for now."""
        level = self.ran.meter.level
        if level is not None and not level.taken:
            return level.wait_seconds
        codes = {one["extensions"]["code"] for one in self.ran.answer.errors}
        return 0.0 if ErrorCode.UNAVAILABLE in codes else None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One open subscription: what is `asked` by `who`, heard of by `topic`."""

    streams: Streams
    gate: Gate
    asked: Asked
    who: Coming
    watch: Watch
    topic: str | None

    async def answers(self) -> AsyncGenerator[Answer | None, None]:
        """The answers, each unlike the one before; None is a sign of life. Ends after the last that
        can come. Raises ApiError once whoever asks no longer may, and Cut at the process's end."""
        live, pace = self.streams.live, self.streams.pace
        sent = b""
        # Without a topic there is one answer, as soon as it can be read.
        hearing = live.listening(self.topic) if self.topic else nullcontext(asyncio.Event())
        with hearing as changed:
            changed.set()
            looked = monotonic()
            while True:
                heard = await live.wait(changed, pace.beat)
                if live.ending:
                    raise Cut
                if not heard and monotonic() - looked < pace.look:
                    yield None
                    continue
                looked = monotonic()
                try:
                    if not heard and not await self._is_over():
                        yield None
                        continue
                    reading = await self._read(first=not sent)
                    waits = reading.waits
                except AWAY as error:
                    _log.warning("database away", error=type(error).__name__)
                    waits = 0.0
                if waits is not None:
                    changed.set()
                    yield None
                    await asyncio.sleep(min(max(waits, pace.away), pace.beat))
                    continue
                digest = _digest(reading.ran.answer)
                if digest != sent:
                    sent = digest
                    yield reading.ran.told
                if reading.last:
                    return
                await asyncio.sleep(pace.gap)

    async def _read(self, *, first: bool) -> _Reading:
        context = await self._arrived()
        try:
            # Asked first: what is read after it, of the same moment or later, is the last then.
            over = await self.watch.is_over(context)
            ran = await self.gate.run(self.asked, context, LIVE, again=not first)
        finally:
            await context.reader.finish()
        return _Reading(ran, over or not ran.answer.ran)

    async def _is_over(self) -> bool:
        """Whether it came to its end unheard. Raises ApiError where whoever asks no longer may."""
        context = await self._arrived()
        try:
            return await self.watch.is_over(context)
        finally:
            await context.reader.finish()

    async def _arrived(self) -> RequestContext:
        try:
            return await self.gate.admitted(self.who)
        except UnknownHost:
            raise bad_input("There is no shop at this address any more.") from None


def _digest(answer: Answer) -> bytes:
    return hashlib.sha256(orjson.dumps([answer.data, answer.errors])).digest()
