"""Carts that name their buyer from the start."""

from typing import Any

import pytest

from keystall.graphql.ids import encode
from keystall.platform import database
from keystall.tenants.catalog.input import BuyerFieldInput
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from tests.factories import a_product, a_shop, some_codes, the_variant
from tests.graphql.asking import ask, buyer


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


async def test_a_cart_that_names_its_buyer_becomes_an_order_by_one_more_request(
    installation: Installation, shop: Shop
) -> None:
    product = await a_product(
        installation, shop, buyer_fields=[BuyerFieldInput(key="game_id", label="Game id")]
    )
    variant = await the_variant(shop, product)
    await some_codes(installation, shop, variant.id, 1)
    who = {
        "email": "Buyer@Example.com",
        "locale": "zh",
        "buyerFields": [{"key": "game_id", "value": "42"}],
    }
    made = await ask(
        "storefront",
        buyer(installation, shop),
        "mutation ($input: CartCreateInput!) { cartCreate(input: $input) {"
        " cart { id email locale buyerFields { field { key } value } } } }",
        input={"lines": [{"variantId": encode("Variant", variant.id)}], "buyer": who},
    )
    cart = made["cartCreate"]["cart"]
    assert (cart["email"], cart["locale"]) == ("buyer@example.com", "zh-CN")
    assert cart["buyerFields"] == [{"field": {"key": "game_id"}, "value": "42"}]
    methods = await ask(
        "storefront", buyer(installation, shop), "{ shop { paymentMethods { id } } }"
    )
    done = await ask(
        "storefront",
        buyer(installation, shop),
        """mutation ($id: ID!, $method: ID!) {
          cartComplete(cartId: $id, paymentMethod: $method, idempotencyKey: "in-one-go") {
            order { email buyerFields { value } } userErrors { code } } }""",
        id=cart["id"],
        method=methods["shop"]["paymentMethods"][0]["id"],
    )
    assert done["cartComplete"] == {
        "order": {"email": "buyer@example.com", "buyerFields": [{"value": "42"}]},
        "userErrors": [],
    }


@pytest.mark.parametrize(
    ("who", "path", "code"),
    [
        ({"email": "no address"}, ["email"], "EMAIL_INVALID"),
        (
            {"buyerFields": [{"key": "a", "value": "b"}, {"key": "c", "value": "x" * 501}]},
            ["buyerFields", "1", "value"],
            "TOO_LONG",
        ),
    ],
)
async def test_a_cart_with_a_wrong_buyer_is_not_made(
    installation: Installation, shop: Shop, who: dict[str, Any], path: list[str], code: str
) -> None:
    refused = await ask(
        "storefront",
        buyer(installation, shop),
        "mutation ($input: CartCreateInput!) { cartCreate(input: $input) {"
        " cart { id } userErrors { path code } } }",
        input={"buyer": who},
    )
    errors = [{"path": ["input", "buyer", *path], "code": code}]
    assert refused["cartCreate"] == {"cart": None, "userErrors": errors}
    async with database.transaction(shop.id) as tx:
        assert await tx.value("select count(*) from carts") == 0
