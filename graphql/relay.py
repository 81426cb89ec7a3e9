"""Lists a page at a time: Relay connections with `nodes` and keyset cursors.

A cursor is the sort key of an item in opaque form, so a page costs the same wherever it lies and
nothing is skipped or doubled when rows come and go in between.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
import strawberry

from keystall.graphql.describing import about, derived, described, object_type, public, resolver
from keystall.graphql.errors import bad_input

DEFAULT_FIRST = 20
MAX_FIRST = 100
MAX_NODES = 100

Key = tuple[str | int, ...]
"""The sort key of an item: the values that its list is ordered by, its row id last."""

First = Annotated[int | None, about("How many to answer, 100 at most.")]
After = Annotated[str | None, about("Cursor to go on after.")]

Item = TypeVar("Item")
Row = TypeVar("Row")


@public
@object_type
class PageInfo:
    """Where a page of a list ends, and how to go on."""

    has_next_page: bool = described("Whether more follows after `endCursor`.")
    has_previous_page: bool = described("Whether something precedes `startCursor`.")
    start_cursor: str | None = described("Cursor of the first item here; null on an empty page.")
    end_cursor: str | None = described(
        "Cursor of the last item here, to hand to `after`; null on an empty page."
    )


@public
@object_type
class Edge(Generic[Item]):
    """An item at its place in a list."""

    cursor: str = described("Opaque place in the list.")
    node: Item = described("The item.")


@public
@object_type
class Connection(Generic[Item]):
    """A page of a list."""

    rows: strawberry.Private[list[Any]]
    key: strawberry.Private[Callable[[Any], Key]]
    before: strawberry.Private[bool]
    more: strawberry.Private[bool]
    nodes: list[Item] = described("The items of this page.")
    page_info: PageInfo = derived(lambda page: _page_info(page), "Where this page ends.")

    @resolver
    def edges(self) -> list[Edge[Item]]:
        """The items of this page, each with its cursor."""
        return [
            Edge(cursor=encode_cursor(self.key(row)), node=item)
            for row, item in zip(self.rows, self.nodes, strict=True)
        ]


def _page_info(page: Connection[Any]) -> PageInfo:
    cursors = [encode_cursor(page.key(row)) for row in page.rows[:1] + page.rows[-1:]]
    return PageInfo(
        has_next_page=page.more,
        has_previous_page=page.before,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[1] if cursors else None,
    )


def page_size(first: int | None) -> int:
    """How many items to answer. Raises ApiError outside of 0 to MAX_FIRST."""
    size = DEFAULT_FIRST if first is None else first
    if not 0 <= size <= MAX_FIRST:
        raise bad_input(f"`first` must be from 0 to {MAX_FIRST}.")
    return size


def encode_cursor(key: Key) -> str:
    """The opaque form of a sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def decode_any(after: str | None) -> Key | None:
    """The sort key in a cursor, whatever list it is of; None without one.

    Raises ApiError for a text that is no cursor.
    """
    if after is None:
        return None
    try:
        padded = after + "=" * (-len(after) % 4)
        values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise bad_input("`after` is no cursor of this list.") from None
    if not isinstance(values, list) or any(type(value) not in (str, int) for value in values):
        raise bad_input("`after` is no cursor of this list.")
    return tuple(values)


def decode_cursor(after: str | None, *shape: type) -> Key | None:
    """The sort key in a cursor of a list whose keys are of these types. Raises ApiError."""
    key = decode_any(after)
    if key is not None and [type(value) for value in key] != list(shape):
        raise bad_input("`after` is no cursor of this list.")
    return key


def decode_row(after: str | None) -> UUID | None:
    """The row in the cursor of a list that is ordered by row ids alone; None without a cursor."""
    key = decode_cursor(after, str)
    try:
        return None if key is None else UUID(str(key[0]))
    except ValueError:
        raise bad_input("`after` is no cursor of this list.") from None


def decode_place(after: str | None) -> tuple[int, UUID] | None:
    """Position and row in the cursor of a list arranged by hand; None without a cursor."""
    key = decode_cursor(after, int, str)
    try:
        return None if key is None else (int(key[0]), UUID(str(key[1])))
    except ValueError:
        raise bad_input("`after` is no cursor of this list.") from None


def connection(
    rows: Sequence[Row],
    first: int,
    *,
    after: str | None,
    node: Callable[[Row], Item],
    key: Callable[[Row], Key],
) -> Connection[Item]:
    """The page made of `rows`, of which one more than `first` was asked for."""
    shown = list(rows[:first])
    return Connection(
        rows=shown,
        key=key,
        before=after is not None,
        more=len(rows) > first,
        nodes=[node(row) for row in shown],
    )
