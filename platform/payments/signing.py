"""How the sandbox provider and its merchants sign what they say to each other.

HMAC-SHA256 in lower-case hex over `timestamp LF purpose LF raw body`, with a secret of each
merchant's own. The purpose is `METHOD path` for a request and `CALLBACK` for a callback, so that
what was signed for one use is worth nothing in another. Timestamps are Unix seconds, good for five
minutes either way.
"""

import hashlib
import hmac
from collections.abc import Mapping

from keystall.platform.settings import weakness

MERCHANT_HEADER = "keystall-sandbox-merchant"
TIMESTAMP_HEADER = "keystall-sandbox-timestamp"
SIGNATURE_HEADER = "keystall-sandbox-signature"
CALLBACK = "CALLBACK"
TOLERANCE_SECONDS = 300


class UnusableSecret(ValueError):
    """The sandbox secret is empty, too short to be one, or a placeholder somebody left standing."""


class BadSignature(Exception):
    """Not signed, not by this merchant, not for this purpose, or too long ago."""


def merchant_secret(installation_secret: str, merchant_id: str) -> bytes:
    """The key a merchant shares with the sandbox. Raises `UnusableSecret`."""
    if reason := weakness(installation_secret):
        raise UnusableSecret(f"the sandbox secret {reason}")
    return hmac.digest(installation_secret.encode(), merchant_id.encode(), hashlib.sha256)


def signed_headers(
    secret: bytes, merchant_id: str, *, purpose: str, body: bytes, at: float
) -> dict[str, str]:
    """The three headers that go with `body` at the Unix time `at`."""
    timestamp = str(int(at))
    return {
        MERCHANT_HEADER: merchant_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: _signature(secret, timestamp, purpose, body),
    }


def check_signature(
    secret: bytes, headers: Mapping[str, str], *, purpose: str, body: bytes, at: float
) -> None:
    """Raises `BadSignature` unless `headers` (names in any case) sign `body` at about `at`."""
    told = {name.lower(): value for name, value in headers.items()}
    timestamp = told.get(TIMESTAMP_HEADER, "")
    signature = told.get(SIGNATURE_HEADER, "")
    # isdecimal() alone would let int() see digits of other scripts, and any number of them.
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise BadSignature("no timestamp")
    expected = _signature(secret, timestamp, purpose, body)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise BadSignature("signature differs")
    if abs(at - int(timestamp)) > TOLERANCE_SECONDS:
        raise BadSignature("too old, or from the future")


def _signature(secret: bytes, timestamp: str, purpose: str, body: bytes) -> str:
    return hmac.new(secret, f"{timestamp}\n{purpose}\n".encode() + body, "sha256").hexdigest()
