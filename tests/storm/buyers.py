"""A buyer: cart, order, payment as planned, and waiting until it is over."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.storm.asking import Asking, Hopeless
from tests.storm.plan import WANTS_GOODS, Buyer

CART = """
mutation ($variant: ID!, $quantity: Int!) {
  cartCreate(input: {lines: [{variantId: $variant, quantity: $quantity}]}) {
    cart { id }
    userErrors { path message code }
  }
}
"""
WHO = """
mutation ($cart: ID!, $email: String!) {
  cartBuyerUpdate(cartId: $cart, input: {email: $email}) { userErrors { path message code } }
}
"""
COMPLETE = """
mutation ($cart: ID!, $method: ID!, $key: String!) {
  cartComplete(cartId: $cart, paymentMethod: $method, idempotencyKey: $key) {
    order { token status expiresAt }
    redirectUrl
    userErrors { path message code }
  }
}
"""
CANCEL = "mutation ($token: String!) { orderCancel(token: $token) { userErrors { code } } }"
CHECK = """
mutation ($token: String!) { orderPaymentCheck(token: $token) { finding userErrors { code } } }
"""
STATUS = "query ($token: String!) { order(token: $token) { status } }"
CODES = """
query ($token: String!) {
  order(token: $token) { status lines { quantity codes { secret } } }
}
"""
_SOLD_OUT = {"SOLD_OUT", "NOT_ENOUGH_STOCK"}
_OVER = {"DELIVERED", "EXPIRED", "CANCELED", "REFUNDED", "REFUND_DUE"}
_AFTER_MONEY = {"DELIVERED", "REFUNDED", "REFUND_DUE"}
_WAIT_SECONDS = 420.0
_IDLE_PATIENCE = 15


@dataclass(frozen=True, slots=True)
class Market:
    """What all buyers share. `come_back`: whether somebody refused `quantity` may hope still."""

    ask: Asking
    gateway: str
    variant_id: str
    method_id: str
    come_back: Callable[[int], Awaitable[bool]]
    holds_on: Callable[[Buyer], Awaitable[None]]
    """Returns when `buyer`, whose goods are held, may pay."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended for a buyer. `token` None: everything was sold before."""

    buyer: Buyer
    token: str | None
    status: str
    refusals: int


async def buy(market: Market, buyer: Buyer) -> Outcome:
    """Does what the plan says of `buyer`. Raises Hopeless where the shop fails them."""
    chance = random.Random(buyer.seed)
    await asyncio.sleep(buyer.arrives)
    made = await market.ask(CART, variant=market.variant_id, quantity=buyer.quantity)
    cart_id = _done(made["cartCreate"])["cart"]["id"]
    _done((await market.ask(WHO, cart=cart_id, email=buyer.email))["cartBuyerUpdate"])
    refusals = 0
    while (placed := await _complete(market, buyer, cart_id)) is None:
        refusals += 1
        # Without this the last code would go round among those who only hold it, a minute each.
        tired = buyer.manner not in WANTS_GOODS and refusals > _IDLE_PATIENCE
        if tired or not await market.come_back(buyer.quantity):
            return Outcome(buyer, None, "SOLD_OUT", refusals)
        await asyncio.sleep(chance.uniform(0.5, 2.5))
    order, page = placed
    if page is not None:
        await market.holds_on(buyer)
        await _pay(market, buyer, order, page)
    paid = page is not None and buyer.manner in WANTS_GOODS
    status = await _wait(market, buyer, order, final=_AFTER_MONEY if paid else _OVER)
    return Outcome(buyer, order["token"], status, refusals)


async def _complete(
    market: Market, buyer: Buyer, cart_id: str
) -> tuple[dict[str, Any], str | None] | None:
    """The order and the payment's page, None where it ended before; None: sold out."""
    key = f"storm-{buyer.number:08d}"
    while True:
        asked = await market.ask(COMPLETE, cart=cart_id, method=market.method_id, key=key)
        payload = asked["cartComplete"]
        codes = {error["code"] for error in payload["userErrors"]}
        if codes and codes <= _SOLD_OUT:
            return None
        order = _done(payload)["order"]
        if payload["redirectUrl"]:
            return order, payload["redirectUrl"].rpartition("/")[2]
        if order["status"] != "PENDING":
            return order, None
        await asyncio.sleep(0.3)  # the gateway did not answer the shop: same key, again


async def _pay(market: Market, buyer: Buyer, order: dict[str, Any], page: str) -> None:
    async def control(mode: str) -> None:
        body = {
            "page": page,
            "mode": mode,
            "callbacks": buyer.copies,
            "delay": buyer.delay,
            "shuffle": True,
        }
        await market.ask.post(f"{market.gateway}/v1/control", body)

    if buyer.manner in ("cancels", "cancels_and_pays"):
        # An answer that was lost makes the second try a CONFLICT: canceled either way.
        await market.ask(CANCEL, token=order["token"])
    modes = {
        "pays": ["pay"], "pays_unheard": ["pay"], "told_late": ["pay"], "cancels_and_pays": ["pay"],
        "pays_twice": ["twice"], "fails_first": ["fail", "pay"], "pays_late": ["late"],
        "pays_wrong": ["wrong"],
    }  # fmt: skip
    for mode in modes.get(buyer.manner, []):
        await control(mode)
    if buyer.manner == "pays_unheard" and buyer.asks:
        await market.ask(CHECK, token=order["token"])
    if buyer.manner == "pays_wrong" and buyer.cancels_after:
        await market.ask(CANCEL, token=order["token"])


async def _wait(market: Market, buyer: Buyer, order: dict[str, Any], *, final: set[str]) -> str:
    """The status in which the order ends, as far as its buyer can tell."""
    if buyer.manner in ("never_pays", "pays_late"):
        expires = datetime.fromisoformat(order["expiresAt"])
        await asyncio.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds()))
    pause, status = 0.25, ""
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            while status not in final:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 4.0)
                found = (await market.ask(STATUS, token=order["token"]))["order"]
                status = found["status"] if found else "MISSING"
    except TimeoutError:
        raise Hopeless(f"{buyer.email} ({buyer.manner}) waits on {status}") from None
    return status


def _done(payload: dict[str, Any]) -> dict[str, Any]:
    if payload["userErrors"]:
        raise Hopeless(str(payload["userErrors"]))
    return payload
