"""Vendure beside us: the peer that frontend developers know, in the same PostgreSQL, in one run.

Fetched by npm as `bench/peers/package-lock.json` pins it. It is filled once (some minutes), and the
filled database is kept in `bench/peers/.filled` for later runs. Without node and npm there is no
peer, and the bench says so.
"""

import itertools
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson

from bench.house import House, HouseError
from bench.load import Target
from bench.wire import Connection
from keystall.platform.engines.postgres import find_postgres

HERE = Path(__file__).parent / "peers"
FILLED = HERE / ".filled"
API, DATABASE = "/shop-api", "vendure"
INSTALL_SECONDS, FILL_SECONDS = 600.0, 900.0
PRODUCTS = 1_000

_LIST = (
    "query L($n:Int!){products(options:{take:$n}){items{id name slug description"
    " featuredAsset{preview} variants{priceWithTax currencyCode stockLevel}}}}"
)
_SEARCH = (
    "query S($n:Int!){search(input:{take:$n,groupByProduct:true}){items{productId productName slug"
    " description productAsset{preview} priceWithTax{...on SinglePrice{value}"
    " ...on PriceRange{min}} currencyCode inStock}}}"
)
_PRODUCT = (
    "query D($s:String!){product(slug:$s){id name slug description featuredAsset{preview}"
    " variants{priceWithTax currencyCode stockLevel}}}"
)


def missing() -> str:
    """What a peer would need and this machine lacks; empty where it has all."""
    lacking = [name for name in ("node", "npm") if shutil.which(name) is None]
    return " and ".join(lacking)


def start(house: House) -> None:
    """Fetches Vendure where it is not there, gives it a filled database, and starts its server.

    Raises HouseError.
    """
    _prepare(house)
    told = {**_environment(house), "NODE_ENV": "production"}
    node = shutil.which("node") or "node"
    house.start_peer((node, str(HERE / "server.cjs")), told)


def _prepare(house: House) -> None:
    if not (HERE / "node_modules").is_dir():
        npm = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        _run(npm, INSTALL_SECONDS, house, "npm")
    house.make_database(DATABASE)
    programs, address = find_postgres(), house.url_of(DATABASE)
    if FILLED.exists():
        _run(
            (programs / "pg_restore", "--no-owner", "-d", address, FILLED), 120.0, house, "restore"
        )
        return
    csv = house.folder / "products.csv"
    _run(("node", "seed.cjs", csv), FILL_SECONDS, house, "vendure-fill")
    partly = FILLED.with_suffix(".part")
    _run((programs / "pg_dump", "-Fc", "-f", partly, address), 120.0, house, "dump")
    partly.replace(FILLED)


def targets(house: House, product: str) -> list[Target]:
    """Its list, the same by its search index (its best), and one product."""
    asked = (
        ("vendure, list", _LIST, {"n": 20}),
        ("vendure, list by its search index", _SEARCH, {"n": 20}),
        ("vendure, product", _PRODUCT, {"s": product}),
    )
    return [
        Target(name, house.peer_port, "localhost", API, _asked(query, variables))
        for name, query, variables in asked
    ]


class VendureBuyer:
    """A whole checkout in six requests, as Vendure's guide has it; paid by its dummy handler."""

    numbers = itertools.count()
    _ERROR = "...on ErrorResult{errorCode message}"

    def __init__(self, house: House) -> None:
        self._house = house
        self._shipping = ""

    async def buy(self) -> None:
        self._web = Connection(self._house.peer_port, "localhost")
        self._token = ""
        try:
            await self._order()
        finally:
            self._web.close()

    def close(self) -> None:
        """Each checkout has a connection, and a session, of its own."""

    async def _order(self) -> None:
        error, number = self._ERROR, next(self.numbers)
        email = f"b{secrets.token_hex(8)}@example.com"
        person = {"firstName": "A", "lastName": "B", "emailAddress": email}
        address = {
            "fullName": "A B", "streetLine1": "1 High St", "city": "Leeds",
            "postalCode": "LS1 1AA", "countryCode": "GB",
        }  # fmt: skip
        await self._ask(
            "mutation A($v:ID!){addItemToOrder(productVariantId:$v,quantity:1)"
            f"{{...on Order{{id}}{error}}}}}",
            v=str(number % PRODUCTS + 1),
        )
        await self._ask(
            "mutation C($i:CreateCustomerInput!){setCustomerForOrder(input:$i)"
            f"{{...on Order{{id}}{error}}}}}",
            i=person,
        )
        await self._ask(
            "mutation S($i:CreateAddressInput!){setOrderShippingAddress(input:$i)"
            f"{{...on Order{{id}}{error}}}}}",
            i=address,
        )
        if not self._shipping:
            found = await self._ask("{eligibleShippingMethods{id}}")
            self._shipping = found["eligibleShippingMethods"][0]["id"]
        await self._ask(
            "mutation M($i:[ID!]!){setOrderShippingMethod(shippingMethodId:$i)"
            f"{{...on Order{{id}}{error}}}}}",
            i=[self._shipping],
        )
        await self._ask(
            'mutation T{transitionOrderToState(state:"ArrangingPayment")'
            "{...on Order{state}...on OrderStateTransitionError{errorCode message}}}"
        )
        paid = await self._ask(
            "mutation P($i:PaymentInput!){addPaymentToOrder(input:$i)"
            f"{{...on Order{{state}}{error}}}}}",
            i={"method": "dummy", "metadata": {}},
        )
        if paid["addPaymentToOrder"]["state"] != "PaymentSettled":
            raise ValueError(f"not settled: {paid}")

    async def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        known = f"Authorization: Bearer {self._token}" if self._token else ""
        body = _asked(query, variables)
        answer = await self._web.send("POST", API, body, "application/json", known)
        self._token = answer.headers.get("vendure-auth-token") or self._token
        told: dict[str, Any] = orjson.loads(answer.body)
        data = told.get("data") or {}
        failed = [one for one in data.values() if isinstance(one, dict) and "errorCode" in one]
        if "errors" in told or failed:
            raise ValueError(f"Vendure: {told}")
        return data


def _environment(house: House) -> dict[str, str]:
    """What Vendure's own scripts are told."""
    return {"DATABASE": house.url_of(DATABASE), "PORT": str(house.peer_port)}


def _asked(query: str, variables: dict[str, Any]) -> bytes:
    return orjson.dumps({"query": query, "variables": variables})


def _run(command: tuple[object, ...], seconds: float, house: House, name: str) -> None:
    log = house.folder / "logs" / f"{name}.log"
    with log.open("wb") as told:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=HERE, timeout=seconds, stdout=told, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, **_environment(house)},
        )  # fmt: skip
    if done.returncode != 0:
        raise HouseError(f"{name} failed; see {log}")
