"""Pages of accounts, console and operator desk in every state, in both languages."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import Response
from markupsafe import escape
from starlette.testclient import TestClient

from keystall.themes.accounts.pages import PAGES as ACCOUNTS
from keystall.themes.console.pages import PAGES as CONSOLE
from keystall.themes.engine import check_pages
from keystall.themes.operator.pages import PAGES as OPERATOR
from tests.themes.desk import (
    ADMIN,
    DESK,
    END,
    HERE,
    PASSKEYS,
    RENDERER,
    SCENES,
    SHOP,
    Scene,
    api_token,
    application,
    delivery,
    guarded,
    variant,
    webhook,
)

_CHINESE = re.compile(r"[一-鿿]")
_NEW = HERE + "/products/new"
_STOCK = HERE + "/stock/v-1"
_REFUSED: dict[str, Any] = {"path": ["input", "variants", "1", "prices"], "code": "REQUIRED"}


def client(scene: Scene, locale: str = "en") -> TestClient:
    return TestClient(application(scene), cookies={"locale": locale}, follow_redirects=False)


def opened(name: str, locale: str) -> str:
    path, data = SCENES[name]
    response = client(Scene(data), locale).get(path)
    assert response.status_code == 200
    return response.text


def post(scene: Scene, path: str, form: str, **fields: Any) -> Response:
    sent = {name.replace("__", "."): value for name, value in fields.items()}
    return client(scene).post(path, data={"form": form, **sent})


def test_documents_and_templates_fit_the_schemas() -> None:
    extras = ("viewer_email", "may", "role")
    assert check_pages([*ACCOUNTS, *CONSOLE], ADMIN, RENDERER, extras=extras) == []
    assert check_pages(OPERATOR, DESK, RENDERER, extras=extras) == []


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize("name", SCENES)
def test_every_state_of_every_page_is_drawn(name: str, locale: str) -> None:
    html = opened(name, locale)
    assert f'<html lang="{locale}">' in html
    assert html.count("<h1") == 1
    assert html.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    "name", ["landing", "sign-up", "confirm", "home-busy", "product-new", "stock", "order"]
)
def test_english_pages_have_no_chinese_but_the_switch(name: str) -> None:
    html = opened(name, "en")
    for switch in ('lang="zh-CN">中文</button>', ">中文</option>"):
        html = html.replace(switch, "")
    assert _CHINESE.findall(html) == []


@pytest.mark.parametrize("name", ["confirm", "reset-new", "sign-out"])
def test_opening_a_mailed_link_changes_nothing(name: str) -> None:
    path, data = SCENES[name]
    scene = Scene(data)
    assert client(scene).get(path).status_code == 200
    assert scene.calls == []


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("/console/galaxy/", "/console/galaxy/"),
        ("//evil.example", "/console"),
        ("/\\evil.example", "/console"),
        ("https://evil.example", "/console"),
        ("", "/console"),
    ],
)
def test_signing_in_leads_back_but_never_to_another_site(to: str, target: str) -> None:
    signed_in: dict[str, Any] = {"done": True, "secondStepUrl": None, "userErrors": []}
    scene = Scene({}, {"sessionCreate": signed_in})
    answer = post(scene, f"/sign-in?to={to}", "SessionCreate", email="a@b.cc", password="p" * 12)
    assert answer.status_code == 303
    assert answer.headers["location"] == target


@pytest.mark.parametrize(
    ("to", "step", "target"),
    [
        ("/console/a/?b=c", "/sign-in/code?to=%2Fconsole%2Fa%2F%3Fb%3Dc", "/console/a/?b=c"),
        ("//evil.example", "/sign-in/code", "/console"),
        ("", "/sign-in/code", "/console"),
    ],
)
def test_a_second_step_comes_between_and_keeps_where_to_go(to: str, step: str, target: str) -> None:
    asked = {"done": True, "secondStepUrl": "/sign-in/code", "userErrors": []}
    passed = {"done": True, "userErrors": []}
    scene = Scene(SCENES["second-step"][1], {"sessionCreate": asked, "secondStepPass": passed})
    where = f"/sign-in?to={quote(to, safe='')}"
    first = post(scene, where, "SessionCreate", email="a@b.cc", password="p" * 12)
    assert (first.status_code, first.headers["location"]) == (303, step)
    second = post(scene, step, "SecondStepPass", code="123456")
    assert (second.status_code, second.headers["location"]) == (303, target)


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_a_code_is_asked_as_phones_fill_it_in_and_never_repeated(locale: str) -> None:
    html = opened("second-step", locale)
    (field,) = re.findall(r'<input[^>]*id="SecondStepPass-code"[^>]*>', html)
    assert 'inputmode="numeric"' in field
    assert 'autocomplete="one-time-code"' in field
    error = {"path": ["code"], "message": "Wrong code", "code": "STEP_CODE_WRONG"}
    scene = Scene(
        SCENES["second-step"][1], {"secondStepPass": {"done": False, "userErrors": [error]}}
    )
    answer = post(scene, "/sign-in/code", "SecondStepPass", code="424242")
    assert answer.status_code == 422
    assert "Wrong code" in answer.text
    assert "424242" not in answer.text


def test_a_step_that_is_over_leads_back_to_signing_in_with_where_to_go() -> None:
    assert 'href="/sign-in?to=/console/galaxy/"' in opened("second-step-over", "en")


_OPTIONS = '{"challenge": "AAAA", "rpId": "localhost"}'


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize(
    ("name", "form", "field", "block", "kind", "given"),
    [
        ("sign-in", "PasskeyAttempt", "passkeyAttempt", "passkey", "get", {}),
        ("second-step-both", "PasskeyStep", "passkeyStep", "passkey", "get", {}),
        ("passkeys", "PasskeyBegin", "passkeyBegin", "passkey_new", "create",
         {"name": "Key", "password": "plum tree 19"}),
    ],
)  # fmt: skip
def test_a_script_fetches_what_to_ask_for_a_passkey_as_one_block(
    locale: str, name: str, form: str, field: str, block: str, kind: str, given: dict[str, str]
) -> None:
    path, data = SCENES[name]
    page = opened(name, locale)
    assert "passkeys.js" in page
    assert "data-passkey-options" not in page
    (part,) = re.findall(f'<div id="{block}"[^>]*>', page)
    assert " hidden" in part
    scene = Scene(data, {field: {"options": _OPTIONS, "userErrors": []}})
    hx = {"hx-request": "true", "hx-target": f"div#{block}"}
    answer = client(scene, locale).post(path, data={"form": form, **given}, headers=hx)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "<h1" not in answer.text
    assert f'data-passkey="{kind}" data-passkey-options="{escape(_OPTIONS)}"' in answer.text
    assert "plum tree" not in answer.text


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize(
    ("name", "path"),
    [("sign-in", "/sign-in?to=/account"), ("second-step-passkey", "/sign-in/code?to=/account")],
)
def test_a_passkeys_answer_signs_in_or_is_refused_in_words(
    locale: str, name: str, path: str
) -> None:
    passed = Scene(SCENES[name][1], {"passkeySignIn": {"done": True, "userErrors": []}})
    sent = {"form": "PasskeySignIn", "credential": "{7}"}
    answer = client(passed, locale).post(path, data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    error = {"path": [], "message": "Not this one", "code": "PASSKEY_REFUSED"}
    refused = {"passkeySignIn": {"done": False, "userErrors": [error]}}
    answer = client(Scene(SCENES[name][1], refused), locale).post(path, data=sent)
    assert (answer.status_code, answer.text.count("Not this one")) == (422, 1)
    assert "{7}" not in answer.text


def test_where_a_passkey_cannot_be_asked_for_the_page_says_so_and_what_else_does() -> None:
    for name, words in {
        "passkeys-none": ["Passkeys need JavaScript", 'href="/account/second-step"'],
        "second-step-passkey": ["Passkeys need JavaScript", 'name="code"'],
    }.items():
        page = opened(name, "en")
        assert [word for word in words if word not in page] == []
    assert "Enter your code" not in opened("second-step-passkey", "en")
    assert "Passkeys need JavaScript" not in opened("sign-in", "en")


@pytest.mark.parametrize(
    ("form", "field", "given"),
    [
        ("PasskeyRename", "passkeyRename", {"id": "k-1", "name": "Desk", "password": "no"}),
        ("PasskeyRemove", "passkeyRemove", {"id": "k-1", "password": "no"}),
    ],
)
def test_a_refused_change_of_a_passkey_comes_back_in_its_own_row(
    form: str, field: str, given: dict[str, str]
) -> None:
    error = {"path": ["password"], "message": "Not your password", "code": "PASSWORD_WRONG"}
    scene = Scene(SCENES["passkeys"][1], {field: {"done": False, "userErrors": [error]}})
    answer = post(scene, "/account/passkeys", form, **given)
    assert answer.status_code == 422
    assert answer.text.count("Not your password") == 1
    rows = answer.text.split('class="grow stack-s"')[1:]
    assert [row.count('<details class="confirm" open') for row in rows] == [0, 1]
    assert ('value="Desk"' in rows[1]) is (form == "PasskeyRename")


@pytest.mark.parametrize(
    ("codes", "said"),
    [(["0a1b-2c3d-4e5f-6g7h"], "0a1b-2c3d-4e5f-6g7h"), ([], "Your passkey was added.")],
)
def test_a_first_passkey_comes_with_recovery_codes_that_are_shown_once(
    codes: list[str], said: str
) -> None:
    added = {"done": True, "recoveryCodes": codes, "userErrors": []}
    answer = post(
        Scene(SCENES["passkeys"][1], {"passkeyAdd": added}),
        "/account/passkeys", "PasskeyAdd", credential="{}",
    )  # fmt: skip
    assert (answer.status_code, said in answer.text) == (200, True)
    assert answer.headers["cache-control"] == "no-store"
    assert ("data-code" in answer.text) is bool(codes)
    assert ('name="password"' in answer.text) is not bool(codes)


def test_who_has_twenty_passkeys_is_not_asked_to_add_one() -> None:
    page = opened("passkeys-full", "en")
    assert "PasskeyBegin" not in page
    assert "as many as there may be" in page


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_recovery_codes_of_passkeys_are_made_anew_without_an_app(locale: str) -> None:
    assert "RecoveryCodesRenew" in opened("totp-off-passkeys", locale)
    assert "TotpEnd" not in opened("totp-off-passkeys", locale)
    assert "RecoveryCodesRenew" not in opened("totp-off", locale)


def test_an_app_beside_passkeys_says_that_earlier_recovery_codes_end() -> None:
    viewer = {**guarded(setup=True), "passkeys": PASSKEYS[:1]}
    made = {"recoveryCodes": ["0a1b-2c3d-4e5f-6g7h"], "userErrors": []}
    scene = Scene({"viewer": viewer}, {"totpConfirm": made})
    answer = post(scene, "/account/second-step", "TotpConfirm", code="424242")
    assert "Your earlier recovery codes no longer work." in answer.text


@pytest.mark.parametrize(
    ("name", "form", "field"),
    [
        ("totp-setup", "TotpConfirm", "totpConfirm"),
        ("totp-on", "RecoveryCodesRenew", "recoveryCodesRenew"),
    ],
)
def test_recovery_codes_are_shown_once(name: str, form: str, field: str) -> None:
    codes = [f"0a1b-2c3d-4e5f-6g7{at}" for at in range(10)]
    scene = Scene(SCENES[name][1], {field: {"recoveryCodes": codes, "userErrors": []}})
    given = {"code": "424242"} | ({"password": "plum tree 19"} if form != "TotpConfirm" else {})
    answer = post(scene, "/account/second-step", form, **given)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert re.findall(r"data-code>([^<]*)</li>", answer.text) == codes
    assert "plum tree" not in answer.text
    assert "424242" not in answer.text
    assert codes[0] not in opened(name, "en")


@pytest.mark.parametrize(
    ("url", "target"),
    [("/console?done=confirmed", "/console?done=confirmed"), (None, "/sign-in?done=confirmed")],
)
def test_a_confirmed_address_leads_to_the_console_or_to_signing_in(
    url: str | None, target: str
) -> None:
    answer: dict[str, Any] = {"done": True, "consoleUrl": url, "userErrors": []}
    scene = Scene(SCENES["confirm"][1], {"accountConfirm": answer})
    assert post(scene, "/confirm/t", "AccountConfirm").headers["location"] == target


def test_a_wrong_password_is_said_and_not_repeated() -> None:
    error = {"path": [], "message": "Wrong pair", "code": "CREDENTIALS_WRONG"}
    scene = Scene({}, {"sessionCreate": {"done": False, "userErrors": [error]}})
    answer = post(scene, "/sign-in", "SessionCreate", email="a@b.cc", password="hunter2hunter2")
    assert answer.status_code == 422
    assert "Wrong pair" in answer.text
    assert 'value="a@b.cc"' in answer.text
    assert "hunter2" not in answer.text


def test_a_new_product_carries_what_was_typed_and_no_row_of_mere_defaults() -> None:
    scene = Scene(SHOP, {"productCreate": {"product": {"id": "p-9"}, "userErrors": []}})
    answer = post(
        scene,
        _NEW,
        "ProductCreate",
        name="Moon Card",
        status="ACTIVE",
        categoryId="",
        slug="",
        variants__0__name="",
        variants__0__prices__0__amount="9.90",
        variants__0__prices__0__currencyCode="CNY",
        variants__0__prices__1__amount="",
        variants__0__prices__1__currencyCode="USD",
        variants__0__minQuantity="1",
        variants__0__maxQuantity="",
        variants__1__name="",
        variants__1__prices__0__amount="",
        variants__1__prices__0__currencyCode="CNY",
        variants__1__minQuantity="1",
        variants__1__maxQuantity="10",
        translations__0__locale="zh-CN",
        translations__0__name="",
        uploadIds="",
    )
    assert answer.headers["location"] == HERE + "/products/p-9?done=created#main"
    prices = [{"amount": "9.90", "currencyCode": "CNY"}]
    assert scene.calls == [
        (
            "ProductCreate",
            {
                "input": {
                    "name": "Moon Card",
                    "slug": None,
                    "categoryId": None,
                    "status": "ACTIVE",
                    "variants": [{"prices": prices, "minQuantity": 1}],
                    "buyerFields": [],
                    "translations": [],
                }
            },
        )
    ]


def test_a_variant_without_a_price_is_told_at_its_price() -> None:
    errors = [{**_REFUSED, "message": "Give a price"}]
    scene = Scene(SHOP, {"productCreate": {"product": None, "userErrors": errors}})
    answer = post(
        scene, _NEW, "ProductCreate", name="X", variants__0__name="a", variants__3__name="b"
    )
    assert answer.status_code == 422
    about = r'id="ProductCreate-variants-3-prices-0-amount-about">\s*<p class="error">Give a price'
    assert re.search(about, answer.text)
    assert 'name="variants.0.name" type="text" value="a"' in answer.text


def test_a_product_that_says_nothing_of_its_variants_is_told_at_the_price() -> None:
    error = {"path": ["input", "variants"], "message": "Give a price", "code": "REQUIRED"}
    scene = Scene(SHOP, {"productCreate": {"product": None, "userErrors": [error]}})
    answer = post(
        scene,
        _NEW,
        "ProductCreate",
        name="X",
        variants__0__prices__0__amount="",
        variants__0__prices__0__currencyCode="CNY",
        variants__0__minQuantity="1",
        variants__0__maxQuantity="10",
    )
    about = r'id="ProductCreate-variants-0-prices-0-amount-about">\s*<p class="error">Give a price'
    assert re.search(about, answer.text)


def test_a_mistake_takes_back_what_the_address_says_of_the_last_time() -> None:
    error = {"path": ["input", "notice"], "message": "Too long", "code": "TOO_LONG"}
    scene = Scene(SHOP, {"shopUpdate": {"shop": None, "userErrors": [error]}})
    html = post(
        scene, HERE + "/settings?done=saved", "ShopTexts", notice="x" * 99, policies=""
    ).text
    assert "Too long" in html
    assert "Saved." not in html


def again(what: str) -> Response:
    scene = Scene(SHOP)
    answer = post(
        scene,
        _NEW,
        "ProductCreate",
        again=what,
        name="Moon Card",
        description="**Bold**",
        variants__0__name="first",
        variants__1__name="second",
        variants__1__maxQuantity="7",
    )
    assert scene.calls == []
    assert answer.headers["cache-control"] == "no-store"
    return answer


def test_a_preview_shows_the_description_and_keeps_everything() -> None:
    answer = again("preview")
    assert answer.status_code == 200
    assert "<strong>Bold</strong>" in answer.text
    assert 'value="second"' in answer.text


def test_one_more_variant_begins_with_the_defaults() -> None:
    html = again("variants").text
    assert 'value="first"' in html
    assert re.search(r'name="variants.2.maxQuantity" type="text" value="10"', html)
    assert 'name="variants.3.name"' not in html


def test_a_removed_variant_moves_those_after_it_up() -> None:
    html = again("drop variants.0").text
    assert 'name="variants.0.name" type="text" value="second"' in html
    assert 'name="variants.0.maxQuantity" type="text" value="7"' in html
    assert 'name="variants.1.name"' not in html


def test_the_last_question_and_picture_can_be_taken_away() -> None:
    scene = Scene({**SHOP, **SCENES["product"][1]}, {"productUpdate": {"userErrors": []}})
    fields = {"name": "Moon Card", "slug": "", "description": "", "status": "DRAFT"}
    answer = post(scene, HERE + "/products/p-1", "ProductUpdate", **fields, categoryId="")
    assert answer.status_code == 303
    # What was emptied is said to be empty: left out, it would stay as it was.
    said: dict[str, Any] = {**fields, "categoryId": None, "uploadIds": [], "buyerFields": []}
    assert scene.calls == [("ProductUpdate", {"id": "p-1", "input": said})]


def test_a_picture_that_is_not_kept_is_told_at_its_field() -> None:
    scene = Scene(SHOP, refuse_upload="This is no picture.")
    answer = client(scene).post(
        _NEW,
        data={"form": "ProductCreate", "name": "Moon Card"},
        files={"uploadIds": ("x.png", b"no picture")},
    )
    assert answer.status_code == 422
    assert '<p class="error">This is no picture.</p>' in answer.text
    assert 'value="Moon Card"' in answer.text
    assert scene.calls == []


PREVIEW = {
    "kind": "CSV",
    "separator": ",",
    "columns": [{"name": "Secret", "use": "SECRET"}, {"name": "Color", "use": "UNUSED"}],
    "sample": [
        {"line": 2, "masked": "MO••••••33", "note": "Blue", "preview": "", "expiresAt": None}
    ],
    "lines": 205,
    "counted": True,
    "duplicatesSold": [{"line": 9}],
    "duplicatesSoldCount": 1,
    "new": 2,
    "duplicatesInFile": [{"line": 3, "firstLine": 1}],
    "duplicatesInFileCount": 1,
    "duplicatesInStock": [{"line": 5}],
    "duplicatesInStockCount": 200,
    "bad": [{"line": 4, "reason": "Too long"}],
    "badCount": 1,
    "encoding": "gb18030",
}


def test_pasted_codes_become_an_upload_and_never_stand_in_the_page() -> None:
    answers = {"codesPreview": {"preview": PREVIEW, "userErrors": []}}
    scene = Scene({**SHOP, "variant": variant()}, answers)
    answer = post(scene, _STOCK, "CodesPreview", text="SECRET-1\r\nSECRET-2", uploadId="")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert scene.stored == [("pasted.txt", b"SECRET-1\r\nSECRET-2")]
    assert scene.calls == [
        ("CodesPreview", {"variantId": "v-1", "uploadId": "upload-1", "plain": False})
    ]
    assert "SECRET" not in answer.text
    assert 'name="uploadId" value="upload-1"' in answer.text
    for told in (
        "2 new codes",
        "line 3 repeats line 1",
        "1 line was sold",
        "Color: not used",
        "Line 4:",
        "Too long",
        "GB18030",
    ):
        assert told in answer.text


def test_an_import_leads_to_its_job() -> None:
    scene = Scene({}, {"codesImport": {"job": {"id": "j-1"}, "userErrors": []}})
    fields = {"uploadId": "u-1", "idempotencyKey": "key-12345678"}
    answer = post(scene, _STOCK, "CodesImport", **fields)
    assert answer.headers["location"] == HERE + "/jobs/j-1"
    expected = {"variantId": "v-1", "uploadId": "u-1", "skipBad": False, "dryRun": False}
    key = {"idempotencyKey": "key-12345678", "plain": False}
    assert scene.calls == [("CodesImport", {**expected, **key})]


def test_an_import_tells_what_its_batch_is() -> None:
    scene = Scene({}, {"codesImport": {"job": {"id": "j-1"}, "userErrors": []}})
    fields = {"uploadId": "u-1", "idempotencyKey": "key-12345678", "dryRun": "true"}
    told = {
        "batch__supplier": "Moon",
        "batch__cost": "8.50",
        "batch__expiresAt": "2027-01-02T10:00",
    }
    post(scene, _STOCK, "CodesImport", **fields, **told)
    ((_, variables),) = scene.calls
    assert variables["dryRun"] is True
    assert variables["batch"]["supplier"] == "Moon"
    assert variables["batch"]["cost"] == "8.50"
    assert variables["batch"]["expiresAt"].startswith("2027-01-02T10:00")


def test_of_a_large_file_the_head_is_shown_and_counting_is_offered_first() -> None:
    preview = PREVIEW | {"counted": False, "new": 0, "lines": 1_000_000}
    answers = {"codesPreview": {"preview": preview, "userErrors": []}}
    scene = Scene({**SHOP, "variant": variant()}, answers)
    answer = post(scene, _STOCK, "CodesPreview", text="SECRET-1", uploadId="")
    assert "A large file of 1,000,000 lines" in answer.text
    assert 'name="dryRun" value="true"' in answer.text
    assert 'name="skipBad"' in answer.text


@pytest.mark.parametrize(
    ("locale", "preview", "words"),
    [
        ("en", "PROVIDER", "¥3.00 would go back through Sandbox, and ¥6.90 of the payment"),
        ("en", "BY_HAND", "Sandbox cannot be asked to send it: you would have to do so by hand."),
        ("en", "", "This refund has been made already."),
        ("zh-CN", "PROVIDER", "将通过Sandbox退回 ¥3.00，这笔付款还剩 ¥6.90 可退。目前尚未退款。"),
        ("zh-CN", "BY_HAND", "无法请求Sandbox退款，需要您手动退给买家。"),
        ("zh-CN", "", "这笔退款已经办理过，不会再次退款。"),
    ],
)
def test_a_refund_is_previewed_and_what_was_typed_is_kept_to_send_it(
    locale: str, preview: str, words: str
) -> None:
    shown = {
        "amount": {"formatted": "¥3.00"}, "left": {"formatted": "¥6.90"},
        "way": preview, "methodName": "Sandbox",
    }  # fmt: skip
    answers: dict[str, Any] = {
        "orderRefund": {"preview": shown if preview else None, "userErrors": []}
    }
    scene = Scene(SCENES["order"][1], answers)
    typed = {"amount.amount": "3", "amount.currencyCode": "CNY", "reason": "A gift"}
    sent = {"form": "OrderRefundPreview", "idempotencyKey": "key-12345678", **typed}
    answer = client(scene, locale).post(HERE + "/orders/o-1", data=sent)
    assert answer.status_code == 200
    assert words in answer.text
    assert '<details class="confirm" open>' in answer.text
    for kept in ("key-12345678", "A gift"):
        assert f'value="{kept}"' in answer.text
    assert 'name="form" value="OrderRefund"' in answer.text


def test_a_code_asks_for_the_password_at_its_place_and_never_echoes_it() -> None:
    error = {"path": ["password"], "message": "Enter your password.", "code": "PASSWORD_NEEDED"}
    scene = Scene(
        SCENES["stock"][1], {"codeReveal": {"code": None, "secret": None, "userErrors": [error]}}
    )
    answer = post(scene, _STOCK, "CodeReveal", id="code-SOLD", password="plum tree 19")
    assert answer.status_code == 422
    assert 'name="id" value="code-SOLD"' in answer.text
    assert 'type="password"' in answer.text
    assert "plum tree 19" not in answer.text


def test_a_password_said_again_leads_back_to_what_asked_for_it() -> None:
    scene = Scene(SHOP, {"passwordConfirm": {"done": True, "userErrors": []}})
    path = HERE + "/confirm?to=%2Fconsole%2Fgalaxy%2Fstock%2Fv-1%2Fcodes.csv"
    answer = post(scene, path, "PasswordConfirm", password="plum tree 19")
    assert answer.status_code == 303
    assert answer.headers["location"] == HERE + "/stock/v-1/codes.csv"


def test_an_import_that_is_refused_keeps_its_upload() -> None:
    error = {"path": [], "message": "1 bad line", "code": "BAD_LINES"}
    scene = Scene(
        {**SHOP, "variant": variant()}, {"codesImport": {"job": None, "userErrors": [error]}}
    )
    answer = post(scene, _STOCK, "CodesImport", uploadId="u-1", idempotencyKey="key-12345678")
    assert answer.status_code == 422
    assert "1 bad line" in answer.text
    assert 'name="uploadId" value="u-1"' in answer.text
    assert 'name="skipBad"' in answer.text


def test_a_revealed_code_is_shown_where_it_stands_and_nowhere_else() -> None:
    revealed = {"code": {"id": "code-SOLD"}, "secret": "MOON-1", "userErrors": []}
    scene = Scene(SCENES["stock"][1], {"codeReveal": revealed})
    answer = post(scene, _STOCK, "CodeReveal", id="code-SOLD")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count("MOON-1") == 1
    assert answer.text.count("M••••••33") == 5  # three rows, and two labels


def test_a_token_is_shown_once() -> None:
    made = {"apiToken": {"id": "t-1"}, "secret": "ks_secret", "userErrors": []}
    scene = Scene({**SHOP, "apiTokens": []}, {"apiTokenCreate": made})
    answer = post(scene, HERE + "/tokens", "ApiTokenCreate", name="Robot", scopes="STOCK")
    assert answer.text.count("ks_secret") == 1
    assert answer.headers["cache-control"] == "no-store"
    assert "ks_secret" not in client(scene).get(HERE + "/tokens").text


def test_each_kind_of_token_has_its_own_list() -> None:
    tokens = SCENES["storefront-tokens"][1]["apiTokens"]
    used = [{**one, "scopes": [], "hint": "", "lastAddress": "", **one} for one in tokens]
    scene = Scene({**SHOP, "apiTokens": used})
    programs = client(scene).get(HERE + "/tokens").text
    sites = client(scene).get(HERE + "/tokens/storefront").text
    assert ("/tokens/t-1" in programs, "/tokens/t-3" in programs) == (True, False)
    assert ("/tokens/t-1" in sites, "/tokens/t-3" in sites) == (False, True)


def test_sites_are_typed_one_a_line_and_told_what_is_wrong_beside_them() -> None:
    sites = "https://www.example.com\n\n  http://example.com\n"
    wrong = {"path": ["origins", "1"], "message": "It needs https.", "code": "ORIGIN_INSECURE"}
    refused = {"apiToken": None, "userErrors": [wrong]}
    scene = Scene(SCENES["storefront-tokens"][1] | SHOP, {"storefrontTokenCreate": refused})
    page, typed = HERE + "/tokens/storefront", {"name": "Site", "origins": sites}
    answer = post(scene, page, "StorefrontTokenCreate", **typed, expiresInDays="")
    assert answer.status_code == 422
    assert "It needs https." in answer.text
    assert "http://example.com" in answer.text
    made = {"apiToken": {"id": "t-9"}, "userErrors": []}
    scene = Scene(SCENES["storefront-tokens"][1] | SHOP, {"storefrontTokenCreate": made})
    answer = post(scene, page, "StorefrontTokenCreate", **typed, expiresInDays="90")
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/console/galaxy/tokens/t-9?done=created",
    )  # fmt: skip
    assert scene.calls[-1][1] == {
        "name": "Site",
        "origins": ["https://www.example.com", "http://example.com"],
        "expiresInDays": 90,
    }


def test_the_question_before_all_are_refused_says_when_nobody_is_left() -> None:
    without = Scene({**SHOP, "apiTokens": []})
    page = HERE + "/tokens/storefront"
    assert "every website and app" in client(without).get(page).text
    some = Scene(SCENES["storefront-tokens"][1] | SHOP)
    assert "Websites and apps that send no token" in client(some).get(page).text


def test_a_webhooks_secret_is_shown_once_and_a_refused_document_is_kept() -> None:
    made = {"webhook": {"id": "h-1", "url": "https://x"}, "secret": "whsec_c2Vj", "userErrors": []}
    scene = Scene(SHOP, {"webhookCreate": made})
    typed = {
        "url": "https://x.example.com",
        "events": ["ORDER_PAID"],
        "document": "query { typed }",
    }
    answer = post(scene, HERE + "/webhooks/new", "WebhookCreate", **typed)
    assert answer.text.count("whsec_c2Vj") == 1
    assert answer.headers["cache-control"] == "no-store"
    assert scene.calls == [("WebhookCreate", {"input": typed})]

    error = {
        "path": ["input", "document"],
        "message": "It shows codes.",
        "code": "DOCUMENT_SHOWS_CODES",
    }
    refused = {"webhook": None, "secret": None, "userErrors": [error]}
    again = post(Scene(SHOP, {"webhookCreate": refused}), HERE + "/webhooks/new", "WebhookCreate",
                 **typed)  # fmt: skip
    assert again.status_code == 422
    assert "It shows codes." in again.text
    assert "{ typed }" in again.text
    assert 'value="ORDER_PAID" checked' in again.text
    assert 'value="ORDER_PLACED" checked' not in again.text


@pytest.mark.parametrize(
    ("locale", "message", "shown"),
    [
        ("zh-CN", "无效：The fields <a> conflict here.",
         '无效：<span lang="en">The fields &lt;a&gt; conflict here.</span>'),
        ("zh-CN", "类型“Shop”没有字段“none”。", "类型“Shop”没有字段“none”。"),
        ("en", "No query. The fields conflict here.", "No query. The fields conflict here."),
    ],
)  # fmt: skip
def test_what_of_a_message_is_english_on_a_chinese_page_is_marked_so(
    locale: str, message: str, shown: str
) -> None:
    error = {"path": ["document"], "message": message, "code": "DOCUMENT_FAULTY"}
    refused = {"trustedDocument": None, "userErrors": [error]}
    path, data = SCENES["documents"]
    answer = client(Scene(data, {"trustedDocumentRegister": refused}), locale).post(
        path, data={"form": "DocumentRegister", "document": "{ x }", "name": ""}
    )
    assert answer.status_code == 422
    assert f'<p class="error">{shown}</p>' in answer.text


def test_all_events_of_a_webhook_taken_away_says_none() -> None:
    data = {**SHOP, "webhook": webhook(), "webhookDeliveries": {"nodes": [], "pageInfo": END}}
    scene = Scene(data, {"webhookUpdate": {"webhook": None, "userErrors": []}})
    post(scene, HERE + "/webhooks/h-1", "WebhookUpdate", url="https://x.example.com", document="q")
    (call,) = scene.calls
    assert call == (
        "WebhookUpdate",
        {"id": "h-1", "url": "https://x.example.com", "events": [], "document": "q"},
    )


def test_a_delivery_is_shown_with_its_body_for_people_and_its_answers() -> None:
    page = opened("webhook-delivery", "en")
    assert "&#34;number&#34;: &#34;7Q4M-0XKD-J2&#34;" in page
    assert "HTTP 200" in page
    failed = opened("webhook-delivery-failed", "en")
    assert "Nothing listens there" in failed
    assert "FORBIDDEN, INTERNAL" in failed


def test_saving_a_list_with_a_default_says_each_once_and_the_default_first() -> None:
    scene = Scene(SHOP, {"shopUpdate": {"shop": None, "userErrors": []}})
    numbers = {"unpaidPerBuyer": "3", "unpaidPerAddress": "20", "holdShare": "50"}
    lists = {"currencies": ["USD", "CNY", "USD"], "locales": ["zh-CN", "en"]}
    fields = {**lists, **numbers, "holdMinutes": "９"}
    post(scene, HERE + "/settings", "ShopSelling", **fields)
    assert scene.calls == [
        (
            "ShopSelling",
            {
                "locales": ["zh-CN", "en"],
                "currencies": ["USD", "CNY"],
                "holdMinutes": 9,
                "unpaidPerBuyer": 3,
                "unpaidPerAddress": 20,
                "holdShare": 50,
            },
        )
    ]


def test_a_logo_is_not_taken_away_by_sending_none() -> None:
    scene = Scene(SHOP)
    answer = post(scene, HERE + "/settings", "ShopLogo", logoUploadId="")
    assert answer.status_code == 422
    assert scene.calls == []


def test_a_chart_has_its_numbers_as_a_table_behind() -> None:
    html = opened("home-busy", "en")
    assert html.count("</title></rect>") == 27  # three of the thirty days have no order
    assert "152 orders in 30 days" in html
    table = html.split('<table class="plain-table">')[1].split("</table>")[0]
    assert table.count("<tr>") == 31
    assert '<td>Nov 22, 2026</td><td class="num">5</td>' in table


def test_what_an_ended_job_came_to_is_said_once() -> None:
    html = opened("job-done", "en")
    assert html.count("3 codes added.") == 1
    assert html.count(">Done<") == 1


def test_a_product_without_stock_says_how_much_is_held() -> None:
    held = {"available": 0, "reserved": 2, "sold": 1}
    sold_out = {**SCENES["product"][1]["product"], "variants": [variant(stock=held)]}
    nodes = {"products": {**SCENES["products"][1]["products"], "nodes": [sold_out]}}
    for locale, words in (("en", "(2 held)"), ("zh-CN", "（占用 2）")):
        cookies = {"locale": locale}
        page = TestClient(application(Scene({**SHOP, **nodes})), cookies=cookies)
        assert words in page.get(HERE + "/products").text


def test_a_new_product_asks_its_name_and_price_first() -> None:
    html = opened("product-new", "en")
    names = re.findall(r'<(?:input|textarea|select) class="input[^>]* name="([^"]+)"', html)
    assert names[:2] == ["name", "variants.0.prices.0.amount"]


def test_each_saving_button_of_the_settings_says_what_it_saves() -> None:
    html = opened("settings", "en")
    told = re.findall(r'<button type="submit" class="btn ">(.*?)</button>', html)
    assert told == ["Save the shop", "Save notice and policies", "Save how you sell"]


def test_the_bar_of_a_phone_has_five_words_and_the_rest_behind_the_last() -> None:
    bar = opened("home-busy", "en").split('<nav class="mobile-nav')[1].split("</nav>")[0]
    below, sheet = bar.split("<details")
    words = re.compile(r"</svg>\s*([^<]+)<")
    assert words.findall(below) == ["Home", "Orders", "Products", "Settings"]
    rest = [
        "More", "Categories", "Ways to pay", "API tokens", "Webhooks", "Staff", "Activity",
        "Your role", "My shops",
    ]  # fmt: skip
    assert words.findall(sheet) == rest


def test_a_finished_checklist_says_so_until_it_is_put_away() -> None:
    new, sold, busy = (opened(f"home-{name}", "en") for name in ("new", "sold", "busy"))
    assert [html.count("Put this list away") for html in (new, sold, busy)] == [0, 1, 0]
    assert ["Your way to the first sale" in html for html in (new, sold, busy)] == [1, 0, 0]
    assert f'href="{HERE}/settings#ShopBasics-contact"' in new
    scene = Scene({**SHOP, **SCENES["home-sold"][1]}, {"checklistDismiss": {"userErrors": []}})
    assert post(scene, HERE + "/", "ChecklistDismiss").headers["location"] == HERE + "/"
    assert scene.calls == [("ChecklistDismiss", {})]


def test_a_running_job_refreshes_itself_and_an_ended_one_does_not() -> None:
    running, done = opened("job-running", "en"), opened("job-done", "en")
    assert '<meta http-equiv="refresh" content="3">' in running
    assert 'data-live="/console/galaxy/jobs/j-1/events"' in running
    assert "http-equiv" not in done
    assert "data-live" not in done


def test_a_suspended_shop_tells_its_merchant_why_on_every_page() -> None:
    html = opened("settings-suspended", "en")
    assert "Stolen keys" in html
    assert "ShopReopen" not in html


def test_a_refused_key_is_told_at_its_field_and_never_repeated() -> None:
    error = {"path": ["stripe", "secretKey"], "message": "Not accepted", "code": "KEY_REFUSED"}
    scene = Scene(
        SCENES["payments"][1],
        {"paymentMethodCreate": {"paymentMethod": None, "userErrors": [error]}},
    )
    typed = {"stripe__secretKey": "sk_test_canary", "stripe__webhookSecret": "whsec_canary"}
    answer = post(scene, HERE + "/payments", "StripeConnect", **typed)
    assert answer.status_code == 422
    assert answer.text.count("Not accepted") == 1
    assert "canary" not in answer.text
    [(_, variables)] = scene.calls
    assert variables == {"stripe": {"secretKey": "sk_test_canary", "webhookSecret": "whsec_canary"}}


def test_keys_left_empty_are_sent_as_kept() -> None:
    scene = Scene(
        SCENES["payments-stripe"][1],
        {"paymentMethodUpdate": {"paymentMethod": {"id": "m-stripe"}, "userErrors": []}},
    )
    fields = {"id": "m-stripe", "stripe__secretKey": "", "stripe__webhookSecret": "whsec_x"}
    answer = post(scene, HERE + "/payments", "StripeChange", **fields)
    assert answer.headers["location"] == HERE + "/payments?done=saved#main"
    [(_, variables)] = scene.calls
    assert variables == {"id": "m-stripe", "stripe": {"webhookSecret": "whsec_x"}}


def test_a_key_that_was_forgotten_is_asked_for_at_its_field() -> None:
    error = {"path": ["stripe", "secretKey"], "message": "Needed", "code": "REQUIRED"}
    scene = Scene(
        SCENES["payments"][1],
        {"paymentMethodCreate": {"paymentMethod": None, "userErrors": [error]}},
    )
    fields = {"stripe__secretKey": "", "stripe__webhookSecret": ""}
    answer = post(scene, HERE + "/payments", "StripeConnect", **fields)
    assert (answer.status_code, answer.text.count("Needed")) == (422, 1)


@pytest.mark.parametrize(
    ("outcome", "tone", "said"),
    [("ACCEPTED", "good", "accepted it"), ("LATER", "bad", "SMTPSenderRefused 553")],
)
def test_a_test_mails_outcome_is_shown_on_the_page(outcome: str, tone: str, said: str) -> None:
    reason = "" if tone == "good" else "SMTPSenderRefused 553"
    test = {"outcome": outcome, "reason": reason}
    scene = Scene(SCENES["operator-work"][1], {"mailTest": {"test": test, "userErrors": []}})
    answer = post(scene, "/operator/failed-work", "MailTest", email="ops@example.com")
    assert answer.status_code == 200
    assert f'class="notice {tone}"' in answer.text
    assert said in answer.text


@pytest.mark.parametrize(
    ("locale", "did", "where"),
    [("en", "Switched two-step sign-in off", "At the server"),
     ("zh-CN", "关闭了两步验证", "在服务器上")],
)  # fmt: skip
def test_the_record_tells_what_was_done_at_the_server(locale: str, did: str, where: str) -> None:
    html = opened("operator-record", locale)
    assert did in html
    assert where in html


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_unknown_kind_of_letter_is_not_found(method: str) -> None:
    path = HERE + "/mails/LETTER_TO_SANTA/en"
    answer = client(Scene(SCENES["mail"][1])).request(
        method, path, data={"form": "MailTextReset"} if method == "POST" else None
    )
    assert answer.status_code == 404


def test_a_log_of_deliveries_follows_those_that_are_on_their_way() -> None:
    on_its_way = delivery(state="PENDING", finishedAt=None, test=True, attempts=0, tries=[])
    here, refresh = HERE + "/webhooks/h-1", '<noscript><meta http-equiv="refresh" content="3">'
    for found, query, live, refreshes in (
        (on_its_way, "?done=tested", True, True),
        (on_its_way, "", True, False),  # who fills in the form below would lose what is typed
        (delivery(), "?done=tested", False, False),
    ):
        data = {
            **SHOP,
            "webhook": webhook(),
            "webhookDeliveries": {"nodes": [found], "pageInfo": END},
        }
        html = client(Scene(data)).get(here + query).text
        assert (f'id="log_live" data-live="{here}/events"' in html) is live
        assert (refresh in html) is refreshes
        block = (
            client(Scene(data))
            .get(here + query, headers={"HX-Request": "true", "HX-Target": "div#log_live"})
            .text
        )
        assert block.count("<table") == 1
        assert "<form" not in block

    there = HERE + "/webhooks/deliveries/d-1"
    waiting = client(Scene({**SHOP, "webhookDelivery": on_its_way})).get(there + "?done=replayed")
    assert f'id="delivery_live" data-live="{there}/events"' in waiting.text
    assert refresh in waiting.text
    assert "data-live" not in opened("webhook-delivery", "en")
    assert refresh not in opened("webhook-delivery", "en")


def test_another_token_like_one_begins_with_its_name_and_scopes() -> None:
    data = SCENES["tokens"][1]
    robot = {**data["apiTokens"][0], "id": "t-9", "name": "Till", "scopes": ["ORDERS", "MONEY"]}
    scene = Scene({**data, "apiTokens": [robot, *data["apiTokens"]]})
    html = client(scene).get(HERE + "/tokens?like=t-9").text
    assert 'value="Till"' in html
    assert re.findall(r'name="scopes" value="(\w+)" checked', html) == ["ORDERS", "MONEY"]
    plain = client(scene).get(HERE + "/tokens?like=t-none").text
    assert re.findall(r'name="scopes" value="(\w+)" checked', plain) == []

    one = client(Scene({**SHOP, "apiToken": api_token()})).get(HERE + "/tokens/t-1").text
    assert f'href="{HERE}/tokens?like=t-1#new"' in one
    assert "tokens?like=" not in opened("token-storefront", "en")
