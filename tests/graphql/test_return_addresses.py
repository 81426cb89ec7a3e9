"""Where buyers are sent after paying, by what a front end elsewhere asks for."""

from typing import Any

import pytest

from keystall.graphql.ids import encode
from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.shops.queries import StorefrontToken
from keystall.tenants.shops.shop import Shop
from tests.factories import a_product, a_shop, some_codes, the_variant
from tests.graphql.asking import ask, buyer

SITE = "https://www.example.com"
BACK = f"{SITE}/#/order/{{token}}"
COMPLETE = """
mutation ($cart: ID!, $method: ID!, $key: String!, $back: String) {
  cartComplete(cartId: $cart, paymentMethod: $method, idempotencyKey: $key, returnUrl: $back) {
    order { token } userErrors { path code message } } }
"""


class Front:
    """A front end at SITE, and what its one buyer has in the cart."""

    def __init__(self, installation: Installation, shop: Shop) -> None:
        self.installation, self.shop = installation, shop
        self.token: StorefrontToken | None = StorefrontToken(new_id(), frozenset({SITE}))
        self.cart = self.method = ""

    async def fill(self) -> None:
        variant = await the_variant(self.shop, await a_product(self.installation, self.shop))
        await some_codes(self.installation, self.shop, variant.id, 1)
        lines = [{"variantId": encode("Variant", variant.id)}]
        made = await self._ask(
            "mutation ($input: CartCreateInput!) { cartCreate(input: $input) { cart { id } } }",
            input={"lines": lines, "buyer": {"email": "buyer@example.com"}},
        )
        self.cart = made["cartCreate"]["cart"]["id"]
        methods = await self._ask("{ shop { paymentMethods { id } } }")
        self.method = methods["shop"]["paymentMethods"][0]["id"]

    async def complete(self, back: str | None, key: str = "from-elsewhere") -> Any:
        made = await self._ask(COMPLETE, cart=self.cart, method=self.method, key=key, back=back)
        return made["cartComplete"]

    async def kept(self) -> list[str | None]:
        """Where the payments of this shop send their buyers."""
        async with database.transaction(self.shop.id) as tx:
            rows = await tx.rows("select return_url from payments order by id")
        return [row["return_url"] for row in rows]

    async def _ask(self, document: str, **variables: Any) -> dict[str, Any]:
        context = buyer(self.installation, self.shop)
        context.storefront_token = self.token
        return await ask("storefront", context, document, **variables)


@pytest.fixture
async def front(installation: Installation) -> Front:
    made = Front(installation, await a_shop(installation))
    await made.fill()
    return made


async def test_a_site_of_the_token_is_returned_to(front: Front) -> None:
    done = await front.complete(BACK)
    assert done["userErrors"] == []
    assert await front.kept() == [BACK]


async def test_nobody_is_sent_elsewhere_and_nothing_is_ordered(front: Front) -> None:
    refused = await front.complete("https://evil.example.com/{token}")
    assert refused["order"] is None
    assert [(e["path"], e["code"]) for e in refused["userErrors"]] == [
        (["returnUrl"], "RETURN_NOT_ALLOWED")
    ]
    assert "https://evil.example.com" in refused["userErrors"][0]["message"]
    front.token = None
    refused = await front.complete(BACK)
    assert [e["code"] for e in refused["userErrors"]] == ["RETURN_NOT_ALLOWED"]
    assert await front.kept() == []


async def test_without_an_address_it_is_the_shop_s_own_page(front: Front) -> None:
    assert (await front.complete(None))["userErrors"] == []
    assert await front.kept() == [None]


async def test_the_same_key_with_another_address_is_other_input(front: Front) -> None:
    first = await front.complete(BACK)
    assert (await front.complete(BACK))["order"] == first["order"]
    other = await front.complete(f"{SITE}/done")
    assert [e["code"] for e in other["userErrors"]] == ["IDEMPOTENCY_MISMATCH"]
    assert await front.kept() == [BACK]
