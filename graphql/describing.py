"""Schema types that describe themselves: a docstring is the API's description, written once.

Only a docstring's first paragraph is shown; `described`, `about` and `value` describe what has no
docstring.
"""

import inspect
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal, TypeVar, dataclass_transform

import strawberry
from graphql import GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.utils.str_converters import to_camel_case

Kind = TypeVar("Kind", bound=type)
EnumKind = TypeVar("EnumKind", bound=type[Enum])
Marked = TypeVar("Marked")
Method = TypeVar("Method", bound=Callable[..., Any])

_ASSUMED, _COUNTED_BY, _LOADED, _SOURCE = "assumed", "counted_by", "loaded", "source"
_DERIVED, _SHOWN, _TAKES = "derived", "shown", "takes"

PUBLIC = "__keystall_public__"


def public(marked: Marked) -> Marked:
    """Marks a type all of whose fields anyone may see, or a field of another type that is so: its
    answer is the same for all who ask in one language and currency, and may be kept for them all
    (`keystall.graphql.public`). It stands outermost."""
    if isinstance(marked, type):
        setattr(marked, PUBLIC, True)
    else:
        field: Any = marked
        field.metadata = {**field.metadata, PUBLIC: True}
    return marked


def takes(*columns: str) -> Callable[[Marked], Marked]:
    """Marks a field that takes columns of its row which are long, or dear to read: lists read them
    where such a field is asked for (`untaken`). It stands outermost."""

    def marked(field: Marked) -> Marked:
        built: Any = field
        built.metadata = {**built.metadata, _TAKES: frozenset(columns)}
        return field

    return marked


@lru_cache(maxsize=4096)
def untaken(kind: type, asked: frozenset[str] | None) -> frozenset[str]:
    """The columns that only fields of a type take which are not among the `asked` ones (such as
    "Product.name"); none where it is not known what is asked for."""
    if asked is None:
        return frozenset()
    built: Any = kind
    definition = built.__strawberry_definition__
    taken: set[str] = set()
    known: set[str] = set()
    for field in definition.fields:
        columns = field.metadata.get(_TAKES, frozenset())
        known |= columns
        if f"{definition.name}.{to_camel_case(field.python_name)}" in asked:
            taken |= columns
    return frozenset(known - taken)


def described(text: str, *, assumed: int | None = None, **more: Any) -> Any:
    """A field that is plain data. `assumed`: how long a list of objects is, see `list_resolver`."""
    if assumed is not None:
        more["metadata"] = {_ASSUMED: assumed}
    return strawberry.field(description=text, **more)


def derived(
    read: Callable[[Any], Any],
    text: str,
    *,
    assumed: int | None = None,
    init: Literal[False] = False,
) -> Any:
    """A field that is plain data, `read` off what the object is made of when it is asked for: a
    list makes nothing of its rows that nobody wants to know. `assumed`: see `list_resolver`."""
    known = {_DERIVED: property(read), _ASSUMED: assumed}
    field: Any = strawberry.field(description=text, metadata=known)
    field.init = init
    return field


def shown(read: Callable[[Any, Any], Any], text: str, *, init: Literal[False] = False) -> Any:
    """The same of a field that also hangs on the request: `read(object, context)`, which waits for
    nothing."""

    def one(self: Any, info: Any) -> Any:
        return read(self, info.context)

    one.__annotations__ = {"info": strawberry.Info}
    field: Any = strawberry.field(one, description=text, metadata={_SHOWN: read})
    field.init = init
    return field


def about(text: str) -> Any:
    """What an argument means, for `Annotated`."""
    return strawberry.argument(description=text)


def value(stored: str, text: str) -> Any:
    """A member of an enum: as the domain writes it, and what it means."""
    return strawberry.enum_value(stored, description=text)


@dataclass_transform(
    order_default=True,
    kw_only_default=True,
    field_specifiers=(described, derived, shown, strawberry.field),
)
def object_type(cls: Kind) -> Kind:
    """A type of answers."""
    built: Any = strawberry.type(cls, description=_sentence(cls))
    for field in built.__strawberry_definition__.fields:
        if _DERIVED in field.metadata:
            setattr(built, field.python_name, field.metadata[_DERIVED])
    made: Kind = built
    return made


@dataclass_transform(
    order_default=True, kw_only_default=True, field_specifiers=(described, strawberry.field)
)
def input_type(cls: Kind) -> Kind:
    """A type of arguments."""
    return strawberry.input(cls, description=_sentence(cls))


@dataclass_transform(
    order_default=True, kw_only_default=True, field_specifiers=(described, strawberry.field)
)
def interface_type(cls: Kind) -> Kind:
    """What several types have in common."""
    return strawberry.interface(cls, description=_sentence(cls))


def enum_type(cls: EnumKind) -> EnumKind:
    """A closed list of words."""
    return strawberry.enum(cls, description=_sentence(cls))


def resolver(method: Method) -> Method:
    """A field that is computed, or a mutation."""
    field: Any = strawberry.field(method, description=_sentence(method))
    resolved: Method = field
    return resolved


def list_resolver(
    *, assumed: int | None = None, counted_by: str | None = None
) -> Callable[[Method], Method]:
    """A computed field that answers a plain list of objects, for what it costs to ask for it:
    as many as are usual (`assumed`), or as the list handed to an argument has (`counted_by`)."""

    def declared(method: Method) -> Method:
        length = {_ASSUMED: assumed, _COUNTED_BY: counted_by}
        field: Any = strawberry.field(method, description=_sentence(method), metadata=length)
        resolved: Method = field
        return resolved

    return declared


@dataclass(frozen=True, slots=True)
class Loaded:
    """A field's value is `method(source, context, found)`, where `found` is what `batch` reads for
    `key(source)`."""

    batch: Callable[..., Any]
    key: Callable[[Any], Hashable | None]
    method: Callable[..., Any]


def loaded(
    batch: Callable[..., Any], by: str, *, assumed: int | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """A field that is made of something read: `method(self, context, found)`, found being what
    `batch` (see `loads`) has for the object's attribute `by`, such as "view.id"; None where it has
    nothing, or the attribute is None. `assumed`: see `list_resolver`.

    What is read is known beforehand, so that a plan reads it for all objects of a level at once.
    """
    key = attrgetter(by)

    def declare(method: Callable[..., Any]) -> Any:
        async def one(self: Any, info: Any) -> Any:
            wanted = key(self)
            found = None if wanted is None else await info.context.load(batch, wanted)
            return method(self, info.context, found)

        # For strawberry, which reads the types of a field off its resolver.
        one.__module__, one.__qualname__ = method.__module__, method.__qualname__
        one.__name__, one.__doc__ = method.__name__, method.__doc__
        one.__annotations__ = {"info": strawberry.Info, "return": method.__annotations__["return"]}
        known = {_ASSUMED: assumed, _LOADED: Loaded(batch, key, method)}
        return strawberry.field(one, description=_sentence(method), metadata=known)

    return declare


@dataclass(frozen=True, slots=True)
class Source:
    """What a subscription hears of. `topic(context, **arguments)` is what is published when its
    answer may have changed, None where nothing ever will be: it reads nothing. `over(context,
    **arguments)` is awaited, and tells whether no other answer can come."""

    topic: Callable[..., str | None]
    over: Callable[..., Awaitable[bool]]


def subscription(source: Source) -> Callable[[Method], Method]:
    """A field of the subscription root: resolved like a query's, once at the start and again
    whenever its source says that something has changed."""

    def declared(method: Method) -> Method:
        field: Any = strawberry.field(
            method, description=_sentence(method), metadata={_SOURCE: source}
        )
        resolved: Method = field
        return resolved

    return declared


def source_of(field: GraphQLField) -> Source:
    """What a subscription of a built schema hears of. Raises KeyError where it does not say."""
    source: Source = _metadata(field)[_SOURCE]
    return source


def loaded_of(field: GraphQLField) -> Loaded | None:
    """How a field of a built schema comes to its value, where it is a `loaded` one."""
    found: Loaded | None = _metadata(field).get(_LOADED)
    return found


def shown_of(field: GraphQLField) -> Callable[[Any, Any], Any] | None:
    """What makes a field of a built schema of its object and the context, where it is a `shown`
    one."""
    found: Callable[[Any, Any], Any] | None = _metadata(field).get(_SHOWN)
    return found


def assumed_length(field: GraphQLField) -> int | None:
    """What was declared as `assumed` of a field of a built schema."""
    length: int | None = _metadata(field).get(_ASSUMED)
    return length


def counted_by(field: GraphQLField) -> str | None:
    """What was declared as `counted_by` of a field of a built schema."""
    argument: str | None = _metadata(field).get(_COUNTED_BY)
    return argument


def _metadata(field: GraphQLField) -> Mapping[str, Any]:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition.metadata if definition is not None else {}


def _sentence(documented: Any) -> str:
    """The first paragraph of a docstring on one line. Raises ValueError where there is none."""
    text = inspect.getdoc(documented) if documented.__doc__ else None
    if not text or documented.__doc__.startswith(f"{documented.__name__}("):
        raise ValueError(f"{documented.__qualname__} needs a docstring: it is its description")
    return " ".join(text.split("\n\n")[0].split())
