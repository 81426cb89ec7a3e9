"""What buyers ask, on a real database."""

from typing import Any

import pytest

from keystall.graphql.ids import encode
from keystall.graphql.storefront.catalog import _summary
from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.catalog.categories import category_create
from keystall.tenants.catalog.input import BuyerFieldInput, CategoryInput, ProductTranslation
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_close, shop_update
from keystall.tenants.shops.shop import Shop
from tests.factories import (
    a_picture,
    a_product,
    a_shop,
    a_variant_input,
    a_viewer,
    some_codes,
    the_variant,
)
from tests.graphql.asking import CountingReader, ask, buyer

LIST = """query ($first: Int, $after: String, $sort: ProductSort, $query: String) {
  products(first: $first, after: $after, sort: $sort, query: $query) {
    nodes {
      name availability summary category { name }
      priceRange { min { amount } max { amount } }
      images { url alt width }
      variants { name price { amount } availability product { slug } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""


@pytest.fixture(scope="module")
async def owner(installation: Installation) -> Viewer:
    return await a_viewer(installation)


@pytest.fixture
async def shop(installation: Installation, owner: Viewer) -> Shop:
    return await a_shop(installation, owner)


async def test_a_list_costs_the_same_however_long(
    installation: Installation, owner: Viewer
) -> None:
    shop = await a_shop(installation, owner)
    picture = await a_picture(installation, shop)
    shelf = await category_create(installation, shop, CategoryInput(name="Cards"))
    for number in range(51):
        await a_product(
            installation, shop, f"Card {number}", category_id=shelf.id, upload_ids=[picture.id]
        )
    counts = {}
    for first in (1, 50):
        context = buyer(installation, shop)
        counting = CountingReader(context.reader)
        context.reader = counting
        found = await ask("storefront", context, LIST, first=first)
        assert len(found["products"]["nodes"]) == first
        counts[first] = len(counting.statements)
    assert counts[1] == counts[50] == 1


DETAIL = """query ($slug: String!) {
  product(slug: $slug) {
    name descriptionHtml availability category { name } images { url }
    variants { name price { formatted } availability product { name } }
  }
}"""


async def test_a_product_with_all_around_it_is_one_statement(
    installation: Installation, shop: Shop
) -> None:
    made = await a_product(installation, shop)
    for slug, there in ((made.slug, True), ("nothing", False)):
        context = buyer(installation, shop)
        counting = CountingReader(context.reader)
        context.reader = counting
        found = await ask("storefront", context, DETAIL, slug=slug)
        assert (found["product"] is not None) == there
        assert len(counting.statements) == 1


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("name", False),
        ("title: name variants { name } category { name }", False),
        ("...Texts", True),
        ("summary", True),
        ("variants { product { descriptionHtml } }", True),
    ],
)
async def test_descriptions_are_read_where_they_are_asked_for(
    installation: Installation, asked: str, *, read: bool
) -> None:
    made = await a_shop(installation)
    shop = await shop_update(installation, made.id, ShopChanges(locales=["en", "zh-CN"]))
    shelf = await category_create(installation, shop, CategoryInput(name="Cards"))
    chinese = ProductTranslation("zh-CN", "卡", "*快*")
    product = await a_product(
        installation, shop, "Card", description="Sold **fast**", category_id=shelf.id,
        translations=[chinese],
    )  # fmt: skip
    fragment = "fragment Texts on Product { name descriptionHtml }" if asked == "...Texts" else ""
    told = {}
    for query in (
        f"{{ products {{ nodes {{ id {asked} }} }} }}",
        f'{{ product(slug: "{product.slug}") {{ id {asked} }} }}',
        f'{{ category(slug: "{shelf.slug}") {{ products {{ nodes {{ id {asked} }} }} }} }}',
    ):
        context = buyer(installation, shop, locale="zh-CN")
        context.reader = counting = CountingReader(context.reader)
        found = await ask("storefront", context, query + fragment)
        [statement] = [one for one in counting.statements if " from products" in one]
        assert ("products.description_html" in statement) is read
        told[query] = str(found)
    assert all(("快" in answer) is read for answer in told.values())
    assert all("卡" in answer for answer in told.values() if "name" in asked or fragment)


async def test_a_product_shows_what_is_sold_and_how_much_is_left(
    installation: Installation, shop: Shop
) -> None:
    picture = await a_picture(installation, shop)
    product = await a_product(
        installation,
        shop,
        "Steam Card",
        slug="steam-card",
        description="**Fast** & <script>safe</script>",
        upload_ids=[picture.id],
        variants=[a_variant_input("Small", CNY="9.90"), a_variant_input("Big", CNY="49.00")],
        buyer_fields=[BuyerFieldInput(key="account", label="Account")],
    )
    context = buyer(installation, shop)
    found = await ask(
        "storefront",
        context,
        """{ product(slug: "steam-card") {
          id name summary availability
          priceRange { min { amount formatted minorUnits } max { amount } }
          images { url thumbnailUrl width height alt }
          variants { name availability minQuantity maxQuantity price { amount currencyCode } }
          buyerFields { key label required kind placeholder options }
        } }""",
    )
    base = f"{installation.settings.shop_url(shop.slug)}/files/{picture.id}"
    assert found["product"] == {
        "id": encode("Product", product.id),
        "name": "Steam Card",
        "summary": "Fast & <script>safe</script>",
        "availability": "SOLD_OUT",
        "priceRange": {
            "min": {"amount": "9.90", "formatted": "CN¥9.90", "minorUnits": 990},
            "max": {"amount": "49.00"},
        },
        "images": [
            {
                "url": f"{base}/large.webp",
                "thumbnailUrl": f"{base}/small.webp",
                "width": 3,
                "height": 2,
                "alt": "Steam Card",
            }
        ],
        "variants": [
            {
                "name": name,
                "availability": "SOLD_OUT",
                "minQuantity": 1,
                "maxQuantity": 10,
                "price": {"amount": amount, "currencyCode": "CNY"},
            }
            for name, amount in (("Small", "9.90"), ("Big", "49.00"))
        ],
        "buyerFields": [
            {
                "key": "account",
                "label": "Account",
                "required": True,
                "kind": "TEXT",
                "placeholder": "",
                "options": [],
            }
        ],
    }


async def test_texts_and_prices_follow_the_request(installation: Installation, shop: Shop) -> None:
    shop = await shop_update(
        installation,
        shop.id,
        ShopChanges(locales=["en", "zh-CN"], currencies=["CNY", "USD"]),
    )
    await a_product(
        installation,
        shop,
        slug="card",
        variants=[a_variant_input(CNY="9.90", USD="1.50")],
        translations=[ProductTranslation("zh-CN", "蒸汽卡", "快")],
    )
    document = '{ product(slug: "card") { name variants { price { formatted } } } }'
    plain = await ask("storefront", buyer(installation, shop), document)
    asked = buyer(installation, shop, accept_language="fr, zh;q=0.8", currency="USD")
    translated = await ask("storefront", asked, document)
    assert plain["product"] == {
        "name": "Steam Card",
        "variants": [{"price": {"formatted": "CN¥9.90"}}],
    }
    assert translated["product"] == {
        "name": "蒸汽卡",
        "variants": [{"price": {"formatted": "US$1.50"}}],
    }


async def test_products_are_found_by_two_chinese_characters(
    installation: Installation, shop: Shop
) -> None:
    await a_product(installation, shop, "游戏点卡", slug="points")
    await a_product(installation, shop, "会员月卡", slug="months")
    found = await ask("storefront", buyer(installation, shop), LIST, query="点卡")
    assert [node["name"] for node in found["products"]["nodes"]] == ["游戏点卡"]


@pytest.mark.parametrize("sort", ["FEATURED", "NEWEST", "PRICE_ASC", "PRICE_DESC"])
async def test_every_order_is_paged_without_gap_or_repeat(
    installation: Installation, shop: Shop, sort: str
) -> None:
    for number in range(5):
        price = a_variant_input(CNY=f"{number % 2 + 1}.00")
        await a_product(installation, shop, f"Card {number}", variants=[price])
    seen: list[str] = []
    after = None
    while True:
        page = (
            await ask(
                "storefront", buyer(installation, shop), LIST, first=2, after=after, sort=sort
            )
        )["products"]
        seen += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert sorted(seen) == [f"Card {number}" for number in range(5)]


async def test_drafts_and_strangers_ids_are_nowhere(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    draft = await a_product(installation, shop, status="draft")
    other = await a_shop(installation, owner)
    theirs = await a_product(installation, other)
    ids = [
        encode("Product", draft.id),
        encode("Product", theirs.id),
        encode("Variant", (await the_variant(other, theirs)).id),
        encode("Shop", other.id),
        encode("Product", new_id()),
        "nonsense",
    ]
    found = await ask(
        "storefront", buyer(installation, shop), "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        ids=ids,
    )  # fmt: skip
    assert found["nodes"] == [None] * 6


CART = """cart { id itemCount total { amount } email problems { code message lineId }
  lines { id quantity unitPrice { amount } total { amount } variant { product { name } } }
  buyerFields { field { key } value } completed }
userErrors { path message code }"""


async def _cart(installation: Installation, shop: Shop, variant: str, quantity: int = 1) -> Any:
    made = await ask(
        "storefront",
        buyer(installation, shop),
        f"mutation ($input: CartCreateInput!) {{ cartCreate(input: $input) {{ {CART} }} }}",
        input={"lines": [{"variantId": variant, "quantity": quantity}]},
    )
    return made["cartCreate"]


async def test_a_cart_becomes_an_order_that_opens_by_its_token(
    installation: Installation, shop: Shop
) -> None:
    product = await a_product(
        installation, shop, buyer_fields=[BuyerFieldInput(key="game_id", label="Game id")]
    )
    variant = await the_variant(shop, product)
    await some_codes(installation, shop, variant.id, 3)
    made = await _cart(installation, shop, encode("Variant", variant.id), 2)
    assert made["userErrors"] == []
    cart = made["cart"]
    assert cart["total"] == {"amount": "19.80"}
    assert cart["problems"] == []
    assert cart["buyerFields"] == [{"field": {"key": "game_id"}, "value": None}]

    told = await ask(
        "storefront",
        buyer(installation, shop),
        "mutation ($id: ID!, $input: CartBuyerInput!) {"
        f" cartBuyerUpdate(cartId: $id, input: $input) {{ {CART} }} }}",
        id=cart["id"],
        input={"email": "Buyer@Example.com", "buyerFields": [{"key": "game_id", "value": "42"}]},
    )
    assert told["cartBuyerUpdate"]["cart"]["email"] == "buyer@example.com"

    methods = await ask(
        "storefront", buyer(installation, shop), "{ shop { paymentMethods { id name kind } } }"
    )
    (method,) = methods["shop"]["paymentMethods"]
    assert (method["name"], method["kind"]) == ("Sandbox (test payment)", "sandbox")
    complete = """mutation ($id: ID!, $method: ID!, $key: String!) {
      cartComplete(cartId: $id, paymentMethod: $method, idempotencyKey: $key) {
        order { token status total { amount } email buyerFields { label value }
          lines { productName quantity codes { masked secret } } timeline { kind message }
          shop { contact } refunds { status } statusNote }
        userErrors { path message code } } }"""
    variables = {"id": cart["id"], "method": method["id"], "key": "purchase-1"}
    first = await ask("storefront", buyer(installation, shop), complete, **variables)
    again = await ask("storefront", buyer(installation, shop), complete, **variables)
    order = first["cartComplete"]["order"]
    assert first["cartComplete"]["userErrors"] == []
    assert again["cartComplete"]["order"]["token"] == order["token"]
    assert order["status"] == "PENDING"
    assert order["total"] == {"amount": "19.80"}
    assert order["buyerFields"] == [{"label": "Game id", "value": "42"}]
    assert order["lines"] == [{"productName": "Steam Card", "quantity": 2, "codes": []}]
    assert order["timeline"] == [{"kind": "order.placed", "message": "The order was placed."}]

    opened = await ask(
        "storefront",
        buyer(installation, shop),
        "query ($token: String!) { order(token: $token) { status } }",
        token=order["token"],
    )
    assert opened["order"] == {"status": "PENDING"}
    canceled = await ask(
        "storefront",
        buyer(installation, shop),
        "mutation ($token: String!) { orderCancel(token: $token) {"
        " order { status } userErrors { code } } }",
        token=order["token"],
    )
    assert canceled["orderCancel"] == {"order": {"status": "CANCELED"}, "userErrors": []}


async def test_a_page_is_told_to_keep_the_cart_which_leads_to_its_order(
    installation: Installation, shop: Shop
) -> None:
    variant = await the_variant(shop, await a_product(installation, shop))
    await some_codes(installation, shop, variant.id, 1)
    page = buyer(installation, shop, effects=[])
    made = await ask(
        "storefront",
        page,
        "mutation ($v: ID!) { cartCreate(input: {lines: [{variantId: $v}]}) { cart { id } } }",
        v=encode("Variant", variant.id),
    )
    cart = made["cartCreate"]["cart"]["id"]
    method = await ask("storefront", page, "{ shop { paymentMethods { id } } }")
    complete = """mutation ($id: ID!, $method: ID!) {
      cartBuyerUpdate(cartId: $id, input: {email: "a@example.com"}) { userErrors { code } }
      cartComplete(cartId: $id, paymentMethod: $method, idempotencyKey: "a-new-purchase") {
        order { token } userErrors { code } } }"""
    chosen = method["shop"]["paymentMethods"][0]["id"]
    done = await ask("storefront", page, complete, id=cart, method=chosen)
    assert [(effect.name, effect.value) for effect in page.effects or []] == [
        ("cart", cart),
        ("bought", cart),
    ]
    kept = await ask(
        "storefront", page, "query ($id: ID!) { cart(id: $id) { order { token } } }", id=cart
    )
    assert kept["cart"] == {"order": done["cartComplete"]["order"]}
    assert kept["cart"]["order"]["token"] != ""


async def test_an_order_opens_neither_elsewhere_nor_by_number_nor_by_id(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    product = await a_product(installation, shop)
    variant = await the_variant(shop, product)
    await some_codes(installation, shop, variant.id, 1)
    order = await _ordered(installation, shop, encode("Variant", variant.id))
    other = await a_shop(installation, owner)
    document = "query ($token: String!) { order(token: $token) { number } }"
    for at, token in (
        (other, order["token"]),
        (shop, order["number"]),
        (shop, order["id"]),
        (shop, ""),
    ):
        found = await ask("storefront", buyer(installation, at), document, token=token)
        assert found == {"order": None}


async def _ordered(installation: Installation, shop: Shop, variant: str) -> Any:
    cart = (await _cart(installation, shop, variant))["cart"]
    document = """mutation ($id: ID!, $method: ID!) {
      cartBuyerUpdate(cartId: $id, input: {email: "a@example.com"}) { userErrors { code } }
      cartComplete(cartId: $id, paymentMethod: $method, idempotencyKey: "a-new-purchase") {
        order { id token number } userErrors { code } } }"""
    methods = await ask(
        "storefront", buyer(installation, shop), "{ shop { paymentMethods { id } } }"
    )
    method = methods["shop"]["paymentMethods"][0]["id"]
    made = await ask(
        "storefront", buyer(installation, shop), document, id=cart["id"], method=method
    )
    return made["cartComplete"]["order"]


async def test_a_delivered_code_is_recorded_each_time_it_is_shown(
    installation: Installation, shop: Shop
) -> None:
    product = await a_product(installation, shop)
    variant = await the_variant(shop, product)
    (secret,) = await some_codes(installation, shop, variant.id, ["KEYS-ABCD-EFGH-1234"])
    order = await _ordered(installation, shop, encode("Variant", variant.id))
    async with database.transaction(shop.id) as tx:
        await tx.execute(
            "update codes set state = 'sold', sold_at = now() where shop_id = $1", shop.id
        )
        await tx.execute(
            "update orders set status = 'delivered', paid_at = now(), delivered_at = now()"
            " where shop_id = $1",
            shop.id,
        )
    masked = "query ($t: String!) { order(token: $t) { lines { codes { masked } } } }"
    whole = "query ($t: String!) { order(token: $t) { lines { codes { masked secret } } } }"
    first = await ask("storefront", buyer(installation, shop), masked, t=order["token"])
    assert await _reveals(shop) == 0
    second = await ask("storefront", buyer(installation, shop), whole, t=order["token"])
    assert await _reveals(shop) == 1
    hidden = {"masked": "KE••••••34"}
    assert first["order"]["lines"] == [{"codes": [hidden]}]
    assert second["order"]["lines"] == [{"codes": [hidden | {"secret": secret}]}]


async def _reveals(shop: Shop) -> int:
    async with database.transaction(shop.id) as tx:
        return int(await tx.value("select count(*) from reveals where shop_id = $1", shop.id))


async def test_a_refusal_names_its_field_in_the_readers_language(
    installation: Installation, shop: Shop
) -> None:
    product = await a_product(installation, shop)
    variant = encode("Variant", (await the_variant(shop, product)).id)
    made = await _cart(installation, shop, variant)
    (problem,) = made["cart"]["problems"]
    assert problem["code"] == "SOLD_OUT"
    assert problem["message"] == "Steam Card is sold out."
    refused = await ask(
        "storefront",
        buyer(installation, shop),
        "mutation ($input: CartCreateInput!) { cartCreate(input: $input) {"
        " cart { id } userErrors { path message code } } }",
        input={"lines": [{"variantId": encode("Variant", new_id())}]},
    )
    assert refused["cartCreate"] == {
        "cart": None,
        "userErrors": [
            {
                "path": ["input", "lines", "0", "variantId"],
                "message": "There is no such thing here.",
                "code": "NOT_FOUND",
            }
        ],
    }
    long = await ask(
        "storefront",
        buyer(installation, shop, locale="zh-CN"),
        "mutation ($id: ID!, $input: CartBuyerInput!) {"
        " cartBuyerUpdate(cartId: $id, input: $input) { userErrors { path message code } } }",
        id=made["cart"]["id"],
        input={"buyerFields": [{"key": "a", "value": "b"}, {"key": "game_id", "value": "x" * 501}]},
    )
    (error,) = long["cartBuyerUpdate"]["userErrors"]
    assert error["path"] == ["input", "buyerFields", "1", "value"]
    assert error["code"] == "TOO_LONG"


async def test_a_closed_shop_says_so(installation: Installation, shop: Shop) -> None:
    shop = await shop_close(installation, shop.id)
    found = await ask("storefront", buyer(installation, shop), "{ shop { status name } }")
    assert found["shop"] == {"status": "CLOSED", "name": "Lulu Cards"}


async def test_the_way_to_a_lost_order_answers_alike_and_is_throttled(
    installation: Installation, shop: Shop
) -> None:
    document = """mutation ($email: String!) {
      orderLinkSend(email: $email, number: "7Q4M-0XKD-J2") { done userErrors { path code } } }"""
    answers = [
        await ask(
            "storefront",
            buyer(installation, shop, address="192.0.2.44"),
            document,
            email="lost@keystall.test",
        )
        for _ in range(6)
    ]
    sent = {"orderLinkSend": {"done": True, "userErrors": []}}
    throttled = {
        "orderLinkSend": {"done": False, "userErrors": [{"path": [], "code": "THROTTLED"}]}
    }
    assert answers == [sent] * 5 + [throttled]


@pytest.mark.parametrize(
    ("description", "summary"),
    [
        ("", ""),
        ("<p>Fast &amp; <b>fair</b></p>\n<p>Now</p>", "Fast & fair Now"),
        (f"<p>{'a' * 160}</p>", "a" * 160),
        (f"<p>{'a' * 161}</p>", "a" * 159 + "…"),
        (f"<p>{'word ' * 400}</p>", ("word " * 32)[:-1] + "…"),
    ],
)
def test_a_summary_is_the_first_words_of_however_long_a_description(
    description: str, summary: str
) -> None:
    assert _summary(description) == summary == _summary(description)
