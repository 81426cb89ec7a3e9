"""Letters to buyers in a shop's own words: what they say, how they look, a test to oneself."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

import strawberry

from keystall.graphql.admin.families import MailTextUserError
from keystall.graphql.context import Info, Program, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    enum_type,
    input_type,
    object_type,
    resolver,
    value,
)
from keystall.graphql.errors import bad_input
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.tries import count_key
from keystall.graphql.wording import worded
from keystall.platform.mail import Mail, mailer_from
from keystall.platform.money import Money, format_money
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.languages import LOCALES
from keystall.tenants.mails import wording
from keystall.tenants.mails.own_words import (
    LIMITS,
    MAY_BE_EMPTY,
    WORDABLE,
    LetterName,
    Part,
    key,
    tidied,
    word_errors,
)
from keystall.tenants.mails.port import MailText as WordedMail
from keystall.tenants.mails.port import MailTexts
from keystall.tenants.mails.trial import letter_trial

_TESTS, _WINDOW = 5, 900.0
"""Test mails that one account may send itself in so many seconds."""


@enum_type
class MailLetter(Enum):
    """A letter to a shop's buyers."""

    ORDER_DELIVERED = value("order_delivered", "An order is paid and its codes are on its page.")
    ORDER_DELIVERED_CODES = value(
        "order_delivered_codes", "The same with the codes in the mail, where the shop mails codes."
    )
    ORDER_LINK = value("order_link", "The link of an order, for who lost it.")
    ORDER_REFUNDED = value("order_refunded", "Money of an order went back.")
    CODE_REPORT_ANSWERED = value("code_report_answered", "The answer about a reported code.")
    CUSTOMER_SIGN_IN = value("customer_sign_in", "The link that signs a customer in.")


@enum_type
class MailPart(Enum):
    """A part of a letter that a shop may word."""

    SUBJECT = value("subject", "The subject: one line.")
    TITLE = value("title", "The heading: one line.")
    LEAD = value("lead", "What it says first.")
    ACTION = value("action", "The words on the button: one line.")
    NOTE = value("note", "What stands below; may be empty.")


@object_type
class MailTextPart:
    """The words of one part of a letter."""

    part: MailPart = described("Which part.")
    text: str = described("What it says: the shop's own words, or the product's.")
    ours: str = described("What the product says.")
    edited: bool = described("Whether these are the shop's own words.")
    max_length: int = described("The most characters it may have.")
    optional: bool = described("Whether it may be empty.")


@object_type
class MailHole:
    """What fills a place in braces of a letter's words."""

    name: str = described("What stands between the braces.")
    example: str = described("What it may become.")


@object_type
class MailPreview:
    """A letter as it would be mailed, with goods, amounts and links made up."""

    sender: str = described("The name that it comes from.")
    subject: str = described("The mail's subject line, its holes filled.")
    text: str = described("The mail as plain text.")
    html: str = described(
        "The mail as a whole HTML document. Show it in a frame that runs and opens nothing."
    )


@object_type
class MailText:
    """The words of one letter in one language."""

    letter: MailLetter = described("Which kind of mail to buyers it is.")
    locale: str = described("The language.")
    edited: bool = described("Whether anything of it is in the shop's own words.")
    parts: list[MailTextPart] = described("The parts that a shop may word, in order.", assumed=5)
    holes: list[MailHole] = described("What may stand in braces in any of them.", assumed=5)

    words: strawberry.Private[Mapping[Part, str]]

    @resolver
    def preview(self, info: Info) -> MailPreview:
        """The letter with the words that are in force."""
        return _preview(info.context, self.letter.value, self.locale, self.words)


@input_type
class MailTextInput:
    """Words of a letter. What is left out stays; null takes the product's words again."""

    subject: str | None = described("The subject: one line.", default=strawberry.UNSET)
    title: str | None = described("The heading: one line.", default=strawberry.UNSET)
    lead: str | None = described("What it says first.", default=strawberry.UNSET)
    action: str | None = described("The words on the button: one line.", default=strawberry.UNSET)
    note: str | None = described("What stands below; may be empty.", default=strawberry.UNSET)


@object_type
class MailTextUpdatePayload(Payload[MailTextUserError]):
    """The answer to mailTextUpdate."""

    mail_text: MailText | None = described("The words as they are now; null where refused.")


@object_type
class MailTextResetPayload(Payload[MailTextUserError]):
    """The answer to mailTextReset."""

    mail_text: MailText | None = described("The words as they are now.")


@object_type
class MailPreviewPayload(Payload[MailTextUserError]):
    """The answer to mailPreview."""

    preview: MailPreview | None = described("The letter; null where its words were refused.")


@object_type
class MailTestSendPayload(Payload[MailTextUserError]):
    """The answer to mailTestSend."""

    email: str | None = described("Where the test went; null where it was refused.")
    preview: MailPreview | None = described("What was sent; null where it was refused.")


_Letter = Annotated[MailLetter, about("Which kind of mail to buyers.")]
_Locale = Annotated[str, about("The language.")]
_Words = Annotated[MailTextInput, about("The words.")]


@object_type
class MailTextMutation:
    """What a merchant does with the words of letters."""

    @resolver
    async def mail_text_update(
        self, info: Info, letter: _Letter, locale: _Locale, input: _Words
    ) -> MailTextUpdatePayload:
        """Puts a letter to buyers into the shop's own words. What says the same as the product's
        words counts as those, and follows their changes."""
        context, shop = info.context, info.context.require_shop()
        words = _given(context, letter.value, _spoken(locale), input)
        call = wording.mail_text_update(context.installation, shop.id, letter.value, locale, words)
        _, errors = await attempted(context, call, MailTextUserError, under=("input",))
        found = None if errors else await mail_text(context, letter, locale)
        return MailTextUpdatePayload(mail_text=found, user_errors=errors)

    @resolver
    async def mail_text_reset(
        self, info: Info, letter: _Letter, locale: _Locale
    ) -> MailTextResetPayload:
        """Takes the product's words for a letter again."""
        context, shop = info.context, info.context.require_shop()
        await wording.mail_text_reset(context.installation, shop.id, letter.value, _spoken(locale))
        found = await mail_text(context, letter, locale)
        return MailTextResetPayload(mail_text=found, user_errors=[])

    @resolver
    async def mail_preview(
        self, info: Info, letter: _Letter, locale: _Locale, input: _Words
    ) -> MailPreviewPayload:
        """Shows a letter in words that are not kept yet; changes nothing."""
        context = info.context
        call = _tried(context, letter.value, _spoken(locale), input)
        words, errors = await attempted(context, call, MailTextUserError, under=("input",))
        shown = None if words is None else _preview(context, letter.value, locale, words)
        return MailPreviewPayload(preview=shown, user_errors=errors)

    @resolver
    async def mail_test_send(
        self, info: Info, letter: _Letter, locale: _Locale, input: _Words
    ) -> MailTestSendPayload:
        """Mails that preview to whoever asks, a person, marked as a test; to nobody else."""
        context = info.context
        call = _test_sent(context, letter.value, _spoken(locale), input)
        sent, errors = await attempted(context, call, MailTextUserError, under=("input",))
        email, shown = sent or (None, None)
        return MailTestSendPayload(email=email, preview=shown, user_errors=errors)


async def mail_texts(context: RequestContext) -> list[MailText]:
    """All letters to buyers in every language of the product."""
    own = await wording.own_words(context.reader, context.require_shop().id)
    return [
        _mail_text(context, letter, locale, own.get((letter.value, locale), {}))
        for letter in MailLetter
        for locale in LOCALES
    ]


async def mail_text(context: RequestContext, letter: MailLetter, locale: str) -> MailText | None:
    """One of them; None for a language that the product does not speak."""
    if locale not in LOCALES:
        return None
    own = await wording.own_words(context.reader, context.require_shop().id)
    return _mail_text(context, letter, locale, own.get((letter.value, locale), {}))


def _mail_text(
    context: RequestContext, letter: MailLetter, locale: str, own: Mapping[Part, str]
) -> MailText:
    name: LetterName = letter.value
    ours = _ours(context, name, locale)
    return MailText(
        letter=letter,
        locale=locale,
        edited=bool(own),
        parts=[
            MailTextPart(
                part=MailPart(part),
                text=own.get(part, text),
                ours=text,
                edited=part in own,
                max_length=LIMITS[part],
                optional=part in MAY_BE_EMPTY,
            )
            for part, text in ours.items()
        ],
        holes=[
            MailHole(name=hole, example=_example(context, hole, locale))
            for hole in WORDABLE[name].holes
        ],
        words=own,
    )


def _example(context: RequestContext, hole: str, locale: str) -> str:
    shop = context.require_shop()
    money = Money(1980, shop.default_currency)
    amount = format_money(money.minor, money.currency, locale)
    shown = {"number": "7Q4M-0XKD-J2", "shop": shop.name, "minutes": "30"}
    return shown.get(hole, amount)


def _texts(context: RequestContext) -> MailTexts:
    texts = context.installation.letters
    if texts is None:
        raise RuntimeError("this process shows no letters: its door wired none")
    return texts


def _ours(context: RequestContext, name: LetterName, locale: str) -> dict[Part, str]:
    texts = _texts(context)
    return {part: texts.text(key(name, part), locale) for part in WORDABLE[name].parts}


def _spoken(locale: str) -> str:
    if locale not in LOCALES:
        raise bad_input("`locale` is no language of the product.")
    return locale


def _given(
    context: RequestContext, name: LetterName, locale: str, given: MailTextInput
) -> dict[Part, str | None]:
    words: dict[Part, str | None] = {
        part: None if text is None else tidied(text)
        for part in LIMITS
        if (text := getattr(given, part)) is not strawberry.UNSET
    }
    return wording.changed_only(words, _ours(context, name, locale))


async def _tried(
    context: RequestContext, name: LetterName, locale: str, given: MailTextInput
) -> dict[Part, str]:
    """The words that would be in force with those given. Refuses as saving them would."""
    words = _given(context, name, locale, given)
    errors = word_errors(name, words)
    if errors:
        raise Refused(*errors)
    kept = await wording.own_words(context.reader, context.require_shop().id)
    merged = {**kept.get((name, locale), {}), **words}
    return {part: text for part, text in merged.items() if text is not None}


def _worded(
    context: RequestContext, name: LetterName, locale: str, words: Mapping[Part, str]
) -> WordedMail:
    shop = context.require_shop()
    letter = wording.sample_letter(context.installation, shop, name, locale)
    own = wording.text_keys(name, words)
    return wording.worded_letter(_texts(context), letter, locale, own)


def _preview(
    context: RequestContext, name: LetterName, locale: str, words: Mapping[Part, str]
) -> MailPreview:
    mail = _worded(context, name, locale, words)
    return MailPreview(sender=mail.sender, subject=mail.subject, text=mail.text, html=mail.html)


async def _test_sent(
    context: RequestContext, name: LetterName, locale: str, given: MailTextInput
) -> tuple[str, MailPreview]:
    """Sends the test; answers where to, and what. Refuses PERSON_NEEDED, THROTTLED, MAIL_UNSENT."""
    person = context.require_viewer()
    if isinstance(person, Program):
        raise refuse("PERSON_NEEDED")
    mail = _preview(context, name, locale, await _tried(context, name, locale, given))
    await count_key(context, f"mail-test:{person.account_id}", _TESTS, _WINDOW)
    await context.reader.close()
    marked = Mail(
        to=person.email,
        subject=worded("mail_test.marked", locale, {"subject": mail.subject}),
        text=mail.text,
        html=mail.html,
        headers={"Auto-Submitted": "auto-generated"},
        sender_name=mail.sender,
    )
    await letter_trial(mailer_from(context.installation.settings), marked)
    return person.email, mail
