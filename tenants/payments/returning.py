"""Where buyers go after paying, when they came from a site that is not the shop's own page. Pure.

It is the provider's page that sends them there, in the merchant's name. Could anybody say where to,
it would be an open redirect behind an address that buyers trust. So only sites count that the shop
itself has named: the origins of the storefront token that the request came with.
"""

import re
from collections.abc import Set

from keystall.tenants.errors import refuse

TOKEN = "{token}"  # noqa: S105  (a place to fill, not a secret)
LONGEST = 1000
# Visible ASCII; no backslash, which browsers read as a slash, and nobody's name before the host.
_ADDRESS = re.compile(r"(https?://[a-z0-9.:\[\]-]+)([/?#][!-\[\]-~]*)?", re.IGNORECASE | re.ASCII)


def checked_return(given: str | None, origins: Set[str]) -> str | None:
    """The address to keep, None where none was given. `origins` are in the form of
    `shops.origins`, as browsers write them.

    Refuses TOO_LONG, INVALID and RETURN_NOT_ALLOWED.
    """
    if given is None:
        return None
    if len(given) > LONGEST:
        raise refuse("TOO_LONG", "return_url", limit=LONGEST)
    found = _ADDRESS.fullmatch(given)
    if found is None:
        raise refuse("INVALID", "return_url")
    origin, rest = found[1].lower(), found[2] or "/"
    if origin not in origins:
        raise refuse("RETURN_NOT_ALLOWED", "return_url", origin=origin)
    return f"{origin}{rest if rest.startswith('/') else f'/{rest}'}"


def return_address(kept: str, token: str) -> str:
    """The address of one order's buyer. `token` is of letters, digits, `-` and `_`."""
    return kept.replace(TOKEN, token)
