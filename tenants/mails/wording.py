"""A shop's own words for its letters: reading them, changing them, and a letter to look at."""

from collections.abc import Mapping
from uuid import UUID

import structlog

from keystall.platform.database import Reads
from keystall.platform.ids import new_id
from keystall.platform.money import Money
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.mails.own_words import PARTS, WORDABLE, LetterName, Part, key, word_errors
from keystall.tenants.mails.port import (
    Bought,
    CodeReportAnswered,
    CustomerSignIn,
    Letter,
    LineCodes,
    MailedCodes,
    MailText,
    MailTexts,
    OrderDelivered,
    OrderLink,
    OrderRefunded,
)
from keystall.tenants.mails.posts import stall_of
from keystall.tenants.shops.shop import Shop
from keystall.tenants.writing import writing

Words = Mapping[Part, str]
_log = structlog.get_logger()
_SAMPLE_GOODS = {"zh-CN": ("星际点卡", "100 点"), "en": ("Star Card", "100 points")}
_SAMPLE_CODES = ("STAR-7Q4M-0XKD", "STAR-J2PC-94TB")


async def own_words(db: Reads, shop: UUID) -> dict[tuple[LetterName, str], Words]:
    """What the shop worded itself, by letter and language."""
    rows = await db.rows("select * from mail_texts where shop_id = $1", shop)
    return {
        (row["letter"], row["locale"]): {p: row[p] for p in PARTS if row[p] is not None}
        for row in rows
    }


async def own_texts(db: Reads, shop: UUID, name: LetterName, locale: str) -> dict[str, str]:
    """The same of one letter, by the key of the product's text that each lies over."""
    row = await db.row(
        "select * from mail_texts where shop_id = $1 and letter = $2 and locale = $3",
        shop, name, locale,
    )  # fmt: skip
    if row is None:
        return {}
    return {key(name, part): row[part] for part in WORDABLE[name].parts if row[part] is not None}


async def mail_text_update(
    installation: Installation,
    shop: UUID,
    name: LetterName,
    locale: str,
    words: Mapping[Part, str | None],
) -> None:
    """Words a letter; None takes the product's text again, and what is left out stays.

    Refuses what `word_errors` finds.
    """
    errors = word_errors(name, words)
    if errors:
        raise Refused(*errors)
    async with writing(installation, shop) as tx:
        parts = [part for part in PARTS if part in words]
        if any(words[part] is not None for part in parts):
            # One statement, so that the log tells of one change.
            await tx.execute(
                f"insert into mail_texts (shop_id, id, letter, locale, {', '.join(parts)}) values "  # noqa: S608  (parts are a closed list)
                f"($1, $2, $3, $4, {', '.join(f'${at}' for at, _ in enumerate(parts, 5))})"
                " on conflict (shop_id, letter, locale) do update set "
                + ", ".join(f"{part} = excluded.{part}" for part in parts),
                shop, new_id(), name, locale, *(words[part] for part in parts),
            )  # fmt: skip
        elif parts:
            await tx.execute(
                f"update mail_texts set {', '.join(f'{part} = null' for part in parts)}"  # noqa: S608
                " where shop_id = $1 and letter = $2 and locale = $3",
                shop, name, locale,
            )  # fmt: skip
        await tx.execute(
            "delete from mail_texts where shop_id = $1 and letter = $2 and locale = $3"
            " and coalesce(subject, title, lead, note, action) is null",
            shop, name, locale,
        )  # fmt: skip


async def mail_text_reset(
    installation: Installation, shop: UUID, name: LetterName, locale: str
) -> None:
    """Takes all of the product's words for a letter again."""
    async with writing(installation, shop) as tx:
        await tx.execute(
            "delete from mail_texts where shop_id = $1 and letter = $2 and locale = $3",
            shop, name, locale,
        )  # fmt: skip


def sample_letter(installation: Installation, shop: Shop, name: LetterName, locale: str) -> Letter:
    """A letter as it could be, to nobody: goods, amounts and links are made up."""
    stall = stall_of(installation, shop)
    number, token, money = "7Q4M-0XKD-J2", "sample", Money(1980, shop.default_currency)
    product, variant = _SAMPLE_GOODS[locale]
    lines = (Bought(product, variant, 2, money),)
    codes = MailedCodes((LineCodes(product, variant, _SAMPLE_CODES),))
    match name:
        case "order_delivered":
            return OrderDelivered(stall, number, token, lines, money)
        case "order_delivered_codes":
            return OrderDelivered(stall, number, token, lines, money, codes)
        case "order_link":
            return OrderLink(stall, number, token)
        case "order_refunded":
            return OrderRefunded(stall, number, token, money, "merchant")
        case "code_report_answered":
            return CodeReportAnswered(stall, number, token, "replaced", "")
        case "customer_sign_in":
            return CustomerSignIn(stall, token, minutes=30)


def worded_letter(
    texts: MailTexts, letter: Letter, locale: str, own: Mapping[str, str]
) -> MailText:
    """A letter in the shop's own words, or in ours where those cannot be said any more."""
    try:
        return texts.render(letter, locale, own)
    except LookupError as unsaid:
        _log.warning("a shop's own words for a letter cannot be said", problem=str(unsaid))
        return texts.render(letter, locale)


def text_keys(name: LetterName, words: Mapping[Part, str | None]) -> dict[str, str]:
    """Words by the keys of the texts they lie over."""
    return {key(name, part): text for part, text in words.items() if text is not None}


def changed_only(
    words: Mapping[Part, str | None], ours: Mapping[Part, str]
) -> dict[Part, str | None]:
    """Words without those that say what the product says anyway: they follow its changes."""
    return {part: None if text == ours.get(part) else text for part, text in words.items()}
