"""Whole checkouts by several buyers at once, each one after another; ours and the floor's."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from bench.house import House
from bench.load import Load, percentiles
from bench.wire import Connection

BUYERS = 8
DELIVERED_SECONDS = 20.0
STOREFRONT = "/graphql/storefront"
ERRORS = "userErrors{path code message}"
CREATE = (
    "mutation A($lines:[CartLineInput!]!,$email:String!)"
    "{cartCreate(input:{lines:$lines,buyer:{email:$email}})"
    f"{{cart{{id total{{amount}}}} {ERRORS}}}}}"
)
COMPLETE = (
    "mutation C($cart:ID!,$method:ID!,$key:String!){cartComplete(cartId:$cart,"
    f"paymentMethod:$method,idempotencyKey:$key){{order{{token}} redirectUrl {ERRORS}}}}}"
)
ORDER = "query O($token:String!){order(token:$token){status lines{codes{secret}}}}"
METHODS = "{shop{paymentMethods{id}}}"


class Buyer(Protocol):
    async def buy(self) -> None:
        """One checkout, from an empty cart to a code in hand. Raises ValueError or OSError."""

    def close(self) -> None: ...


class Placed:
    """An order that waits for its money."""

    def __init__(self, token: str, redirect: str) -> None:
        self.token = token
        self.pay_path = "/" + redirect.split("/", 3)[3]

    @property
    def payment(self) -> str:
        """The gateway's id of it."""
        return self.pay_path.rpartition("/")[2]


class Shop:
    """What buyers of our shop share."""

    def __init__(self, house: House, method: str) -> None:
        self.house, self.method = house, method
        self.variants: Iterator[str] = itertools.cycle(house.seeded["variants"])

    @classmethod
    async def open(cls, house: House) -> "Shop":
        connection = Connection(house.port, house.shop_host)
        try:
            told = await connection.graphql(STOREFRONT, METHODS)
        finally:
            connection.close()
        return cls(house, told["shop"]["paymentMethods"][0]["id"])

    def web(self) -> Connection:
        return Connection(self.house.port, self.house.shop_host)

    def gateway(self) -> Connection:
        return Connection(self.house.sandbox_port, self.house.sandbox_host)


class OurBuyer:
    """Asks as a storefront's script does: two mutations, the gateway's page, the stream."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._web, self._gateway = shop, shop.web(), shop.gateway()

    async def buy(self) -> None:
        placed = await self.place()
        await self.pay(placed)
        async with asyncio.timeout(DELIVERED_SECONDS):
            await self.await_codes(placed)

    async def place(self) -> Placed:
        line = {"variantId": next(self._shop.variants), "quantity": 1}
        email = f"b{secrets.token_hex(8)}@example.com"
        made = await self._ask(CREATE, lines=[line], email=email)
        cart = made["cartCreate"]["cart"]["id"]
        key = secrets.token_urlsafe(16)
        done = await self._ask(COMPLETE, cart=cart, method=self._shop.method, key=key)
        told = done["cartComplete"]
        return Placed(told["order"]["token"], told["redirectUrl"])

    async def pay(self, placed: Placed) -> None:
        form = "application/x-www-form-urlencoded"
        answer = await self._gateway.send("POST", placed.pay_path, b"act=pay", form)
        if answer.status != 303:
            raise ValueError(f"the gateway answered {answer.status}")

    async def await_codes(self, placed: Placed) -> None:
        """Listens to the order's stream and asks again at every change, until it is delivered."""
        stream = self._shop.web()
        try:
            async for event in stream.events(f"/order/{placed.token}/events"):
                if b"changed" in event and await self.delivered(placed):
                    return
        finally:
            stream.close()
        raise ValueError("the stream ended before the order was delivered")

    async def delivered(self, placed: Placed) -> bool:
        order = (await self._ask(ORDER, token=placed.token))["order"]
        if order["status"] not in {"PENDING", "DELIVERED"}:
            raise ValueError(f"the order is {order['status']}")
        if order["status"] == "PENDING":
            return False
        if not all(code["secret"] for line in order["lines"] for code in line["codes"]):
            raise ValueError("delivered without a code")
        return True

    async def codes(self, placed: Placed) -> list[str]:
        """The codes of a delivered order."""
        order = (await self._ask(ORDER, token=placed.token))["order"]
        return [code["secret"] for line in order["lines"] for code in line["codes"]]

    async def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        return await self._web.graphql(STOREFRONT, query, **variables)

    def close(self) -> None:
        self._web.close()
        self._gateway.close()


class FloorBuyer:
    """The floor's three requests."""

    numbers = itertools.count()
    START = "mutation S($p:Int!,$e:String!){checkoutStart(product:$p,email:$e)}"
    PAY = "mutation P($i:ID!){checkoutPay(id:$i)}"
    READ = "query O($i:ID!){order(id:$i){id state codes}}"

    def __init__(self, house: House) -> None:
        self._floor = Connection(house.floors_port, "localhost")

    async def buy(self) -> None:
        number = next(self.numbers)
        email = f"b{number}@example.com"
        started = await self._ask(self.START, p=number % 1000 + 1, e=email)
        paid = await self._ask(self.PAY, i=started["checkoutStart"])
        read = await self._ask(self.READ, i=paid["checkoutPay"])
        if not read["order"]["codes"]:
            raise ValueError("sold without a code")

    async def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        return await self._floor.graphql("/checkout", query, **variables)

    def close(self) -> None:
        self._floor.close()


async def checkouts(buyer: Callable[[], Buyer], seconds: float) -> Load:
    """`BUYERS` buyers for `seconds`. What fails is counted; ten failures end the run."""
    times: list[float] = []
    failures: list[Exception] = []
    began = time.perf_counter()

    async def one() -> None:
        buying = buyer()
        try:
            while time.perf_counter() < began + seconds and len(failures) < 10:
                asked = time.perf_counter()
                try:
                    await buying.buy()
                except (ValueError, OSError, EOFError) as error:
                    failures.append(error)
                else:
                    times.append(time.perf_counter() - asked)
        finally:
            buying.close()

    await asyncio.gather(*(one() for _ in range(BUYERS)))
    spent = time.perf_counter() - began
    for failure in failures[:2]:
        print(f"  a checkout failed: {type(failure).__name__} {failure}")
    return Load(len(times) / spent, len(times), len(failures), *percentiles(times))
