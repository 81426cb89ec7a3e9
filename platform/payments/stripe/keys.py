"""What a Stripe key looks like, told from its text alone. Pure."""

import re
from typing import Literal

Mode = Literal["test", "live"]

_SECRET_KEY = re.compile(r"[sr]k_(test|live)_[A-Za-z0-9_]{16,240}", re.ASCII)
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{16,240}", re.ASCII)
# A real key has about 30 distinct characters; one with so few was typed by hand.
_FEWEST_DISTINCT = 10
_PLACEHOLDER_WORDS = ("your", "change", "example", "placeholder", "secret", "1234567", "abcdef")
# Keys that Stripe's documentation prints: whoever pasted one has copied a sample.
_PRINTED = frozenset(
    {"4eC39HqLyjWDarjtT1zdp7dc", "BQokikJOvBiI2HlWgH4olfQ2", "tR3PYbcVNZZ796tH88S4VQ2u"}
)


class UnusableKey(ValueError):
    """A key that is empty, no such key, or a placeholder. `code`: REQUIRED, INVALID, PLACEHOLDER.

    The message never holds the key.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_secret_key(text: str) -> Mode:
    """Whether a secret or restricted key is for test or for real money. Raises `UnusableKey`."""
    found = _checked(text, _SECRET_KEY, prefix_length=len("sk_test_"))
    return "live" if found[1] == "live" else "test"


def check_webhook_secret(text: str) -> None:
    """Raises `UnusableKey` where `text` is no signing secret of a webhook endpoint."""
    _checked(text, _WEBHOOK_SECRET, prefix_length=len("whsec_"))


def _checked(text: str, form: re.Pattern[str], *, prefix_length: int) -> re.Match[str]:
    if not text:
        raise UnusableKey("REQUIRED")
    found = form.fullmatch(text)
    if found is None:
        raise UnusableKey("INVALID")
    random = text[prefix_length:]
    if (
        random in _PRINTED
        or len(set(random)) < _FEWEST_DISTINCT
        or any(word in random.lower() for word in _PLACEHOLDER_WORDS)
    ):
        raise UnusableKey("PLACEHOLDER")
    return found
