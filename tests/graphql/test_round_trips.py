"""How often a document goes to the database and back, counted on the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import pytest

from keystall.graphql.executor import Surface, execute
from keystall.platform import database
from keystall.tenants.catalog.categories import category_create
from keystall.tenants.catalog.input import CategoryInput
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from tests.factories import a_product, a_shop, a_viewer
from tests.graphql.asking import buyer, merchant


@dataclass
class Wire:
    """A line to the server, all in turn: a trip begins when something is sent after an answer."""

    host: str
    port: int
    trips: int = 0
    asked: list[bytes] = field(default_factory=list)
    _answered: bool = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self.host, self.port)
        with suppress(ConnectionError):
            await asyncio.gather(
                self._pass(reader, server_writer, sent=True),
                self._pass(server_reader, writer, sent=False),
            )

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, sent: bool
    ) -> None:
        while chunk := await source.read(65536):
            if sent and self._answered:
                self.trips += 1
                self.asked.append(chunk)
            self._answered = not sent
            target.write(chunk)
            await target.drain()
        target.close()


@pytest.fixture
async def wire(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """The line of all readers, of which there is one."""
    client = database._client("reader")
    wire = Wire(str(client.host), client.port)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    pool = await asyncpg.create_pool(
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        user=client.user,
        password=client.password,
        database=client.database,
        ssl=False,
        min_size=1,
        max_size=1,
        connection_class=database._Connection,
        init=database._prepare,
    )
    monkeypatch.setattr(client, "_pool", pool)
    yield wire
    await pool.close()
    server.close()
    await server.wait_closed()


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    shop = await a_shop(installation)
    shelf = await category_create(installation, shop, CategoryInput("Games"))
    await a_product(installation, shop, category_id=shelf.id)
    return shop


LISTED = "nodes { name availability priceRange { min { amount } } images { url } }"


@pytest.mark.parametrize(
    ("surface", "document", "statements"),
    [
        ("storefront", "{ shop { name } }", 0),
        ("storefront", f"{{ products {{ {LISTED} }} }}", 1),
        ("storefront", "{ products { nodes { variants { name } category { id } } } }", 1),
        ("storefront", "{ categories { nodes { name } } }", 1),
        ("storefront", "{ categories { nodes { slug } } shop { slug } }", 1),
        ("admin", "{ orders { nodes { number total { amount } } } }", 1),
        ("admin", "{ refunds { nodes { id } } }", 1),
        ("admin", "{ webhooks { url } }", 1),
        ("storefront", f"{{ categories(first: 5) {{ nodes {{ products {{ {LISTED} }} }} }} }}", 2),
        ("storefront", f"{{ categories {{ nodes {{ name }} }} products {{ {LISTED} }} }}", 2),
        ("admin", "{ products { nodes { variants { stock { available } } } } }", 2),
        (
            "storefront",
            "{ shop { paymentMethods { id } } categories { nodes { products { nodes { id } } } } }",
            3,
        ),
    ],
)  # fmt: skip
async def test_one_statement_is_one_round_trip_and_several_are_two_more(
    installation: Installation,
    shop: Shop,
    wire: Wire,
    surface: Surface,
    document: str,
    statements: int,
) -> None:
    person = await a_viewer(installation)
    trips = []
    for _ in range(2):  # the first time statements are prepared
        before = wire.trips
        context = (
            buyer(installation, shop)
            if surface == "storefront"
            else merchant(installation, shop, person)
        )
        answer = await execute(surface, document, None, {}, context)
        await context.reader.finish()
        assert answer.errors == ()
        trips.append(wire.trips - before)
    # Several see one moment of the database: that is begun, the shop named with it, and ended.
    assert trips[1] == (statements if statements < 2 else statements + 2)
