"""An address as it is found within texts. Pure."""

import re

_BEFORE = r"(?<![a-z0-9._%+-])"
_AFTER = r"(?![a-z0-9-]|\.[a-z0-9])"


def pattern_of(address: str) -> str:
    """The regular expression that finds a normalised address in a text, in any case, and not within
    a longer address; PostgreSQL and Python read it alike."""
    return _BEFORE + re.escape(address) + _AFTER


def mentions(text: str, address: str) -> bool:
    """Whether a text has the address."""
    return re.search(pattern_of(address), text, re.IGNORECASE) is not None
