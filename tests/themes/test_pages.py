"""The page engine over HTTP, against the toy schema."""

import re
from collections.abc import Mapping

import httpx2
from starlette.testclient import TestClient

from keystall.themes.engine import Page
from keystall.themes.engine.headers import content_security_policy
from tests.themes.toy import LOOK, PRODUCT, Shelf, UserError, application, without

ADDRESS = "/en/p/card"


def client(shelf: Shelf, page: Page = PRODUCT) -> TestClient:
    return TestClient(application(shelf, (page,)), base_url="https://shop.example")


def post(
    shelf: Shelf,
    page: Page = PRODUCT,
    headers: dict[str, str] | None = None,
    more: Mapping[str, str] | None = None,
    **data: str,
) -> httpx2.Response:
    data = {**data, **(more or {})}
    return client(shelf, page).post(ADDRESS, data=data, headers=headers, follow_redirects=False)


def test_a_page_shows_its_query_escaped_with_the_layout_around_it() -> None:
    shelf = Shelf()
    answer = client(shelf).get(ADDRESS)
    assert answer.status_code == 200
    assert "<h1>Steam &lt;50&gt;</h1>CN¥50.00" in answer.text
    assert "<title>Steam &lt;50&gt; · Harbor</title>" in answer.text
    # Before it was drawn, and once more at the end, whatever had happened.
    assert shelf.released == 2


def test_the_database_is_given_back_after_a_form_and_after_a_failure() -> None:
    sent, broken = Shelf(), Shelf(broken=True)
    post(sent, form="ProductUpdate", title="Gift card")
    client(broken).get(ADDRESS)
    assert (sent.released, broken.released) == (1, 1)


def test_a_page_speaks_the_language_of_its_address() -> None:
    answer = client(Shelf()).get("/zh/p/card")
    assert '<html lang="zh-CN">' in answer.text
    assert "¥50.00" in answer.text
    assert answer.headers["content-language"] == "zh-CN"
    assert 'href="/en/p/card"' in answer.text


def test_the_query_string_fills_variables_but_never_those_of_the_path() -> None:
    answer = client(Shelf()).get(ADDRESS + "?after=second&slug=gone&utm_source=x")
    assert "<i>second</i>" in answer.text


def test_a_required_field_that_is_null_is_not_found() -> None:
    answer = client(Shelf()).get("/en/p/gone")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_an_unknown_language_is_not_found() -> None:
    assert client(Shelf()).get("/fr/p/card").status_code == 404


def test_a_failed_query_is_an_error_page_with_the_requests_id() -> None:
    answer = client(Shelf(broken=True)).get("/zh/p/card")
    assert answer.status_code == 500
    assert "req-1" in answer.text
    assert "服务出了点问题" in answer.text
    assert "no database" not in answer.text


def test_the_security_policy_allows_the_theme_by_hash_and_no_inline_script() -> None:
    answer = client(Shelf()).get(ADDRESS)
    assert answer.headers["content-security-policy"] == content_security_policy(LOOK)
    assert LOOK.csp_hash in answer.headers["content-security-policy"]
    assert f"<style>{LOOK.css}</style>" in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?! src)| on\w+=| style=", answer.text)


def test_a_page_for_everyone_has_an_etag_and_answers_304() -> None:
    first = client(Shelf()).get(ADDRESS)
    assert first.headers["cache-control"] == "public, max-age=0, must-revalidate"
    again = client(Shelf()).get(ADDRESS, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_form_that_succeeds_sends_on_with_303() -> None:
    shelf = Shelf()
    answer = post(shelf, form="ProductUpdate", title="New")
    assert (answer.status_code, answer.headers["location"]) == (303, "/en/p/card")
    assert [(slug, sent.title) for slug, sent in shelf.calls] == [("card", "New")]


def test_success_may_be_an_address_of_another_site() -> None:
    form = without(PRODUCT.forms[0], success="{productUpdate.product.payUrl}")  # type: ignore[arg-type]
    answer = post(Shelf(), without(PRODUCT, forms=(form,)), form="ProductUpdate", title="New")
    assert answer.headers["location"] == "https://pay.example/x?y=1"


def test_user_errors_come_back_at_their_fields_with_what_was_typed() -> None:
    shelf = Shelf(
        refusals=[
            UserError(path=["input", "title"], message="Too short", code="INVALID"),
            UserError(path=["variants", "0", "name"], message="Taken", code="TAKEN"),
            UserError(path=["price"], message="Too much", code="INVALID"),
            UserError(path=[], message="Closed", code="CONFLICT"),
        ]
    )
    fields = {"variants.1.name": "<b>", "price.amount": "9", "price.currencyCode": "CNY"}
    answer = post(shelf, form="ProductUpdate", title="x", more=fields)
    assert answer.status_code == 422
    assert answer.headers["cache-control"] == "no-store"
    assert re.search(r'name="title" type="text" value="x"[^>]*aria-invalid="true"', answer.text)
    assert 'value="&lt;b&gt;"' in answer.text
    about = r'id="ProductUpdate-{}-about">\s*<p class="error">{}</p>'
    assert re.search(about.format("variants-1-name", "Taken"), answer.text)
    assert re.search(about.format("price-amount", "Too much"), answer.text)
    assert re.search(r'role="alert">.*?Closed', answer.text, re.DOTALL)


def test_a_text_that_is_no_value_of_its_type_runs_nothing() -> None:
    shelf = Shelf()
    answer = post(shelf, form="ProductUpdate", title="x", limit="many")
    assert answer.status_code == 422
    assert shelf.calls == []


def test_secrets_are_never_echoed() -> None:
    shelf = Shelf(refusals=[UserError(path=["password"], message="Wrong", code="INVALID")])
    answer = post(shelf, form="SignIn", email="a@b.example", password="hunter2hunter2")
    assert answer.status_code == 422
    assert "hunter2" not in answer.text
    assert 'value="a@b.example"' in answer.text


def test_effects_become_cookies_beside_the_answer() -> None:
    answer = post(Shelf(), form="SignIn", email="a@b.example", password="hunter2hunter2")
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-session=s3cret; HttpOnly; Max-Age=2592000; Path=/;")
    assert cookie.endswith("Secure")


def test_undeclared_fields_and_unknown_forms_are_bad_requests() -> None:
    shelf = Shelf()
    assert post(shelf, form="ProductUpdate", title="x", owner="me").status_code == 400
    assert post(shelf, form="ShopDelete").status_code == 400
    assert shelf.calls == []


def test_a_page_without_forms_takes_no_post() -> None:
    answer = post(Shelf(), without(PRODUCT, forms=()), form="x")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_htmx_gets_only_the_block_it_aims_at() -> None:
    headers = {"HX-Request": "true", "HX-Target": "section#product_live"}
    answer = client(Shelf()).get(ADDRESS, headers=headers)
    assert answer.text.startswith('<section id="product_live" data-live="/stream/card"')
    assert answer.text.rstrip().endswith("</section>")


def test_htmx_gets_a_block_of_the_layout_too_and_a_whole_page_for_an_unknown_one() -> None:
    headers = {"HX-Request": "true", "HX-Target": "span#cart_badge"}
    assert client(Shelf()).get(ADDRESS, headers=headers).text.startswith('<span class="cart-count"')
    headers["HX-Target"] = "main#elsewhere"
    assert client(Shelf()).get(ADDRESS, headers=headers).text.startswith("<!doctype html>")


def test_htmx_is_sent_on_by_a_header_when_the_page_changes() -> None:
    form = without(PRODUCT.forms[0], success="/{l}/")  # type: ignore[arg-type]
    page = without(PRODUCT, forms=(form,))
    answer = post(Shelf(), page, {"HX-Request": "true"}, form="ProductUpdate", title="New")
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/en/")


def test_assets_are_kept_for_ever_under_their_hash_and_nowhere_else() -> None:
    shop = client(Shelf())
    address = re.search(r'"(/assets/[0-9a-f]{16}/base.css)"', shop.get(ADDRESS).text)
    assert address is not None
    answer = shop.get(address[1])
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert shop.get("/assets/0000000000000000/base.css").status_code == 404


def test_a_choice_of_language_is_kept_and_never_sends_to_another_site() -> None:
    shop = client(Shelf())
    answer = shop.post("/locale", data={"locale": "zh-CN", "to": "/x?y=1"}, follow_redirects=False)
    assert answer.headers["location"] == "/x?y=1"
    assert answer.headers["set-cookie"].startswith("__Host-locale=zh-CN;")
    for to in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = shop.post("/locale", data={"locale": "en", "to": to}, follow_redirects=False)
        assert answer.headers["location"] == "/"


def test_a_block_that_cannot_be_fetched_leaves_the_page_as_it_is() -> None:
    shop = client(Shelf(broken=True))
    answer = shop.get(ADDRESS, headers={"HX-Request": "true", "HX-Target": "span#cart_badge"})
    assert (answer.status_code, answer.headers["hx-reswap"]) == (500, "none")
