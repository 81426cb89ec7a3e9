"""What a text must be to be stored: the checks that every noun's fields share. Pure."""

import re

from keystall.tenants.errors import UserError

# NUL cannot be stored; the other controls and lone surrogates only ever come by mistake or malice.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def text_errors(
    text: str, *path: str, limit: int, required: bool = False, lines: bool = False
) -> list[UserError]:
    """REQUIRED where nothing stands, TOO_LONG beyond `limit` characters, INVALID where it holds
    control characters, or line breaks without `lines`."""
    if required and not text.strip():
        return [UserError("REQUIRED", path)]
    if len(text) > limit:
        return [UserError("TOO_LONG", path, {"limit": limit})]
    if _UNFIT.search(text) or (not lines and ("\n" in text or "\r" in text)):
        return [UserError("INVALID", path)]
    return []
