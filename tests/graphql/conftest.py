"""A schema of our own making, to prove the gateway's core apart from the domain."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import strawberry

from keystall.graphql.context import Info, RequestContext
from keystall.graphql.errors import bad_input
from keystall.graphql.relay import After, Connection, First, connection, decode_cursor, page_size
from keystall.graphql.schema import KeystallSchema


class NoReader:
    """Stands where nothing may be read."""

    async def rows(self, sql: str, *args: object) -> Sequence[Any]:
        raise AssertionError("nothing may be read here")

    row = value = rows

    async def close(self) -> None:
        return None

    finish = close


def context(**changed: Any) -> RequestContext:
    """A request that knows nobody and reads nothing."""
    plain: dict[str, Any] = {
        "installation": None,
        "reader": NoReader(),
        "shop": None,
        "viewer": None,
        "locale": "en",
        "currency": "CNY",
        "request_id": "request-1",
        "address": "127.0.0.1",
    }
    return RequestContext(**{**plain, **changed})


@strawberry.type
class Number:
    """A natural number that knows its successors."""

    value: int

    @strawberry.field
    def next(self) -> "Number":
        return Number(value=self.value + 1)

    @strawberry.field
    def following(self, first: First = 20, after: After = None) -> Connection["Number"]:
        return _numbers(self.value + 1, first, after)


def _numbers(start: int, first: int | None, after: str | None) -> Connection[Number]:
    size = page_size(first)
    key = decode_cursor(after, int)
    begin = start if key is None else int(key[0]) + 1
    rows = [Number(value=value) for value in range(begin, min(begin + size + 1, 500))]
    return connection(rows, size, after=after, node=lambda n: n, key=lambda n: (n.value,))


@strawberry.input
class Texts:
    text: str


@strawberry.type
class Query:
    @strawberry.field
    def said(self, texts: list[Texts]) -> str:
        return "".join(one.text for one in texts)

    @strawberry.field
    def one(self) -> Number:
        return Number(value=1)

    @strawberry.field
    def numbers(self, first: First = 20, after: After = None) -> Connection[Number]:
        return _numbers(0, first, after)

    @strawberry.field
    def told(self) -> int:
        raise bad_input("Told to the client.")

    @strawberry.field
    def broken(self) -> int | None:
        raise RuntimeError("password=hunter2")

    @strawberry.field
    def locale(self, info: Info) -> str:
        return info.context.locale

    @strawberry.field
    def double(self, of: int) -> int:
        return of * 2


@strawberry.type
class Mutation:
    @strawberry.mutation
    def count(self) -> int:
        return 1


@pytest.fixture(scope="session")
def counting() -> KeystallSchema:
    return KeystallSchema(Query, Mutation, suggestions=False)


@pytest.fixture
def make_context() -> Callable[..., RequestContext]:
    return context
