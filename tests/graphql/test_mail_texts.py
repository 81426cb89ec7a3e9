"""Letters in a shop's own words, as a merchant asks for them."""

import email
import email.policy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keystall.graphql.context import Program
from keystall.platform.ids import new_id
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.shops.shop import Shop
from keystall.tenants.staff.roles import PROGRAM
from tests.factories import a_shop, a_viewer
from tests.graphql.asking import CountingReader, ask, merchant

UPDATE = """mutation ($input: MailTextInput!) {
  mailTextUpdate(letter: ORDER_LINK, locale: "en", input: $input) {
    mailText { edited parts { part text ours edited } preview { subject text } }
    userErrors { path code message } } }"""
PREVIEW = """mutation ($input: MailTextInput!) {
  mailPreview(letter: ORDER_DELIVERED_CODES, locale: "zh-CN", input: $input) {
    preview { sender subject text html } userErrors { path code } } }"""
TEST = """mutation ($input: MailTextInput!) {
  mailTestSend(letter: ORDER_REFUNDED, locale: "en", input: $input) {
    email preview { subject } userErrors { code } } }"""
READ = """{ mailText(letter: ORDER_LINK, locale: "en") {
  edited holes { name example } parts { part text edited } preview { subject html } } }"""


@pytest.fixture
async def owner(installation: Installation) -> Viewer:
    return await a_viewer(installation)


@pytest.fixture
async def shop(installation: Installation, owner: Viewer) -> Shop:
    return await a_shop(installation, owner, name="Lulu")


async def test_a_letter_is_worded_and_what_says_ours_stays_ours(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    words = {"subject": " {shop}: {number} ", "title": "The link to your order"}
    answer = await ask("admin", merchant(installation, shop, owner), UPDATE, input=words)

    assert answer["mailTextUpdate"]["userErrors"] == []
    found = answer["mailTextUpdate"]["mailText"]
    assert [part["part"] for part in found["parts"] if part["edited"]] == ["SUBJECT"]
    assert found["parts"][0] == {
        "part": "SUBJECT",
        "text": "{shop}: {number}",
        "ours": "The link to your order {number}",
        "edited": True,
    }
    assert found["preview"]["subject"] == "Lulu: 7Q4M-0XKD-J2"

    reset = 'mutation { mailTextReset(letter: ORDER_LINK, locale: "en") { mailText { edited } } }'
    answer = await ask("admin", merchant(installation, shop, owner), reset)
    assert answer["mailTextReset"]["mailText"] == {"edited": False}


async def test_refused_words_change_nothing_and_name_field_and_reason(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    words = {"subject": "", "lead": "{nobody}", "note": "See www.bank.example"}
    answer = await ask("admin", merchant(installation, shop, owner), UPDATE, input=words)

    assert [(e["path"], e["code"]) for e in answer["mailTextUpdate"]["userErrors"]] == [
        (["input", "subject"], "REQUIRED"),
        (["input", "lead"], "HOLE_UNKNOWN"),
        (["input", "note"], "ADDRESS_IN_TEXT"),
    ]
    assert "{nobody}" in answer["mailTextUpdate"]["userErrors"][1]["message"]
    read = await ask("admin", merchant(installation, shop, owner), READ)
    assert read["mailText"]["edited"] is False


async def test_a_preview_shows_what_is_not_saved_and_escapes_it(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    words = {"lead": "<b>{total}</b>"}
    answer = await ask("admin", merchant(installation, shop, owner), PREVIEW, input=words)

    shown = answer["mailPreview"]["preview"]
    assert "<b>¥19.80</b>" in shown["text"]
    assert "&lt;b&gt;¥19.80&lt;/b&gt;" in shown["html"]
    assert "STAR-7Q4M-0XKD" in shown["text"]
    assert shown["sender"] == "Lulu（通过 Keystall）"
    kept = await ask(
        "admin", merchant(installation, shop, owner), "{ mailTexts { letter locale edited } }"
    )
    assert len(kept["mailTexts"]) == 12
    assert not any(one["edited"] for one in kept["mailTexts"])


def nothing(code: str) -> dict[str, Any]:
    return {"email": None, "preview": None, "userErrors": [{"code": code}]}


def mails_to(installation: Installation, address: str) -> list[Any]:
    folder = Path(installation.settings.mail_url.removeprefix("folder://"))
    parsed = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in sorted(folder.glob("*.eml"))
    ]
    return [message for message in parsed if message["to"] == address]


async def test_a_test_goes_to_whoever_asks_marked_as_one_and_not_too_often(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    words = {"subject": "Money back, {amount}"}
    for _ in range(5):
        answer = await ask("admin", merchant(installation, shop, owner), TEST, input=words)
        assert answer["mailTestSend"] == {
            "email": owner.email,
            "preview": {"subject": "Money back, CN¥19.80"},
            "userErrors": [],
        }
    answer = await ask("admin", merchant(installation, shop, owner), TEST, input=words)
    assert answer["mailTestSend"] == nothing("THROTTLED")

    sent = mails_to(installation, owner.email)
    assert [message["subject"] for message in sent] == ["[Test] Money back, CN¥19.80"] * 5


async def test_a_program_has_no_mailbox_to_test_with(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    program = replace(
        merchant(installation, shop, owner), viewer=Program(new_id(), PROGRAM), role=None
    )
    answer = await ask("admin", program, TEST, input={})
    assert answer["mailTestSend"] == nothing("PERSON_NEEDED")


async def test_reading_the_words_takes_one_statement_however_many_are_edited(
    installation: Installation, shop: Shop, owner: Viewer
) -> None:
    context = merchant(installation, shop, owner)
    counting = CountingReader(context.reader)
    await ask("admin", replace(context, reader=counting), "{ mailTexts { edited } }")
    assert len(counting.statements) == 1
