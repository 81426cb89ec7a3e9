"""What customers ask, by the API and on the shop's pages, over the whole application."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from keystall.graphql.ids import decode, encode
from keystall.platform.asgi.application import application
from keystall.platform.live import Live
from keystall.platform.tokens import secret_hash
from keystall.tenants.checkout.carts import NewLine, cart_create
from keystall.tenants.installation import Installation
from keystall.tenants.orders.tokens import order_token
from keystall.tenants.shops.shop import Shop
from keystall.themes.engine import alias
from tests.customers import an_order, holder, known, mailed_token, signed_in
from tests.factories import PASSWORD, a_product, a_shop, the_variant
from tests.graphql.asking import CountingReader, ask, buyer

EMAIL = "lin@keystall.test"
ORDERS = """query ($first: Int, $after: String) { customer { email
  orders(first: $first, after: $after) {
  nodes { id token number status refundedState createdAt total { amount }
          items { productName variantName quantity } }
  pageInfo { hasNextPage endCursor } } } }"""


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


@pytest.fixture
async def web(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(installation, Live(installation.queue)))
    async with httpx2.AsyncClient(transport=transport) as client:
        yield client


def address(shop: Shop) -> str:
    return f"http://{shop.slug}.localhost:8000"


async def posted(
    web: httpx2.AsyncClient, shop: Shop, path: str, form: str, **fields: str
) -> httpx2.Response:
    """A form of the shop's page, sent by a browser."""
    return await web.post(
        address(shop) + path,
        data={"form": form, **fields},
        headers={"origin": address(shop)},
    )


async def asked(
    web: httpx2.AsyncClient, shop: Shop, query: str, secret: str = "", **variables: Any
) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    answer = await web.post(
        address(shop) + "/graphql/storefront",
        json={"query": query, "variables": variables},
        headers=headers,
    )
    return answer.status_code, answer.json()


async def test_orders_of_a_proven_address_are_listed_earlier_and_later_ones(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    early = await an_order(shop, EMAIL)
    await an_order(shop, "wang@keystall.test")
    await an_order(await a_shop(installation), EMAIL)
    _, secret = await signed_in(installation, shop, EMAIL)
    late = await an_order(shop, EMAIL)

    status, told = await asked(web, shop, ORDERS, secret)

    found = told["data"]["customer"]
    tokens = [order_token(installation.keys, shop.id, order) for order in (late, early)]
    assert (status, found["email"]) == (200, EMAIL)
    assert [order["token"] for order in found["orders"]["nodes"]] == tokens
    page = (await asked(web, shop, ORDERS, secret, first=1))[1]["data"]["customer"]["orders"]
    assert page["pageInfo"]["hasNextPage"] is True
    after = page["pageInfo"]["endCursor"]
    rest = (await asked(web, shop, ORDERS, secret, after=after))[1]["data"]["customer"]["orders"]
    assert [order["token"] for order in rest["nodes"]] == tokens[1:]


async def test_a_list_of_orders_costs_the_same_however_long(
    installation: Installation, shop: Shop
) -> None:
    for _ in range(12):
        await an_order(shop, EMAIL)
    _, secret = await signed_in(installation, shop, EMAIL)
    counts = {}
    for first in (1, 12):
        context = buyer(installation, shop)
        context.customer = await holder(shop, secret)
        counting = CountingReader(context.reader)
        context.reader = counting
        found = await ask("storefront", context, ORDERS, first=first)
        assert len(found["customer"]["orders"]["nodes"]) == first
        counts[first] = len(counting.statements)
    assert counts[1] == counts[12] == 3


async def test_a_program_signs_in_and_out_by_a_bearer(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    token = await mailed_token(installation, shop, EMAIL)
    follow = """mutation ($token: String!) { customerLinkFollow(token: $token) {
      sessionToken customer { email fresh } userErrors { code } } }"""
    _, told = await asked(web, shop, follow, token=token)
    answer = told["data"]["customerLinkFollow"]
    assert answer["customer"] == {"email": EMAIL, "fresh": True}
    secret = answer["sessionToken"]
    password = """mutation ($password: String!) { customerPasswordSet(password: $password) {
      done userErrors { code path } } }"""
    _, told = await asked(web, shop, password, secret, password=PASSWORD)
    assert told["data"]["customerPasswordSet"] == {"done": True, "userErrors": []}
    create = """mutation ($email: String!, $password: String!) {
      customerSessionCreate(email: $email, password: $password) {
        sessionToken customer { email } userErrors { code path message } } }"""
    _, told = await asked(web, shop, create, email=EMAIL, password="wrong")
    assert told["data"]["customerSessionCreate"] == {
        "sessionToken": None,
        "customer": None,
        "userErrors": [
            {
                "code": "CREDENTIALS_WRONG",
                "path": [],
                "message": "Email address and password do not belong together.",
            }
        ],
    }
    _, told = await asked(web, shop, create, email=EMAIL, password=PASSWORD)
    second = told["data"]["customerSessionCreate"]["sessionToken"]
    end = "mutation { customerSessionsEnd { ended userErrors { code } } }"
    _, told = await asked(web, shop, end, second)
    assert told["data"]["customerSessionsEnd"] == {"ended": 2, "userErrors": []}
    for gone in (secret, second, "ks_customer_none"):
        status, told = await asked(web, shop, "{ customer { email } }", gone)
        assert (status, told["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_guest_is_nobody_and_may_change_nothing(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    status, told = await asked(web, shop, "{ customer { email } }")
    assert (status, told["data"]) == (200, {"customer": None})
    for mutation in (
        "customerSessionEnd { done }",
        "customerSessionsEnd { ended }",
        'customerPasswordSet(password: "plum tree 19") { done userErrors { code } }',
    ):
        _, told = await asked(web, shop, f"mutation {{ {mutation} }}")
        assert told["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_cookie_is_no_bearer_and_another_shops_bearer_is_none_here(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    _, secret = await signed_in(installation, shop, EMAIL)
    answer = await web.post(
        address(shop) + "/graphql/storefront",
        json={"query": "{ customer { email } }"},
        headers={"cookie": f"session={secret}"},
    )
    assert answer.json()["data"] == {"customer": None}
    elsewhere = await a_shop(installation)
    assert (await asked(web, elsewhere, "{ customer { email } }", secret))[0] == 401


async def test_a_visitor_signs_in_by_mail_sees_orders_and_signs_out(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    order = await an_order(shop, EMAIL)
    sent = await posted(web, shop, "/en/sign-in", "CustomerLinkSend", email=EMAIL)
    assert (sent.status_code, sent.headers["location"]) == (303, "/en/sign-in/sent")
    guest = await web.get(address(shop) + "/en/account")
    assert (guest.status_code, guest.headers["location"]) == (303, "/en/sign-in")

    token = await mailed_token(installation, shop, EMAIL)
    # A mail program looks at the link first, more than once.
    for _ in range(2):
        looked = await web.get(f"{address(shop)}/en/sign-in/{token}")
        assert (looked.status_code, "set-cookie" in looked.headers) == (200, False)
        assert EMAIL in looked.text
    followed = await posted(web, shop, f"/en/sign-in/{token}", "CustomerLinkFollow")
    assert (followed.status_code, followed.headers["location"]) == (303, "/en/account")
    cookie = followed.headers["set-cookie"]
    assert re.match(r"session=ks_customer_[\w-]{43}; ", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Domain" not in cookie

    mine = await web.get(address(shop) + "/en/account")
    assert mine.headers["cache-control"] == "private, no-store"
    assert f"/en/order/{order_token(installation.keys, shop.id, order)}" in mine.text
    secret = cookie.partition(";")[0].removeprefix("session=")
    out = await posted(web, shop, "/en/account", "CustomerSessionEnd")
    assert (out.status_code, out.headers["location"]) == (303, "/en/sign-in?done=out")
    assert 'session=""' in out.headers["set-cookie"]
    assert await known(shop, secret) is None
    assert (await web.get(f"{address(shop)}/en/sign-in/{token}")).status_code == 200
    used = await posted(web, shop, f"/en/sign-in/{token}", "CustomerLinkFollow")
    assert (used.status_code, "set-cookie" in used.headers) == (422, False)


async def test_a_form_from_another_site_signs_nobody_in(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    token = await mailed_token(installation, shop, EMAIL)
    answer = await web.post(
        f"{address(shop)}/en/sign-in/{token}",
        data={"form": "CustomerLinkFollow"},
        headers={"origin": "https://elsewhere.example", "cookie": "cart=x"},
    )
    assert answer.status_code == 403
    followed = await posted(web, shop, f"/en/sign-in/{token}", "CustomerLinkFollow")
    assert followed.status_code == 303


async def test_checkout_knows_the_address_of_who_is_signed_in(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    variant = await the_variant(shop, await a_product(installation, shop))
    row = await cart_create(
        installation, shop, [NewLine(variant.id, 1)], currency="CNY", locale="en"
    )
    _, secret = await signed_in(installation, shop, EMAIL)
    for session, shown in (("", 0), (f"; session={secret}", 1)):
        headers = {"cookie": f"cart={encode('Cart', row)}{session}"}
        page = await web.get(address(shop) + "/en/checkout", headers=headers)
        assert (page.status_code, page.text.count(f'value="{EMAIL}"')) == (200, shown)


async def test_what_is_bought_at_once_opens_in_the_browser_that_began_it_alone(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    """Who knows a cart reads its order: sent to somebody else, its address must neither tell which
    it is nor be paid at."""
    product = await a_product(installation, shop)
    variant = await the_variant(shop, product)
    bought = await web.post(
        f"{address(shop)}/en/p/{product.slug}",
        data={"form": "BuyNow", "lines.0.variantId": encode("Variant", variant.id),
              "lines.0.quantity": "1"},
        headers={"sec-fetch-site": "same-origin"},
    )  # fmt: skip
    begun = bought.headers["location"]
    cart = bought.headers["set-cookie"].removeprefix("buying=").partition(";")[0]
    assert (bought.status_code, begun) == (303, f"/en/buy/{alias(cart)}")
    assert decode(cart)[0] == "Cart"
    url = address(shop) + begun
    for cookie, status in (
        ("", 404),
        (f"cart={cart}", 404),
        (f"buying={cart}x", 404),
        (f"buying=x.{cart}.y", 200),
    ):
        headers = {"cookie": cookie, "sec-fetch-site": "same-origin"}
        assert (await web.get(url, headers=headers)).status_code == status
        sent = {"form": "Complete", "email": "nobody", "paymentMethod": "x", "idempotencyKey": cart}
        told = await web.post(url, data=sent, headers=headers)
        assert told.status_code == (422 if status == 200 else 404)


async def test_pages_that_all_may_keep_are_the_same_for_who_is_signed_in(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    _, secret = await signed_in(installation, shop, EMAIL)
    pages = [
        await web.get(address(shop) + "/en/", headers={"cookie": cookie})
        for cookie in ("a=b", f"session={secret}")
    ]
    assert pages[0].headers["etag"] == pages[1].headers["etag"]
    assert secret_hash(secret).hex() not in pages[1].text


async def test_mails_to_one_address_are_bounded_alike_for_all(
    installation: Installation, shop: Shop, web: httpx2.AsyncClient
) -> None:
    send = "mutation ($email: String!) { customerLinkSend(email: $email) { userErrors { code } } }"
    await signed_in(installation, shop, "bounded@keystall.test")
    for email in ("bounded@keystall.test", "unknown@keystall.test"):
        told = [
            (await asked(web, shop, send, email=email))[1]["data"]["customerLinkSend"]
            for _ in range(6)
        ]
        assert told == [{"userErrors": []}] * 5 + [{"userErrors": [{"code": "THROTTLED"}]}]
