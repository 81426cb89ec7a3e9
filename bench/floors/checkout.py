"""A whole checkout with the least durable work: start (a commit), pay (a commit), read."""

from typing import Any

import asyncpg
import orjson
import strawberry
from starlette.types import ASGIApp
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

START = """
insert into checkout (tenant_id, email, product_id, total_minor, state)
select 1, $1, id, price_minor, 'open' from product where id = $2 returning id
"""
READ = """
select o.id, o.state, c.lookup from orders o join code c on c.order_id = o.id where o.id = $1
"""


@strawberry.type
class Order:
    id: strawberry.ID
    state: str
    codes: list[str]


@strawberry.type
class Query:
    @strawberry.field
    async def order(self, info: strawberry.Info, id: strawberry.ID) -> Order | None:
        row = await info.context["pool"].fetchrow(READ, int(id))
        return row and Order(id=row["id"], state=row["state"], codes=[row["lookup"].hex()])


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def checkout_start(
        self, info: strawberry.Info, product: int, email: str
    ) -> strawberry.ID:
        made = await info.context["pool"].fetchval(START, email, product)
        return strawberry.ID(str(made))

    @strawberry.mutation
    async def checkout_pay(self, info: strawberry.Info, id: strawberry.ID) -> strawberry.ID:
        order = await info.context["pool"].fetchval("select pay_checkout($1::uuid)", id)
        return strawberry.ID(str(order))


class _Endpoint(GraphQL[dict[str, Any], None]):
    pool: asyncpg.Pool

    async def get_context(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"pool": self.pool}

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)


class Checkout:
    """The endpoint over `pool`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        caches = [lambda: ParserCache(maxsize=128), lambda: ValidationCache(maxsize=128)]
        schema = strawberry.Schema(Query, Mutation, extensions=caches)
        endpoint = _Endpoint(schema, graphql_ide=None)
        endpoint.pool = pool
        self.app: ASGIApp = endpoint
