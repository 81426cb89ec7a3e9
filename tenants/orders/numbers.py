"""Order numbers: for people to read out and type in, such as 7Q4M-0XKD-J2. They open nothing."""

import re
import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_MISREAD = str.maketrans("OIL", "011")
_GROUPED = re.compile(f"([{_ALPHABET}]{{4}})([{_ALPHABET}]{{4}})([{_ALPHABET}]{{2}})")
_SEPARATORS = re.compile(r"[\s#‐-―−-]+")


def new_order_number() -> str:
    """A number nobody has (50 random bits)."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"


def order_number(typed: str) -> str | None:
    """The number somebody meant: any case, with or without dashes and spaces, O for 0, I or L for
    1; None for what is no order number."""
    plain = _SEPARATORS.sub("", typed[:64]).upper().translate(_MISREAD)
    found = _GROUPED.fullmatch(plain)
    return "-".join(found.groups()) if found else None
