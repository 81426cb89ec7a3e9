"""A shop's own words for letters: what is refused, what is mailed, what never fails a delivery."""

from pathlib import Path
from uuid import UUID

import pytest

from keystall.platform import database
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.mails.own_words import PARTS, WORDABLE, LetterName, Part, key, word_errors
from keystall.tenants.mails.wording import (
    mail_text_reset,
    mail_text_update,
    own_words,
    sample_letter,
)
from keystall.tenants.shops.shop import Shop
from keystall.themes.mail.texts import ThemedMails
from keystall.themes.messages import LOCALES, load_messages, placeholders
from tests.factories import a_shop
from tests.tenants.test_mails import Sold, body, send, sold

__all__ = ("sold",)


def problems(**words: str) -> list[tuple[tuple[str, ...], str]]:
    given: dict[Part, str | None] = {part: words[part] for part in PARTS if part in words}
    return [(error.path, error.code) for error in word_errors("order_link", given)]


async def kept(shop: UUID) -> dict[tuple[LetterName, str], dict[Part, str]]:
    async with database.transaction(shop) as tx:
        return {one: dict(words) for one, words in (await own_words(tx, shop)).items()}


async def logged(shop: UUID) -> list[str]:
    """What the activity log says was done to words, in order."""
    async with database.transaction(shop) as tx:
        rows = await tx.rows(
            "select change from audit_changes where shop_id = $1 and kind = 'mail_text'"
            " order by position",
            shop,
        )
    return [row["change"] for row in rows]


def test_each_part_says_what_is_wrong_with_it() -> None:
    assert problems(subject="", title=" ", note="") == [
        (("subject",), "REQUIRED"),
        (("title",), "REQUIRED"),
    ]
    assert problems(subject="a\nb", lead="a\nb") == [(("subject",), "INVALID")]
    assert problems(action="x" * 41) == [(("action",), "TOO_LONG")]
    assert problems(lead="{number} {codes} {shop}") == [(("lead",), "HOLE_UNKNOWN")]


@pytest.mark.parametrize(
    "text", ["See https://bank.test", "www.bank", "go to bank.com", "evil@bank.example now"]
)
def test_words_hold_no_address_that_a_mail_program_would_make_a_link_of(text: str) -> None:
    assert problems(note=text) == [(("note",), "ADDRESS_IN_TEXT")]


@pytest.mark.parametrize("text", ["Paid. Thanks!", "v1.2, e.g. 3.50 {number}.", "好的。{shop}…"])
def test_ordinary_words_are_no_addresses(text: str) -> None:
    assert problems(note=text) == []


def test_a_part_that_is_not_the_shops_to_word_is_refused() -> None:
    assert [error.code for error in word_errors("order_refunded", {"lead": "Hello"})] == ["INVALID"]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", WORDABLE)
async def test_the_products_own_words_are_words_that_a_shop_could_have(
    installation: Installation, name: LetterName, locale: str
) -> None:
    texts = load_messages(locale).texts
    shop = await a_shop(installation)
    wordable = WORDABLE[name]
    ours = {part: texts[key(name, part)] for part in wordable.parts}
    assert {hole for text in ours.values() for hole in placeholders(text)} <= {*wordable.holes}
    assert word_errors(name, {part: str(text) for part, text in ours.items()}) == []

    # And every part may have every hole.
    said = " ".join("{" + hole + "}" for hole in wordable.holes)
    letter = sample_letter(installation, shop, name, locale)
    own = {key(name, part): f"{part} {said}" for part in wordable.parts}
    mail = ThemedMails().render(letter, locale, own)
    assert mail.subject.startswith("subject ")
    assert "{" not in mail.subject + mail.text


async def test_words_are_kept_for_one_letter_and_language_until_they_are_taken_back(
    installation: Installation,
) -> None:
    shop: Shop = await a_shop(installation)
    await mail_text_update(
        installation, shop.id, "order_link", "en", {"title": "Hello", "note": ""}
    )
    await mail_text_update(installation, shop.id, "order_link", "en", {"lead": "Here it is"})
    assert await kept(shop.id) == {
        ("order_link", "en"): {"title": "Hello", "note": "", "lead": "Here it is"}
    }
    with pytest.raises(Refused):
        await mail_text_update(installation, shop.id, "order_link", "en", {"title": ""})
    await mail_text_update(installation, shop.id, "order_link", "en", {"note": None, "title": None})
    assert await kept(shop.id) == {("order_link", "en"): {"lead": "Here it is"}}
    await mail_text_reset(installation, shop.id, "order_link", "en")
    assert await kept(shop.id) == {}
    assert await logged(shop.id) == ["create", "update", "update", "delete"]


async def test_words_that_are_the_products_leave_nothing_behind(
    installation: Installation,
) -> None:
    shop: Shop = await a_shop(installation)
    await mail_text_update(installation, shop.id, "order_link", "en", {"title": None})
    assert await kept(shop.id) == {}
    assert await logged(shop.id) == []


async def test_a_buyer_reads_the_shops_own_words_in_their_language(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    words: dict[Part, str | None] = {
        "subject": "{shop}：订单 {number} 好了",
        "lead": "共 {total}。\n谢谢！",
    }
    await mail_text_update(installation, sold.shop.id, "order_delivered", "zh-CN", words)
    await mail_text_update(
        installation, sold.shop.id, "order_delivered", "en", {"lead": "In English"}
    )
    message = await send(installation, tmp_path, sold.shop.id, "mail.order_delivered", sold.order)

    assert message["subject"] == "露露, Cards：订单 7Q4M-0XKD-J2 好了"
    assert "共 ¥9.90。\n谢谢！" in body(message)
    assert "查看卡密" in body(message)
    assert "In English" not in body(message)


async def test_words_that_cannot_be_said_any_more_stop_no_delivery(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    await mail_text_update(installation, sold.shop.id, "order_delivered", "zh-CN", {"title": "x"})
    async with database.transaction(sold.shop.id) as tx:
        await tx.execute(
            "update mail_texts set title = 'Your {gone}' where shop_id = $1", sold.shop.id
        )
    message = await send(installation, tmp_path, sold.shop.id, "mail.order_delivered", sold.order)

    assert body(message).startswith("您购买的商品已发货")


async def test_another_shops_words_are_not_said(
    installation: Installation, tmp_path: Path, sold: Sold
) -> None:
    other = await a_shop(installation)
    await mail_text_update(installation, other.id, "order_delivered", "zh-CN", {"title": "Other"})
    message = await send(installation, tmp_path, sold.shop.id, "mail.order_delivered", sold.order)
    assert "Other" not in body(message)
