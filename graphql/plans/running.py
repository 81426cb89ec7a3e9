"""Running a plan: a level of the answer at a time, all that is awaited on it together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from itertools import repeat
from types import CoroutineType
from typing import Any, TypeAlias

from graphql import GraphQLSchema, get_argument_values
from graphql.execution.values import VariableValues

from keystall.graphql.context import UNKNOWN, Needs, RequestContext
from keystall.graphql.plans.plan import Call, Load, Out, Selection, put

Then: TypeAlias = Callable[[Sequence[Any]], None]


@dataclass(frozen=True, slots=True)
class Info:
    """What resolvers are told of the request and of what is asked for; they ask for no more."""

    context: RequestContext
    schema: GraphQLSchema
    needs: Needs = UNKNOWN


@dataclass(slots=True)
class Run:
    """One run of a plan. What it raises is of no meaning but that the plan has no answer."""

    info: Info
    variables: VariableValues
    _waiting: list[tuple[Sequence[Awaitable[Any]], Then]] = field(default_factory=list)
    _begun: list[Sequence[Any]] = field(default_factory=list)

    def call(self, call: Call, sources: Sequence[Any], outs: Sequence[Out]) -> None:
        values = self._resolved(call, sources)

        def place(values: Sequence[Any]) -> None:
            put(call.key, call.shape.place(values, self), outs)

        if isawaitable(values[0]):
            self._waiting.append((values, place))
        else:
            place(values)

    def load(self, load: Load, sources: Sequence[Any], outs: Sequence[Out]) -> None:
        if load.allow:
            load.allow(self.info)
        loaded, context = load.loaded, self.info.context
        keys = list(map(loaded.key, sources))

        def place(read: Sequence[Any]) -> None:
            values = list(map(loaded.method, sources, repeat(context), read[0]))
            put(load.key, load.shape.place(values, self), outs)

        known = context.known(loaded.batch, keys)
        if known is not None:
            place((known,))
        else:
            reading = (context.load_all(loaded.batch, keys),)
            self._begun.append(reading)
            self._waiting.append((reading, place))

    async def do(self, call: Call) -> Any:
        """What the resolver of a root field comes to. Raises what it raises."""
        (value,) = self._resolved(call, (None,))
        return await value if isawaitable(value) else value

    async def finish(self) -> None:
        """Places all that is still awaited, and what that leads to."""
        while self._waiting:
            wave, self._waiting = self._waiting, []
            found = iter(await _together([one for waiting, _ in wave for one in waiting]))
            for waiting, place in wave:
                place([next(found) for _ in waiting])

    def abandon(self) -> None:
        """Ends what was begun and is awaited by nobody; harmless for what has come to its end."""
        for values in self._begun:
            for value in values:
                if isinstance(value, CoroutineType):
                    value.close()

    def _resolved(self, call: Call, sources: Sequence[Any]) -> Sequence[Any]:
        if call.allow:
            call.allow(self.info)
        arguments = self._arguments(call)
        info = Info(self.info.context, self.info.schema, call.needs)
        values: list[Any] = []
        self._begun.append(values)
        for source in sources:  # one by one: those before an exception are to be closed
            values.append(call.resolve(source, info, **arguments))
        return values

    def _arguments(self, call: Call) -> Mapping[str, Any]:
        if call.arguments is not None:
            return call.arguments
        return get_argument_values(call.definition, call.node, self.variables)


async def _together(waiting: Sequence[Awaitable[Any]]) -> Sequence[Any]:
    if len(waiting) == 1:
        return [await waiting[0]]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    # All have come to an end by now: whoever runs the document again meets none of them.
    for value in found:
        if isinstance(value, BaseException):
            raise value
    return found


async def read(plan: Selection, run: Run) -> Out:
    """The data of a query. Raises whatever a resolver raised, and Surprise."""
    out = plan.blank.copy()
    try:
        plan.fill((None,), (out,), run)
        await run.finish()
    finally:
        run.abandon()
    return out


async def write(plan: Selection, run: Run, done: dict[str, Any]) -> Out:
    """The data of a mutation, whose root fields are done one after another.

    What each resolver came to is put in `done` by its key, an exception too, before it is placed in
    the answer: who goes on after a surprise must not do it again. Raises as `read` does.
    """
    out = plan.blank.copy()
    try:
        for call in plan.calls:
            try:
                done[call.key] = await run.do(call)
            except Exception as error:
                done[call.key] = error
                raise
            put(call.key, call.shape.place((done[call.key],), run), (out,))
            await run.finish()
    finally:
        run.abandon()
    return out
