"""Every word of the schemas and of their refusals stands, in both languages."""

import ast
import json
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from string import Formatter

import pytest
from graphql import (
    OperationDefinitionNode,
    get_named_type,
    parse,
    validate,
)

from keystall.graphql.executor import SCHEMAS
from keystall.graphql.graphiql.page import samples
from keystall.graphql.order_words import event_message, status_note
from keystall.graphql.refusals import CODES, field_path
from keystall.graphql.wording import worded
from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.tenants.orders.queries import OrderEventView, RefundView
from keystall.tenants.stock.card_files import LineProblem

ROOT = Path(__file__).parents[2]
NOT_OF_OPERATIONS = {
    "FILE_TOO_LARGE", "PICTURE_INVALID", "PICTURE_TOO_LARGE", "SPREADSHEET_INVALID",
    "SPREADSHEET_TOO_LARGE",
}  # fmt: skip
"""Refusals of uploads, which come by a plain handler."""


def _codes_of_the_domain() -> Iterator[str]:
    for path in (ROOT / "tenants").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("refuse", "UserError") and node.args:
                for leaf in ast.walk(node.args[0]):
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                        yield leaf.value


def _messages(locale: str) -> dict[str, object]:
    folder = resources.files("keystall.graphql") / "messages"
    return tomllib.loads((folder / f"{locale}.toml").read_text("utf-8"))


def _fields(message: object) -> object:
    if isinstance(message, str):
        return sorted({name for _, name, _, _ in Formatter().parse(message) if name})
    assert isinstance(message, dict)
    return {key: _fields(inner) for key, inner in message.items()}


def test_every_code_of_the_domain_is_worded_and_described() -> None:
    codes = set(_codes_of_the_domain()) - NOT_OF_OPERATIONS
    assert len(codes) > 20
    assert codes - CODES.keys() == set()


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_every_described_code_has_a_sentence(locale: str) -> None:
    assert (CODES.keys() | NOT_OF_OPERATIONS) - _messages(locale).keys() == set()
    assert [worded(f"line.{problem}", locale) for problem in LineProblem] != []


def test_both_languages_say_the_same() -> None:
    assert _fields(_messages("en")) == _fields(_messages("zh-CN"))


def test_the_fuller_sentence_stands_where_its_parameter_is_given() -> None:
    assert worded("OVER_LIMIT", "en") == "This is more than you may buy at once."
    assert worded("OVER_LIMIT", "en", {"limit": 5}) == "No more than 5."
    assert "such as moon-cards" in worded("INVALID", "en", {"slug": "moon-cards"})
    told = worded("OVER_LIMIT", "zh-Hant", {"limit": 5, "product": "月卡"})
    assert told == "“月卡”单次最多购买 5 件。"


def test_paths_are_written_as_clients_write_them() -> None:
    assert field_path(("input", "upload_ids", "0")) == ["input", "uploadIds", "0"]
    assert field_path(("buyer_fields", "game_id")) == ["buyerFields", "game_id"]


@pytest.mark.parametrize("surface", ["storefront", "admin", "operator"])
def test_the_committed_schema_is_the_schema(surface: str) -> None:
    schema = next(schema for name, schema in SCHEMAS.items() if name == surface)
    committed = (ROOT / "graphql" / f"{surface}.graphql").read_text("utf-8")
    assert committed == schema.as_str().rstrip() + "\n", "run keystall schema export"


@pytest.mark.parametrize("surface", ["storefront", "admin", "operator"])
def test_every_mutation_answers_user_errors(surface: str) -> None:
    schema = next(schema for name, schema in SCHEMAS.items() if name == surface)
    mutation = schema._schema.mutation_type
    assert mutation is not None
    without = [
        name
        for name, field in mutation.fields.items()
        if "userErrors" not in get_named_type(field.type).fields
    ]
    assert without == []


@pytest.mark.parametrize("surface", ["storefront", "admin", "operator"])
def test_every_sample_of_graphiql_is_valid(surface: str) -> None:
    schema = next(schema for name, schema in SCHEMAS.items() if name == surface)
    for sample in samples(surface):
        document = parse(sample["query"])
        assert validate(schema._schema, document) == []
        variables = json.loads(sample["variables"] or "{}")
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        assert {v.variable.name.value for v in operation.variable_definitions or ()} == set(
            variables
        )


def test_chinese_sentences_stand_together_and_english_ones_apart() -> None:
    refund = RefundView(
        id=new_id(), order_id=new_id(), amount=625, currency="CNY", reason="wrong_amount",
        state="succeeded", problem="", note="", by_hand=False, bought_nothing=True, retriable=False,
        created_at=clock.now(), settled_at=clock.now(),
    )  # fmt: skip
    assert status_note([refund], "zh-CN") == "付款金额与订单金额不符。款项已退回。"
    english = status_note([refund], "en")
    assert english is not None
    assert english.count(". ") == 1


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "mail.order_delivered",
            "The buyer's mail server refused a mail about this order",
        ),
        ("mail.merchant_order", "The shop's own mail about this order was refused for good."),
    ],
)
def test_a_timeline_tells_whose_mail_was_refused(kind: str, said: str) -> None:
    event = OrderEventView(new_id(), "mail.refused", {"kind": kind}, "system", clock.now())
    assert event_message(event, "en").startswith(said)


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [
        ("en", "This is too long: 20,000 characters at most."),
        ("zh-CN", "内容太长，最多 20,000 个字符。"),
    ],
)
def test_numbers_are_grouped(locale: str, sentence: str) -> None:
    assert worded("TOO_LONG-limit", locale, {"limit": 20_000}) == sentence
