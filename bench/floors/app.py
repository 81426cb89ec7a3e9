"""Every floor as one path of one ASGI application.

    GET  /memory/NAME    a file of FLOORS_ANSWERS, whole, from memory: no server says less
    GET  /rest/products  plain REST: a query of 20 rows with 8 fields, as JSON
    POST /graphql        the same by GraphQL, compiled: `products(first)`, `product(slug)`
    GET  /page/home      24 products of a compiled query, rendered
    GET  /page/product   one of them
    POST /checkout       start, pay, read: GraphQL over SQL functions, two durable commits

FLOORS_DATABASE is the address of their database.
"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import jinja2
import orjson
from graphql import build_schema
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bench.floors.checkout import Checkout
from bench.floors.compiled import compiled

SCHEMA = build_schema("""
type Query { products(first: Int!): [Product!]!  product(slug: String!): Product }
type Product { id: ID!  name: String!  slug: String!  description: String!  price: Money!
  featuredAsset: Asset  inStock: Boolean! }
type Money { amount: Int!  currency: String! }
type Asset { url: String! }
""")
FIELDS = "id name slug description price{amount currency} featuredAsset{url} inStock"
LIST = f"query L($n:Int!){{products(first:$n){{{FIELDS}}}}}"
ONE = f"query D($s:String!){{product(slug:$s){{{FIELDS}}}}}"
COLUMNS = "id,name,slug,description,price_minor,currency,asset_url,in_stock"
LIST_SQL = f"select {COLUMNS} from product where tenant_id=$1 order by position limit $2"
ONE_SQL = f"select {COLUMNS} from product where tenant_id=$1 and slug=$2"
SHOP = {"store": "Perf & Co", "lang": "en", "nav": ["Games", "Software", "Gift cards", "Courses"]}

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
)
HOME, PRODUCT = ENVIRONMENT.get_template("home.html"), ENVIRONMENT.get_template("product.html")


class Quiet(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """No round trip to reset what nothing here ever sets."""

    def get_reset_query(self) -> str:
        return ""


def as_dict(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "slug": row["slug"],
        "description": row["description"],
        "price": {"amount": row["price_minor"], "currency": row["currency"]},
        "featured_asset": {"url": row["asset_url"]} if row["asset_url"] else None,
        "in_stock": row["in_stock"],
    }


def card(product: dict[str, Any]) -> dict[str, Any]:
    """A compiled answer's product as the templates want it."""
    price, asset = product["price"]["amount"], product["featuredAsset"]
    return product | {
        "price": f"${price / 100:.2f}",
        "url": asset["url"] if asset else None,
        "in_stock": product["inStock"],
    }


class Floors:
    """The handlers, over one pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def rest(self, _: Request) -> Response:
        rows = await self._pool.fetch(LIST_SQL, 1, 20)
        return json([as_dict(row) for row in rows])

    async def graphql(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        variables = body["variables"]
        run = compiled(SCHEMA, body["query"])
        if "s" in variables:
            return json({"data": {"product": run(await self._product(variables["s"]))}})
        return json({"data": {"products": run(await self._products(variables["n"]))}})

    async def home(self, _: Request) -> Response:
        products = compiled(SCHEMA, LIST)(await self._products(24))
        return html(HOME.render(SHOP, products=[card(product) for product in products]))

    async def product(self, _: Request) -> Response:
        product = compiled(SCHEMA, ONE)(await self._product("product-77"))
        return html(PRODUCT.render(SHOP, p=card(product)))

    async def _products(self, first: int) -> list[dict[str, Any]]:
        return [as_dict(row) for row in await self._pool.fetch(LIST_SQL, 1, first)]

    async def _product(self, slug: str) -> dict[str, Any] | None:
        row = await self._pool.fetchrow(ONE_SQL, 1, slug)
        return row and as_dict(row)


def json(answer: Any) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")


def html(text: str) -> Response:
    return Response(text, media_type="text/html")


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    dsn = os.environ["FLOORS_DATABASE"]
    async with asyncpg.create_pool(dsn, min_size=8, max_size=8, connection_class=Quiet) as pool:
        floors = Floors(pool)
        app.router.routes += [
            Route("/rest/products", floors.rest),
            Route("/graphql", floors.graphql, methods=["POST"]),
            Route("/page/home", floors.home),
            Route("/page/product", floors.product),
            Route("/checkout", Checkout(pool).app, methods=["POST"]),
        ]
        yield


ANSWERS = {
    f"/memory/{file.name}": (
        [(b"content-type", b"text/html"), (b"content-length", b"%d" % file.stat().st_size)],
        file.read_bytes(),
    )
    for file in Path(os.environ["FLOORS_ANSWERS"]).iterdir()
}
starlette = Starlette(lifespan=lifespan)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers from memory without a framework around them; the rest by Starlette."""
    kept = ANSWERS.get(scope["path"]) if scope["type"] == "http" else None
    if kept is None:
        await starlette(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": kept[0]})
    await send({"type": "http.response.body", "body": kept[1]})
