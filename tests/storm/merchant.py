"""The merchant's side: a product on sale and its codes in stock, through the admin API."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.storm.asking import Asking, Hopeless

_CREATE = """
mutation ($input: ProductCreateInput!) {
  productCreate(input: $input) {
    product { id variants { id } }
    userErrors { path message code }
  }
}
"""
_IMPORT = """
mutation ($input: CodesInput!, $key: String!) {
  codesImport(input: $input, idempotencyKey: $key) {
    job { id }
    userErrors { path message code }
  }
}
"""
_JOB = "query ($id: ID!) { node(id: $id) { ... on Job { state done total result } } }"
_CURRENCY = "{ shop { defaultCurrency } }"


@dataclass(frozen=True, slots=True)
class Goods:
    """What is for sale."""

    variant_id: str


async def put_on_sale(ask: Asking, name: str, codes: Sequence[str]) -> Goods:
    """A product of one variant with `codes` in stock. Raises Hopeless where it is refused."""
    currency = (await ask(_CURRENCY))["shop"]["defaultCurrency"]
    price = {"amount": "9.90", "currencyCode": currency}
    asked = await ask(_CREATE, input={"name": name, "variants": [{"prices": [price]}]})
    variant_id = _done(asked["productCreate"])["product"]["variants"][0]["id"]
    asked = await ask(
        _IMPORT, input={"variantId": variant_id, "text": "\n".join(codes)}, key=f"import-{name}"
    )
    job_id = _done(asked["codesImport"])["job"]["id"]
    job: dict[str, Any] = {"state": "QUEUED"}
    while job["state"] in ("QUEUED", "RUNNING"):
        await asyncio.sleep(0.2)
        job = (await ask(_JOB, id=job_id))["node"]
    if job["state"] != "DONE" or job["done"] != len(codes):
        raise Hopeless(f"import ended as {job}")
    return Goods(variant_id)


def _done(payload: dict[str, Any]) -> dict[str, Any]:
    if payload["userErrors"]:
        raise Hopeless(str(payload["userErrors"]))
    return payload
