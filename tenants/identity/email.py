"""Email addresses: one form for storing, and only those a mail server would take. Pure."""

import re
import unicodedata

MAX_LENGTH = 254
"""RFC 5321, 4.5.3.1.3, less the angle brackets."""

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def normalised_email(text: str) -> str:
    """The one form of an address: trimmed, lower case, its domain in ASCII (IDNA) where it can be.

    Full-width characters from a Chinese keyboard count as what they stand for. Addresses that
    differ by case only are one: no provider in use tells them apart. Ask `email_problem` about
    what comes out.
    """
    plain = unicodedata.normalize("NFKC", text[: 4 * MAX_LENGTH]).strip().lower()
    local, at, domain = plain.rpartition("@")
    try:
        return local + at + domain.replace("。", ".").encode("idna").decode("ascii")
    except UnicodeError:
        return plain


def email_problem(address: str) -> str | None:
    """EMAIL_INVALID for a normalised text that is no address, or None.

    Local parts in quotes or beyond ASCII, and domains without a dot, are refused: their owners
    could not be written to.
    """
    local, _, domain = address.rpartition("@")
    labels = domain.split(".")
    fits = (
        len(address) <= MAX_LENGTH
        and len(local) <= 64
        and _LOCAL.fullmatch(local) is not None
        and len(labels) >= 2
        and all(map(_LABEL.fullmatch, labels))
        and not labels[-1].isdigit()
    )
    return None if fits else "EMAIL_INVALID"
