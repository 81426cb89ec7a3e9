"""The themes room's side of `tenants.mails.port`: letters into text and HTML."""

from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from keystall.tenants.mails.port import Letter, MailText
from keystall.themes.engine.documents import THEMES
from keystall.themes.engine.messages import LOCALES, load_messages
from keystall.themes.mail.sheets import sheet


class ThemedMails:
    """Words letters in every language of the product."""

    def __init__(self) -> None:
        self._messages = {locale: load_messages(locale) for locale in LOCALES}
        self._templates = _environment()

    def render(self, letter: Letter, locale: str) -> MailText:
        """The letter in `locale`, one of LOCALES; KeyError for any other."""
        messages = self._messages[locale]
        shown = sheet(letter, messages)
        names = {"mail": shown, "t": messages.t, "locale": locale}
        return MailText(
            subject=shown.subject,
            text=self._templates.get_template("mail/mail.txt").render(names),
            html=self._templates.get_template("mail/mail.html").render(names),
            sender=shown.sender,
        )


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
