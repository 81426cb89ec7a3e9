"""Asking the schemas as their audiences do."""

import ipaddress
import itertools
from collections.abc import Sequence
from typing import Any

from keystall.graphql import arrival
from keystall.graphql.arrival import Caller
from keystall.graphql.context import RequestContext, RequestReader
from keystall.graphql.executor import Surface, execute
from keystall.platform import database
from keystall.platform.database import Reads, Row
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.staff.roles import Role

_ADDRESSES = (str(ipaddress.IPv4Address("10.0.0.0") + number) for number in itertools.count())
"""Everyone asks from somewhere else, or what one test tries would count against another."""


class CountingReader:
    """A reader that remembers its statements."""

    def __init__(self, reader: RequestReader) -> None:
        self._reader = reader
        self.statements: list[str] = []

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        self.statements.append(sql)
        return await self._reader.rows(sql, *args)

    async def row(self, sql: str, *args: object) -> Row | None:
        self.statements.append(sql)
        return await self._reader.row(sql, *args)

    async def value(self, sql: str, *args: object) -> Any:
        self.statements.append(sql)
        return await self._reader.value(sql, *args)

    def lone(self) -> Reads:
        lone = CountingReader(self._reader.lone())  # type: ignore[arg-type]  # it is not closed
        lone.statements = self.statements
        return lone

    async def close(self) -> None:
        await self._reader.close()

    async def finish(self) -> None:
        await self._reader.finish()


def caller(**changed: Any) -> Caller:
    """Where a request came from."""
    return Caller(**{"request_id": "request-1", "address": next(_ADDRESSES), **changed})


def buyer(installation: Installation, shop: Shop, **changed: Any) -> RequestContext:
    """A buyer at the shop."""
    return arrival.at_shop(installation, shop, caller(**changed))


def merchant(
    installation: Installation,
    shop: Shop | None,
    person: Viewer,
    *,
    role: Role = "owner",
    **changed: Any,
) -> RequestContext:
    """A signed-in person on the console of the shop, as the pages ask: an owner, by default."""
    return RequestContext(
        installation=installation,
        reader=database.reader(shop.id if shop else None),
        shop=shop,
        viewer=person,
        role=role if shop else None,
        locale="en",
        currency=shop.default_currency if shop else "",
        request_id="request-1",
        address=next(_ADDRESSES),
        effects=[],
        **changed,
    )


async def ask(
    surface: Surface, context: RequestContext, document: str, **variables: Any
) -> dict[str, Any]:
    """The data of an operation that meets no top-level error."""
    try:
        answer = await execute(surface, document, None, variables, context)
    finally:
        await context.reader.close()
    assert answer.errors == ()
    assert answer.data is not None
    return dict(answer.data)
