"""The unguessable key of an order's page.

A token is the order's id and 128 bits of HMAC over shop and id, under a key of the installation.
Nothing in the database opens an order, so neither a dump nor a look-up by number does; and since
a token is checked before the database is asked, guessing costs the database nothing.
"""

import base64
import binascii
import hmac
from uuid import UUID

from keystall.platform.crypto import KeyRing, keyed_hash

PURPOSE = "order-token"

_ID_BYTES = 16
_MAC_BYTES = 16


def order_token(keys: KeyRing, shop: UUID, order: UUID) -> str:
    """The token of an order (43 URL-safe characters)."""
    return _text(order.bytes + _mac(keys, shop, order))


def order_of_token(keys: KeyRing, shop: UUID, token: str) -> UUID | None:
    """The order a token opens in this shop; None for anything that is not one of its tokens."""
    try:
        raw = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    if len(raw) != _ID_BYTES + _MAC_BYTES or _text(raw) != token:
        return None
    order = UUID(bytes=raw[:_ID_BYTES])
    genuine = hmac.compare_digest(raw[_ID_BYTES:], _mac(keys, shop, order))
    return order if genuine else None


def _mac(keys: KeyRing, shop: UUID, order: UUID) -> bytes:
    # That of the first key there was, so that links that were mailed survive every rotation.
    key = keys.derived(PURPOSE, keys.first(PURPOSE))
    return keyed_hash(key, shop.bytes + order.bytes)[:_MAC_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
