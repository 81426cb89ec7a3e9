"""The guide's examples of following an order, in a browser, beside a buyer who pays."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.e2e.reading import DESK

pytestmark = pytest.mark.browser

GUIDE = Path(__file__).parents[2] / "docs" / "frontend.md"
QUERY = "subscription ($token: String!) { orderChanged(token: $token) { status } }"
ORDER = """async () => {
  const { shop, product } = await ask(
    '{ shop { paymentMethods { id name } } product(slug: "inkwell") { variants { id } } }');
  const { cartCreate } = await ask(
    "mutation ($input: CartCreateInput!) { cartCreate(input: $input) { cart { id } } }",
    { input: { lines: [{ variantId: product.variants[0].id, quantity: 1 }],
               buyer: { email: "follower@example.com" } } });
  const { cartComplete } = await ask(
    `mutation ($id: ID!, $by: ID!) {
       cartComplete(cartId: $id, paymentMethod: $by, idempotencyKey: "follow-this") {
         order { token } redirectUrl userErrors { code } } }`,
    { id: cartCreate.cart.id,
      by: shop.paymentMethods.find(({ name }) => /sandbox/i.test(name)).id });
  return { token: cartComplete.order.token, pay: cartComplete.redirectUrl };
}"""


def examples(part: str, shop: str) -> list[str]:
    """The scripts of a part of the guide, as they would be written for this shop."""
    text = GUIDE.read_text("utf-8").partition(f"\n## {part}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```js\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [one.replace("http://northwind.localhost:8000", shop) for one in found]


async def test_a_frontend_of_another_site_sees_the_payment_arrive(
    chromium: Browser, demo: dict[str, Any]
) -> None:
    northwind = next(one for one in demo["shops"] if one["slug"] == "northwind")
    address = northwind["storefront_graphql"].removesuffix("/graphql/storefront")
    (ask,) = examples("A first query", address)
    by_fetch, by_source, by_socket = examples("Following", address)
    assert 'from "graphql-ws"' in by_socket  # GraphiQL has that client: tests/e2e/test_reference.py
    context = await chromium.new_context(viewport=DESK)  # type: ignore[arg-type]
    front, till = await context.new_page(), await context.new_page()
    await front.add_script_tag(content=ask)

    order = await front.evaluate(ORDER)
    await front.evaluate(
        f"""([token, query]) => {{
          const variables = {{ token }};
          const noting = (kept) => ({{ log: (one) => kept.push(one) }});
          window.fetched = [];
          (async (console) => {{ {by_fetch} }})(noting(window.fetched));
          window.sourced = [];
          ((console) => {{ {by_source} }})(noting(window.sourced));
        }}""",
        [order["token"], QUERY],
    )
    await front.wait_for_function("window.fetched.length && window.sourced.length")
    await till.goto(order["pay"])
    await till.get_by_role("button", name=re.compile("^Pay ")).first.click()
    await front.wait_for_function("window.fetched.length > 1 && window.sourced.length > 1")

    fetched = await front.evaluate("window.fetched")
    sourced = [one["data"]["orderChanged"] for one in await front.evaluate("window.sourced")]
    assert (fetched[0], fetched[-1]) == ("PENDING", "DELIVERED")
    assert (sourced[0]["status"], sourced[-1]["status"]) == ("PENDING", "DELIVERED")
    await context.close()
