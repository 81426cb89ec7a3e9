"""The storefront's pages in every state, in both languages, without a database."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from keystall.graphql.nouns import OrderStatus
from keystall.graphql.storefront.schema import schema
from keystall.themes.engine import Effect, alias, check_pages
from keystall.themes.storefront.pages import PAGES
from tests.themes.store import GOODS, RENDERER, SCENES, Scene, application, shop

# Chinese characters, our punctuation aside, have no place on an English page but in the shop's own
# texts, and English words none in ours.
_CHINESE = re.compile(r"[一-鿿]")


def client(scene: Scene) -> TestClient:
    return TestClient(application(scene), follow_redirects=False)


def opened(name: str, language: str, **changes: Any) -> str:
    path, data = SCENES[name]
    response = client(Scene({**data, **changes})).get(f"/{language}{path}")
    assert response.status_code == 200
    return response.text


def test_documents_and_templates_fit_the_schema() -> None:
    assert check_pages(PAGES, schema._schema, RENDERER) == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", SCENES)
def test_every_state_of_every_page_is_drawn(name: str, language: str) -> None:
    html = opened(name, language)
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in html
    assert html.count("<h1") == 1
    assert html.rstrip().endswith("</html>")


def test_the_english_pages_of_an_english_shop_have_no_chinese() -> None:
    english = shop(name="Harbor", noticeHtml="", policiesHtml="<p>None.</p>", icpNumber=None)
    for name in ("cart-none", "checkout-none", "find-order", "find-order-sent", "policies"):
        html = opened(name, "en", shop=english).replace("中文", "")
        assert _CHINESE.findall(html) == []


def test_a_card_tells_the_lowest_price_and_how_much_is_left() -> None:
    html = opened("home", "en")
    assert '<span class="from">from </span>CN¥15.00' in html
    assert html.count('class="stock sold_out"') == 1
    assert "/en/?after=next" in html


def test_a_sold_out_product_cannot_be_put_into_the_cart() -> None:
    html = opened("product-sold-out", "en")
    assert "AddToCart" not in html.split('name="lines.0.variantId"')[1]
    assert re.search(r"<button[^>]* disabled>Sold out</button>", html)


def test_a_closed_shop_says_so_and_sells_nothing() -> None:
    html = opened("product-closed", "en")
    assert "This shop is closed for now." in html
    assert "buy-bar" not in html


def press(scene: Scene, form: str, **fields: str) -> Any:
    sent = {"form": form, "lines.0.variantId": "v-1", "lines.0.quantity": "2", **fields}
    return client(scene).post("/en/p/card", data=sent)


ADDED: dict[str, Any] = {
    "cartLinesAdd": {"userErrors": []},
    "cartCreate": {"cart": {"id": "cart-2"}, "userErrors": []},
}
LINES = [{"variantId": "v-1", "quantity": 2}]


def test_the_first_purchase_starts_a_cart() -> None:
    scene = Scene(SCENES["product"][1], answers=ADDED, cart_id=None)
    response = press(scene, "AddToCart")
    assert (response.status_code, response.headers["location"]) == (303, "/en/cart")
    assert scene.calls == [("StartCart", {"lines": LINES})]


def test_a_later_purchase_adds_to_the_cart() -> None:
    scene = Scene(SCENES["product"][1], answers=ADDED)
    response = press(scene, "AddToCart")
    assert (response.status_code, response.headers["location"]) == (303, "/en/cart")
    assert scene.calls == [("AddToCart", {"cartId": "cart-1", "lines": LINES})]


@pytest.mark.parametrize(
    ("cart_id", "buying", "kept"),
    [
        ("cart-1", "", "cart-2"),
        (None, "a.b", "cart-2.a.b"),
        ("cart-1", "a.b.c.d.e", "cart-2.a.b.c.d"),
    ],
)
def test_buying_now_takes_what_the_page_shows_alone_and_leaves_the_cart(
    cart_id: str | None, buying: str, kept: str
) -> None:
    scene = Scene(SCENES["product"][1], answers=ADDED, cart_id=cart_id, buying=buying)
    scene.effects.append(Effect("cart", "cart-2"))
    for _ in range(2):
        response = press(scene, "BuyNow")
        begun = f"/en/buy/{alias('cart-2')}"
        assert (response.status_code, response.headers["location"]) == (303, begun)
        assert response.headers["set-cookie"].startswith(f"buying={kept};")
    assert scene.calls == [("BuyNow", {"lines": LINES})] * 2


def refusal(code: str, *path: str) -> dict[str, Any]:
    return {"userErrors": [{"path": list(path), "message": f"told: {code}", "code": code}]}


def test_a_cart_that_has_become_an_order_is_followed_by_a_new_one() -> None:
    answers = {**ADDED, "cartLinesAdd": refusal("CART_COMPLETED", "cartId")}
    scene = Scene(SCENES["product"][1], answers=answers)
    assert press(scene, "AddToCart").headers["location"] == "/en/cart"
    assert [name for name, _ in scene.calls] == ["AddToCart", "StartCart"]


def test_too_many_are_refused_at_the_quantity_with_what_was_typed() -> None:
    answers = {
        "cartCreate": {"cart": None, **refusal("OVER_LIMIT", "input", "lines", "0", "quantity")}
    }
    response = press(Scene(SCENES["product"][1], answers=answers), "BuyNow")
    assert response.status_code == 422
    assert '<p class="error">told: OVER_LIMIT</p>' in response.text
    assert 'name="lines.0.quantity" value="2"' in response.text


CHECKOUT = {
    "form": "Complete",
    "email": "buyer@example.com",
    "buyerFields.0.key": "account",
    "buyerFields.0.value": "player#1",
    "paymentMethod": "pm-1",
    "idempotencyKey": "cart-1-key",
}
SAVED: dict[str, Any] = {"cartBuyerUpdate": {"userErrors": []}}


def completed(url: str | None) -> dict[str, Any]:
    done: dict[str, Any] = {"order": {"token": "tok/1"}, "redirectUrl": url, "userErrors": []}
    return {**SAVED, "cartComplete": done}


def test_checkout_saves_the_buyer_then_leads_to_the_payment_page() -> None:
    scene = Scene(SCENES["checkout"][1], answers=completed("https://pay.example/1?a=b"))
    response = client(scene).post("/en/checkout", data=CHECKOUT)
    assert (response.status_code, response.headers["location"]) == (
        303,
        "https://pay.example/1?a=b",
    )
    assert scene.calls == [
        (
            "Buyer",
            {
                "cartId": "cart-1",
                "email": "buyer@example.com",
                "buyerFields": [{"key": "account", "value": "player#1"}],
            },
        ),
        (
            "Complete",
            {"cartId": "cart-1", "paymentMethod": "pm-1", "idempotencyKey": "cart-1-key"},
        ),
    ]


def test_what_is_bought_at_once_is_paid_by_its_own_cart_and_changed_where_it_was_chosen() -> None:
    scene = Scene(SCENES["buy"][1], answers=completed("https://pay.example/1"))
    scene.effects.append(Effect("bought", "cart-2"))
    response = client(scene).post("/en/buy/begun", data=CHECKOUT)
    assert response.headers["location"] == "https://pay.example/1"
    assert response.headers["set-cookie"].startswith("bought=cart-2;")
    assert [given["cartId"] for _, given in scene.calls] == ["cart-2", "cart-2"]
    html = opened("buy-problems", "en")
    assert html.count('href="/en/p/card">Change</a>') == 2
    assert re.search(r'<a class="btn quiet wide" href="/en/p/card">Change</a>', html)
    main = html.split("<main")[1].split("</main>")[0]
    assert "/en/cart" not in main
    assert client(Scene({**SCENES["buy"][1], "cart": None})).get("/en/buy/x").status_code == 404


def test_a_provider_that_is_away_leaves_the_buyer_at_the_order() -> None:
    scene = Scene(SCENES["checkout"][1], answers=completed(None))
    response = client(scene).post("/en/checkout", data=CHECKOUT)
    assert response.headers["location"] == "/en/order/tok%2F1"


def test_an_email_that_is_none_stops_before_the_order_and_loses_nothing() -> None:
    answers = {"cartBuyerUpdate": refusal("EMAIL_INVALID", "input", "email")}
    scene = Scene(SCENES["checkout"][1], answers=answers)
    response = client(scene).post("/en/checkout", data={**CHECKOUT, "email": "nobody"})
    assert response.status_code == 422
    assert [name for name, _ in scene.calls] == ["Buyer"]
    assert 'value="nobody" required' in response.text
    assert '<p class="error">told: EMAIL_INVALID</p>' in response.text
    assert 'name="buyerFields.0.value" type="text" value="player#1"' in response.text


def test_an_answer_that_is_missing_is_told_at_its_field() -> None:
    answers = {**SAVED, "cartComplete": refusal("REQUIRED", "buyerFields", "account")}
    answers["cartComplete"] |= {"order": None, "redirectUrl": None}
    response = client(Scene(SCENES["checkout"][1], answers=answers)).post(
        "/en/checkout", data={**CHECKOUT, "buyerFields.0.value": ""}
    )
    about = response.text.split('id="Complete-buyerFields-0-value-about"')[1]
    assert about.strip().startswith('>\n<p class="error">told: REQUIRED</p>')


def test_the_same_cart_is_completed_under_the_same_key() -> None:
    keys = {re.findall(r'name="idempotencyKey" value="(.*?)"', opened("checkout", "en"))[0]}
    keys |= set(re.findall(r'name="idempotencyKey" value="(.*?)"', opened("checkout", "zh")))
    assert keys == {"cart-1"}


LISTENS = {
    "pending": ("4", "5"),
    "pending-no-url": ("4", "5"),
    "refunding": ("4", "15;url=/en/order/tok-1?look=1"),
    "expired": ("30", "15;url=/en/order/tok-1?look=1"),
    "canceled": ("30", "15;url=/en/order/tok-1?look=1"),
    "refund-due": ("30", "15;url=/en/order/tok-1?look=1"),
}
"""The orders that something may still happen to: how often a page asks where it cannot be told, and
how it refreshes without a script."""


def test_an_order_that_may_change_listens_and_refreshes_and_no_other() -> None:
    for name in SCENES:
        if SCENES[name][0] == "/order/tok-1":
            html = opened(name, "en")
            every, refresh = LISTENS.get(name, ("", ""))
            live = f'data-live="/order/tok-1/events" data-every="{every}"'
            assert (live in html) is (name in LISTENS)
            assert ("data-live" in html) is (name in LISTENS)
            head = f'<noscript><meta http-equiv="refresh" content="{refresh}"></noscript>'
            assert (head in html) is (name in LISTENS)
            assert ("http-equiv" in html) is (name in LISTENS)


def test_without_a_script_an_order_that_is_over_is_looked_at_for_some_minutes() -> None:
    def refresh(address: str) -> str | None:
        page = client(Scene(SCENES["expired"][1])).get(f"/en/order/tok-1{address}").text
        found = re.search(r'http-equiv="refresh" content="([^"]*)"', page)
        return found and found[1]

    assert refresh("?look=19") == "15;url=/en/order/tok-1?look=20"
    for over in ("20", "21", "9" * 4000):
        assert refresh(f"?look={over}") is None
    for none in ("-7", "x", ""):
        assert refresh(f"?look={none}") == "15;url=/en/order/tok-1?look=1"


@pytest.mark.parametrize("name", ["pending", "expired", "delivered", "refunded"])
def test_an_order_that_is_drawn_anew_says_what_the_page_is_called_now(name: str) -> None:
    whole = opened(name, "en", shop=shop(name='"Lulu" & Co'))
    called = re.search("<title>(.*)</title>", whole)
    assert called
    path, data = SCENES[name]
    headers = {"HX-Request": "true", "HX-Target": "div#order_live"}
    scene = Scene({**data, "shop": shop(name='"Lulu" & Co')})
    part = client(scene).get(f"/en{path}", headers=headers).text
    assert f'data-title="{called[1]}"' in part.split(">")[0]
    # A script says it where it is heard once; the whole page is not read out.
    assert "aria-live" not in part


@pytest.mark.parametrize("name", ["pending", "expired", "canceled"])
def test_who_has_paid_and_sees_nothing_can_ask_and_is_answered(name: str) -> None:
    assert "I have paid, but see nothing" in opened(name, "en")
    for finding, told in (
        ("NOTHING_PAID", "The provider says that nothing was paid yet."),
        ("FOUND", "Found it:"),
        ("PROVIDER_AWAY", "does not answer just now"),
    ):
        answers = {"orderPaymentCheck": {"finding": finding, "userErrors": []}}
        scene = Scene(SCENES[name][1], answers=answers)
        response = client(scene).post("/en/order/tok-1", data={"form": "PaymentCheck"})
        assert response.status_code == 200
        assert told in response.text.split('id="order_live"')[0]
        assert scene.calls == [("PaymentCheck", {"token": "tok-1"})]


def test_who_asks_too_often_is_told_so() -> None:
    answers = {"orderPaymentCheck": {"finding": None, **refusal("THROTTLED")}}
    scene = Scene(SCENES["pending"][1], answers=answers)
    response = client(scene).post("/en/order/tok-1", data={"form": "PaymentCheck"})
    assert response.status_code == 422
    assert response.text.count("told: THROTTLED") == 1


def test_a_code_stands_on_the_page_of_codes_alone() -> None:
    assert "7Q4M-0XKD-J20" not in opened("delivered", "en")
    assert "7Q4M-****-****" in opened("delivered", "en")
    html = opened("codes", "en")
    # Asking for the page is the one tap: what it shows is readable as it comes.
    assert html.count("data-code>7Q4M-0XKD-J2") == 3
    assert "data-veiled" not in html


def test_a_code_that_can_be_read_can_be_reported() -> None:
    html = opened("codes", "en")
    fresh, waiting, answered = html.split("data-code>")[1:]
    for part, told in ((fresh, True), (waiting, False), (answered, True)):
        assert ("This code does not work" in part) is told
    assert "Reported, the seller will answer:" in waiting
    assert "It works here." in answered
    # The order answers it, from its own page and from the page of codes, where no script puts the
    # one into the other.
    form = fresh.split("<form ")[1].split("</form>")[0]
    assert form.startswith('method="post" action="/en/order/tok-1" ')
    assert 'name="codeId" value="c-0"' in form
    assert html.split("data-code>")[3].count('<a class="btn ') == 2  # the file, and the order
    assert 'href="/en/order/tok-1">Back to the order</a>' in html
    assert html.count('id="reason-c-0"') == 1


def test_what_is_hidden_is_shown_by_a_button_that_says_so() -> None:
    (button,) = re.findall("<button[^>]*data-veil.*?</button>", opened("codes", "en"), re.S)
    assert 'data-other="Show"' in button
    assert "<span>Hide</span>" in button
    assert "aria-pressed" not in button


CONTACTS = {
    "help@moon.example.com": '<a href="mailto:help@moon.example.com">help@moon.example.com</a>',
    "WeChat: lulu-cards": "WeChat: lulu-cards",
    '<b> https://moon.example.com/a?b="c': (
        '&lt;b&gt; <a href="https://moon.example.com/a?b=" rel="noopener nofollow">'
        "https://moon.example.com/a?b=</a>&#34;c"
    ),
}


@pytest.mark.parametrize("contact", CONTACTS)
def test_a_contact_is_a_link_where_it_is_an_address(contact: str) -> None:
    html = opened("policies", "zh", shop=shop(contact=contact))
    assert f'<p class="contact">{CONTACTS[contact]}</p>' in html
    assert f"<span>联系：{CONTACTS[contact]}</span>" in html


def test_nobody_accepts_policies_that_are_not_written() -> None:
    told = "By ordering you accept the shop&#39;s <a"
    assert told in opened("checkout", "en")
    html = opened("checkout", "en", shop=shop(policiesHtml=""))
    assert told not in html
    assert "You pay on the provider&#39;s page.</p>" in html


def test_of_what_is_nearly_gone_no_number_is_promised() -> None:
    lasting = opened("product-single", "en")
    assert '<p class="hint">Up to 5 per order.</p>' in lasting
    low = opened("product-single", "en", product=GOODS[2])
    assert '<p class="hint">Up to 5 per order, as long as there are any.</p>' in low


@pytest.mark.parametrize(
    ("scene", "tone"), [("refunding", "info"), ("refunded", "good"), ("refund-due", "warn")]
)
def test_a_refund_is_told_in_a_frame_of_its_own(scene: str, tone: str) -> None:
    framed = [part.split("</time>")[0] for part in opened(scene, "en").split(f"notice {tone}")]
    assert any("CN¥294.00" in part and "<time" in part for part in framed[1:])


def test_the_codes_come_as_a_block_into_the_order() -> None:
    path, data = SCENES["codes"]
    headers = {"HX-Request": "true", "HX-Target": "section#codes_block"}
    html = client(Scene(data)).get(f"/en{path}", headers=headers).text
    assert html.strip().startswith('<section id="codes_block"')
    assert "<html" not in html


def test_the_badge_of_the_cart_is_a_block_of_its_page() -> None:
    headers = {"HX-Request": "true", "HX-Target": "span#cart_badge"}
    html = client(Scene(SCENES["cart"][1])).get("/en/cart", headers=headers).text
    assert html == '<span class="cart-count" id="cart_badge">3</span>'


def test_an_order_that_is_not_there_is_not_found() -> None:
    response = client(Scene({"shop": shop(), "order": None})).get("/en/order/other")
    assert response.status_code == 404


def test_a_line_says_what_is_wrong_with_it() -> None:
    html = opened("cart-problems", "zh")
    assert html.count('<p class="error">已售罄。</p>') == 1


def test_a_cart_of_another_time_still_leads_to_its_order() -> None:
    html = opened("cart-ordered", "en")
    assert 'href="/en/order/tok-1"' in html


def test_the_cart_leads_to_what_was_bought_beside_it() -> None:
    beside = {"completed": True, "order": {"token": "tok-2"}}
    for scene in ("cart-none", "cart-ordered", "checkout-none"):
        html = opened(scene, "en", bought=beside)
        assert 'href="/en/order/tok-2"' in html
        assert "/en/order/tok-1" not in html
    assert "/en/order/" not in opened("cart-empty", "en", bought=beside)
    assert "/en/order/tok-1" in opened("buy-ordered", "en", bought=beside)


def test_the_scenes_show_every_status_of_an_order() -> None:
    statuses = {data["order"]["status"] for _, data in SCENES.values() if "order" in data}
    assert statuses == set(OrderStatus.__members__)


def test_a_lost_order_is_asked_for_and_what_was_typed_stays() -> None:
    sent = {"form": "OrderLinkSend", "email": "b@example.com", "number": "7q4m"}
    error = {"path": ["number"], "message": "This cannot be understood.", "code": "INVALID"}
    answer: dict[str, Any] = {"orderLinkSend": {"done": False, "userErrors": [error]}}
    refused = client(Scene(SCENES["find-order"][1], answers=answer)).post(
        "/en/find-order", data=sent
    )
    assert refused.status_code == 422
    assert 'value="b@example.com"' in refused.text
    assert 'value="7q4m"' in refused.text
    assert "This cannot be understood." in refused.text

    answer = {"orderLinkSend": {"done": True, "userErrors": []}}
    scene = Scene(SCENES["find-order"][1], answers=answer)
    taken = client(scene).post("/en/find-order", data=sent)
    assert (taken.status_code, taken.headers["location"]) == (303, "/en/find-order/sent")
    assert scene.calls == [
        ("OrderLinkSend", {"email": "b@example.com", "number": "7q4m"}),
    ]
