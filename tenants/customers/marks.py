"""Tokens that are computed from the id of a shop's row, and stand nowhere.

As with the links of accounts (`identity/links.py`), neither the database nor the queue holds what
opens something: whoever reads either has ids, and lacks the key ring. A token of one shop is none
of another's, for the shop is signed with the id; a forged one never reaches the database.
"""

import base64
import binascii
import hmac
from collections.abc import Iterator
from uuid import UUID

from keystall.platform.crypto import KeyRing, keyed_hash

LINK_PURPOSE = "customer-link"
"""The purpose of mailed links."""
FLOW_PURPOSE = "customer-flow"
"""The purpose of tries to sign in by a provider."""

_ID_BYTES = 16
_MARK_BYTES = 32


def token_of(keys: KeyRing, purpose: str, shop: UUID, row: UUID) -> str:
    """The token of a row (64 URL-safe characters)."""
    mark = keyed_hash(keys.derived(purpose), shop.bytes + row.bytes)
    return base64.urlsafe_b64encode(row.bytes + mark).decode()


def row_of(keys: KeyRing, purpose: str, shop: UUID, token: str) -> UUID | None:
    """The row whose token it is in this shop, by any key of the ring; None for any other text."""
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    if len(raw) != _ID_BYTES + _MARK_BYTES:
        return None
    row, mark = UUID(bytes=raw[:_ID_BYTES]), raw[_ID_BYTES:]
    signed = shop.bytes + row.bytes
    genuine = (hmac.compare_digest(mark, keyed_hash(key, signed)) for key in _keys(keys, purpose))
    return row if any(genuine) else None


def _keys(keys: KeyRing, purpose: str) -> Iterator[bytes]:
    """Those of every version, the current first, and of one that another process joined since."""
    known = keys.versions_for(purpose)
    for version in known:
        yield keys.derived(purpose, version)
    keys.refresh()
    for version in keys.versions_for(purpose):
        if version not in known:
            yield keys.derived(purpose, version)
