"""The themes room's side of `tenants.mails.port`: letters into text and HTML."""

from collections import ChainMap
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from keystall.tenants.mails.port import NO_WORDS, Letter, MailText
from keystall.themes.mail.account_sheets import AccountLetter, account_sheet
from keystall.themes.mail.buyer_sheets import BuyerLetter, buyer_sheet
from keystall.themes.mail.merchant_sheets import merchant_sheet
from keystall.themes.mail.sheet import Sheet
from keystall.themes.messages import LOCALES, Messages, load_messages
from keystall.themes.paths import THEMES


class ThemedMails:
    """Words letters in every language of the product."""

    def __init__(self) -> None:
        self._messages = {locale: load_messages(locale) for locale in LOCALES}
        self._templates = _environment()

    def render(self, letter: Letter, locale: str, own: Mapping[str, str] = NO_WORDS) -> MailText:
        """The letter in `locale`, one of LOCALES; KeyError for any other. `own` words lie over the
        product's; raises MessageError for one with a hole that nothing fills."""
        messages = self._messages[locale]
        if own:
            messages = Messages(locale, ChainMap(dict(own), dict(messages.texts)))
        shown = _sheet(letter, messages)
        names = {"mail": shown, "t": messages.t, "locale": locale}
        return MailText(
            subject=shown.subject,
            text=self._templates.get_template("mail/mail.txt").render(names),
            html=self._templates.get_template("mail/mail.html").render(names),
            sender=shown.head.sender,
        )

    def text(self, key: str, locale: str) -> str:
        """The product's own text of a message, holes and all."""
        found = self._messages[locale].texts[key]
        return found if isinstance(found, str) else found["other"]


def _sheet(letter: Letter, messages: Messages) -> Sheet:
    if isinstance(letter, BuyerLetter):
        return buyer_sheet(letter, messages)
    if isinstance(letter, AccountLetter):
        return account_sheet(letter, messages)
    return merchant_sheet(letter, messages)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # Apart from the pages' environment, which escapes everything: a text mail shows `&` as `&`.
    return Environment(
        loader=FileSystemLoader(THEMES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
