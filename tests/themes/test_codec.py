"""Form fields to GraphQL variables."""

from typing import Any

import pytest

from keystall.themes.engine.codec import Decoded, FormCodec, Problem, UndeclaredField
from keystall.themes.engine.documents import load_document
from keystall.themes.engine.forms import without_row
from tests.themes.toy import CORE, PRODUCT, SITE

OPERATION = load_document(PRODUCT, SITE).operations["ProductUpdate"]


def decode(*fields: tuple[str, str], **fixed: str) -> Decoded:
    codec = FormCodec(CORE, OPERATION, PRODUCT.forms[0], "Asia/Shanghai")
    return codec.decode(fields, {"slug": "card", **fixed})


def values(*fields: tuple[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = decode(("title", "Card"), *fields).variables["input"]
    return found


def test_the_path_fills_its_variable_and_fields_fill_the_input() -> None:
    assert decode(("title", "Card")).variables == {
        "slug": "card",
        "input": {"title": "Card", "hidden": False},
    }


def test_a_field_named_like_a_path_value_is_refused() -> None:
    with pytest.raises(UndeclaredField):
        decode(("slug", "other"))


@pytest.mark.parametrize(
    "name",
    [
        "price", "title.x", "variants.0", "variants.x.name", "__proto__",
        "variants.01.name", "variants.٣.name",
    ],
)  # fmt: skip
def test_an_undeclared_field_is_refused(name: str) -> None:
    with pytest.raises(UndeclaredField):
        decode((name, "x"))


def test_a_ticked_checkbox_is_true_and_an_absent_one_false() -> None:
    assert values(("hidden", "true"))["hidden"] is True
    assert values()["hidden"] is False


def test_an_absent_field_changes_nothing_and_an_empty_one_is_null() -> None:
    assert "note" not in values()
    assert values(("note", ""))["note"] is None


def test_an_empty_required_string_stays_an_empty_string() -> None:
    assert decode(("title", "")).variables["input"]["title"] == ""


def test_an_absent_required_field_is_a_problem() -> None:
    assert decode().problems == [Problem("title", "required")]


def test_money_is_an_amount_and_a_currency_and_nothing_without_an_amount() -> None:
    assert values(("price.amount", "9.90"), ("price.currencyCode", "CNY"))["price"] == {
        "amount": "9.90",
        "currencyCode": "CNY",
    }
    assert values(("price.amount", " "), ("price.currencyCode", "CNY"))["price"] is None


def test_integers_take_full_width_digits_and_refuse_other_text() -> None:
    assert values(("limit", "１２"))["limit"] == 12
    for text in ("1.5", "many", "3000000000", "²"):
        assert decode(("title", "x"), ("limit", text)).problems == [Problem("limit", "integer")]


def test_an_enum_takes_its_names_only() -> None:
    assert values(("kind", "CARD"))["kind"] == "CARD"
    assert decode(("title", "x"), ("kind", "BOOK")).problems == [Problem("kind", "choice")]


def test_a_local_time_is_read_in_the_shops_zone() -> None:
    assert values(("onSale", "2026-11-22T20:00"))["onSale"] == "2026-11-22T20:00:00+08:00"
    assert values(("day", "2026-11-22"))["day"] == "2026-11-22"
    assert decode(("title", "x"), ("day", "22/11")).problems == [Problem("day", "date")]


def test_a_repeated_field_is_a_list() -> None:
    assert values(("tags", "a"), ("tags", ""), ("tags", "b"))["tags"] == ["a", "b"]


def test_empty_rows_are_dropped_and_the_rows_kept_are_remembered() -> None:
    decoded = decode(
        ("title", "Card"),
        ("variants.0.name", ""),
        ("variants.0.price.currencyCode", "CNY"),
        ("variants.2.name", "50"),
        ("variants.10.name", "100"),
        ("variants.10.stock", "3"),
    )
    assert decoded.variables["input"]["variants"] == [
        {"name": "50"},
        {"name": "100", "stock": 3},
    ]
    assert decoded.rows == {"variants": (2, 10)}


def test_a_list_of_texts_takes_one_a_line_and_each_once() -> None:
    assert values(("tags", "new\r\n hot \n\nnew"), ("tags", "hot"))["tags"] == ["new", "hot"]


def test_taking_a_row_out_moves_those_after_it_up() -> None:
    fields = [("title", "x"), *((f"variants.{at}.name", str(at)) for at in (0, 1, 2, 12))]
    assert without_row(fields, "variants.1") == [
        ("title", "x"),
        ("variants.0.name", "0"),
        ("variants.1.name", "2"),
        ("variants.11.name", "12"),
    ]
