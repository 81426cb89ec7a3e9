"""What the audit log recorded, told in the language of whoever reads it."""

import re
import tomllib
from typing import Any

import asyncpg
import pytest

from keystall.graphql.admin.batches import BatchSource
from keystall.graphql.admin.changed_values import SPOKEN, STATES, ChangedText, Row, label_of, lines
from keystall.graphql.nouns import BuyerFieldKind
from keystall.graphql.wording import known
from keystall.platform.ids import new_id
from keystall.platform.payments.registry import SECRET_FIELDS
from keystall.tenants.audit.queries import ChangeView
from keystall.tenants.audit.recorded import RECORDED
from tests.graphql.test_words import ROOT

_ALLOWED = re.compile(r"\(+(\w+) = (?:ANY \(+ARRAY\[(.+?)\]|('\w+'::text))")
_UNCHECKED = {
    "value.payment_account.provider": {"sandbox", *SECRET_FIELDS},
    "value.payment_account.field": {field for kept in SECRET_FIELDS.values() for field in kept},
    "value.variant.source": {source.value for source in BatchSource},
    "value.question_kind": {kind.value for kind in BuyerFieldKind},
    "value.language": {"zh-CN", "en"},
}
"""Words that no constraint of the database lists, by the family of their messages."""


def a_view(kind: str, *, label: str = "", **after: Any) -> ChangeView:
    return ChangeView(new_id(), kind, new_id(), label, "update", {}, after)


def told(locale: str, kind: str, column: str, found: Any, **more: Any) -> list[tuple[str, ...]]:
    """The lines of one value: label, text and form each."""
    label, names = more.pop("label", ""), more.pop("names", {})
    view = a_view(kind, label=label, **{column: found}, **more)
    row = Row(view, view.after, names, locale)
    return [(line.label, line.text, line.form.value) for line in lines(row, column)]


def test_every_recorded_column_is_spoken_and_nothing_else() -> None:
    recorded = {column for one in RECORDED.values() for column in one.columns}
    assert set(SPOKEN) == recorded | {"codes", "variant_id"}


async def test_every_state_that_the_database_allows_has_its_words(owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(
            "select conrelid::regclass::text as checked, pg_get_constraintdef(oid) as said"
            " from pg_constraint where contype = 'c' and conrelid::regclass::text = any ($1)",
            list(RECORDED),
        )
    finally:
        await connection.close()
    allowed = {
        (row["checked"], found[1], state)
        for row in rows
        for found in [_ALLOWED.search(row["said"])]
        if found and found[1] in STATES
        for state in re.findall(r"'(\w+)'::text", found[2] or found[3])
    }
    checked = {(table, column) for table, column, _ in allowed}
    assert checked >= {
        ("shops", "status"), ("products", "status"), ("orders", "status"), ("refunds", "state"),
        ("code_reports", "state"), ("jobs", "state"), ("jobs", "kind"), ("variants", "sale_order"),
        ("payment_accounts", "settles_with"),
    }  # fmt: skip
    families = {(table, column) for table, one in RECORDED.items() for column in one.columns}
    unchecked = {f"value.{RECORDED[table].kind}.{column}"
                 for table, column in families - checked if column in STATES}  # fmt: skip
    assert unchecked <= _UNCHECKED.keys() | {"value.shop.theme"}
    keys = {f"value.{RECORDED[table].kind}.{column}.{state}" for table, column, state in allowed}
    assert sorted(key for key in keys if not known(key)) == []


def test_words_that_no_constraint_lists_are_whole_too() -> None:
    keys = {f"{family}.{word}" for family, words in _UNCHECKED.items() for word in words}
    theme = tomllib.loads((ROOT / "themes/storefront/theme.toml").read_text("utf-8"))
    keys |= {f"value.shop.theme.{preset}" for preset in theme["presets"]}
    keys |= {f"value.setting.{name}" for name in theme["settings"]}
    keys |= {
        f"value.choice.{choice}"
        for setting in theme["settings"].values()
        for choice in setting.get("choices", ())
    }
    assert sorted(key for key in keys if not known(key)) == []


@pytest.mark.parametrize(
    ("kind", "column", "found", "english", "chinese"),
    [
        ("job", "state", "queued", "Waiting to begin", "排队中"),
        ("job", "cancel", False, "no", "否"),
        ("refund", "by_hand", True, "yes", "是"),
        ("variant", "source", "paste", "pasted", "粘贴"),
        ("shop", "locales", ["zh-CN", "en"], "Chinese, English", "中文、英文"),
        ("shop", "currencies", ["CNY", "USD"], "CNY, USD", "CNY、USD"),
        ("shop", "hold_share", 50, "50%", "50%"),
        ("variant", "low_stock", 12000, "12,000", "12,000"),
        ("product", "file_id", "0190", "a picture", "一张图片"),
        ("order", "reason", "paid_twice", "The order was paid twice.", "该订单重复付款。"),
        ("product", "category_id", "0190", "deleted since", "已被删除"),
    ],
)
def test_what_keystall_knows_is_told_in_the_readers_language(
    kind: str, column: str, found: Any, english: str, chinese: str
) -> None:
    assert told("en", kind, column, found) == [("", english, ChangedText.WORDED.value)]
    assert told("zh-CN", kind, column, found) == [("", chinese, ChangedText.WORDED.value)]


def test_amounts_are_money_of_their_own_currency() -> None:
    price = told("zh-CN", "variant", "amount", 990, label="CNY")
    assert price == [("", "¥9.90", "worded")]
    assert told("en", "order", "amount", 500, currency="JPY") == [("", "¥500", "worded")]
    assert told("en", "variant", "cost", 1250, currency="USD") == [("", "$12.50", "worded")]


def test_what_somebody_typed_stays_as_it_is_and_says_so() -> None:
    assert told("zh-CN", "shop", "contact", "WeChat: lulu") == [("", "WeChat: lulu", "typed")]
    named = told("zh-CN", "product", "category_id", "0190", names={"0190": "Games"})
    assert named == [("", "Games", "typed")]


def test_instants_are_told_as_such() -> None:
    at = "2026-11-23T00:50:00+00:00"
    assert told("en", "variant", "expires_at", at) == [("", at, "instant")]


def test_nothing_has_no_lines() -> None:
    nothings: tuple[Any, ...] = (None, "", [], {})
    for nothing in nothings:
        assert told("en", "shop", "translations", nothing) == []


def test_translations_are_told_text_by_text() -> None:
    texts = {"en": {"name": "Moon", "description": "Far", "description_html": "<p>Far</p>"}}
    assert told("zh-CN", "product", "translations", texts) == [
        ("英文 · 名称", "Moon", "typed"), ("英文 · 描述", "Far", "typed"),
    ]  # fmt: skip


def test_questions_are_told_part_by_part() -> None:
    asked = [
        {"key": "server", "label": "Server", "required": True, "kind": "select",
         "placeholder": "", "options": ["East", "West"]}
    ]  # fmt: skip
    assert told("en", "product", "buyer_fields", asked) == [
        ("Question 1", "Server", "typed"),
        ("Question 1 · kind of answer", "One of several options", "worded"),
        ("Question 1 · answer required", "yes", "worded"),
        ("Question 1 · options", "East, West", "typed"),
    ]


def test_a_themes_settings_are_told_by_name() -> None:
    chosen = {"radius": "round", "hero_title": "Hello"}
    assert told("zh-CN", "shop", "theme_settings", chosen) == [
        ("圆角", "大圆角", "worded"), ("欢迎语", "Hello", "typed"),
    ]  # fmt: skip


def test_things_that_keystall_named_go_by_its_words() -> None:
    assert (
        label_of(a_view("payment_account", label="webhook_secret"), "zh-CN") == "Webhook 签名密钥"
    )
    assert label_of(a_view("payment_account", label="sandbox"), "en") == "Sandbox (test payment)"
    assert label_of(a_view("job", label="codes_import"), "zh-CN") == "导入卡密"
    assert label_of(a_view("product", label="Moon Card"), "zh-CN") == "Moon Card"
