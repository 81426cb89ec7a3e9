"""What a plan is made of: shapes, which place values in the answer, and selections of types."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import NoneType
from typing import Any, Protocol, TypeAlias

from graphql import FieldNode, GraphQLField

from keystall.graphql.context import Needs, RequestContext
from keystall.graphql.describing import Loaded
from keystall.graphql.plans.leaves import Finish, Surprise

Out: TypeAlias = dict[str, Any]
"""An object of the answer, its keys in the order of the document."""
Allow: TypeAlias = Callable[[Any], None]
"""Takes the run's info, and raises where the request may not see what it asks for."""


_LISTS = {list, tuple, NoneType}


class Runs(Protocol):
    """One run of a plan. `info` is all that resolvers learn besides their arguments.

    Both place a field of all `sources` in their `outs`, now or later.
    """

    @property
    def info(self) -> Any: ...

    def call(self, call: "Call", sources: Sequence[Any], outs: Sequence[Out]) -> None: ...

    def load(self, load: "Load", sources: Sequence[Any], outs: Sequence[Out]) -> None: ...


class Shape(Protocol):
    """A type of answers, and what is selected of it."""

    def place(self, values: Sequence[Any], run: Runs) -> Sequence[Any]:
        """What the answer has for each of the values; objects may be filled later in the run.

        Raises Surprise.
        """
        ...


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar or an enum."""

    finish: Finish

    def place(self, values: Sequence[Any], run: Runs) -> Sequence[Any]:
        return self.finish(values)


@dataclass(frozen=True, slots=True)
class Present:
    """A type without null."""

    inner: Shape

    def place(self, values: Sequence[Any], run: Runs) -> Sequence[Any]:
        if NoneType in map(type, values):
            raise Surprise
        return self.inner.place(values, run)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list: the items of all lists of a level are placed in one go."""

    inner: Shape

    def place(self, values: Sequence[Any], run: Runs) -> Sequence[Any]:
        if not _LISTS.issuperset(map(type, values)):
            raise Surprise
        items = [item for value in values if value is not None for item in value]
        placed = iter(self.inner.place(items, run))
        return [None if value is None else list(islice(placed, len(value))) for value in values]


@dataclass(slots=True, eq=False)
class Selection:
    """What is selected of an object type.

    `blank` has every key of it, in order, with what does not depend on the object; `fields` are the
    names of all that is selected, as "Product.name". What is `exactly` of the type's class is of
    the type; of anything else `is_kind` says so. `unasked`, which only an operation's root has: the
    columns that nothing of the document takes, by type.
    """

    blank: Out
    fields: frozenset[str]
    exactly: frozenset[type]
    is_kind: Callable[[Any, Any], bool] | None
    plain: Sequence["Plain"] = ()
    loads: Sequence["Load"] = ()
    calls: Sequence["Call"] = ()
    unasked: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def place(self, values: Sequence[Any], run: Runs) -> Sequence[Any]:
        sources = [value for value in values if value is not None]
        outs = [self.blank.copy() for _ in sources]
        self.fill(sources, outs, run)
        if len(outs) == len(values):
            return outs
        filled = iter(outs)
        return [None if value is None else next(filled) for value in values]

    def fill(self, sources: Sequence[Any], outs: Sequence[Out], run: Runs) -> None:
        """Fills in what is selected of each source."""
        if not sources:
            return
        if not self.exactly.issuperset(map(type, sources)) and not self._are_kind(sources, run):
            raise Surprise
        for plain in self.plain:
            if plain.allow:
                plain.allow(run.info)
            values = plain.read(sources, run.info.context)
            put(plain.key, plain.shape.place(values, run), outs)
        for load in self.loads:
            run.load(load, sources, outs)
        for call in self.calls:
            run.call(call, sources, outs)

    def _are_kind(self, sources: Sequence[Any], run: Runs) -> bool:
        return self.is_kind is None or all(self.is_kind(one, run.info) for one in sources)


@dataclass(frozen=True, slots=True)
class Abstract:
    """An interface. `select` answers what is selected of a value, whatever it turns out to be, and
    raises where the request may not see it; `possible` are all that it may answer."""

    select: Callable[[Any, Any], Selection]
    possible: Sequence[Selection]

    def place(self, values: Sequence[Any], run: Runs) -> Sequence[Any]:
        placed: list[Out | None] = []
        kinds: dict[Selection, tuple[list[Any], list[Out]]] = {}
        for value in values:
            if value is None:
                placed.append(None)
                continue
            selection = self.select(value, run.info)
            out = selection.blank.copy()
            placed.append(out)
            sources, outs = kinds.setdefault(selection, ([], []))
            sources.append(value)
            outs.append(out)
        for selection, (sources, outs) in kinds.items():
            selection.fill(sources, outs, run)
        return placed


@dataclass(frozen=True, slots=True)
class Plain:
    """A field that is an attribute of its object, or made of it for the request: `read` off all
    objects of a level. `allow` raises for whoever may not see it."""

    key: str
    read: Callable[[Sequence[Any], RequestContext], Sequence[Any]]
    shape: Shape
    allow: Allow | None


@dataclass(frozen=True, slots=True)
class Call:
    """A field that a resolver answers, with all of its arguments: (source, info, **arguments).
    `allow` raises for whoever may not ask for it.

    `arguments` None: they depend on the variables. `reads`: it may read more than its `needs`.
    """

    key: str
    definition: GraphQLField
    node: FieldNode
    arguments: Mapping[str, Any] | None
    shape: Shape
    resolve: Callable[..., Any]
    allow: Allow | None
    reads: bool
    needs: Needs


@dataclass(frozen=True, slots=True)
class Load:
    """A field that is made of something read, for all objects of a level in one go."""

    key: str
    loaded: Loaded
    shape: Shape
    allow: Allow | None


def below(shape: Shape) -> Iterator[Load | Call | Abstract]:
    """All that is not plain data below a field of this shape, as deep as it goes; what is below an
    interface is not known."""
    match shape:
        case Present(inner) | Listed(inner):
            yield from below(inner)
        case Abstract():
            yield shape
        case Selection(plain=plain, loads=loads, calls=calls):
            yield from loads
            yield from calls
            shapes = [one.shape for fields in (plain, loads, calls) for one in fields]
            for inner in shapes:
                yield from below(inner)


def asked_below(shape: Shape) -> frozenset[str]:
    """The `fields` of all selections in a shape, as deep as it goes."""
    match shape:
        case Present(inner) | Listed(inner):
            return asked_below(inner)
        case Abstract(possible=possible):
            return frozenset().union(*map(asked_below, possible))
        case Selection(fields=asked, plain=plain, loads=loads, calls=calls):
            shapes = [one.shape for fields in (plain, loads, calls) for one in fields]
            return asked.union(*map(asked_below, shapes))
    return frozenset()


def put(key: str, values: Sequence[Any], outs: Sequence[Out]) -> None:
    """One key of several objects of the answer."""
    for out, value in zip(outs, values, strict=True):
        out[key] = value
