"""Signatures by Standard Webhooks (https://www.standardwebhooks.com, specification 1.0.0). Pure.

The signed text is `id.timestamp.body`; the header lists one `v1,` signature for each secret, so
that a receiver who knows either of two accepts it while one takes the other's place.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
_BYTES = 32
_SHOWN = 4


def new_signing_secret() -> str:
    """A secret as receivers are given it: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def secret_hint(secret: str) -> str:
    """What may be shown of a secret, to tell it from another: its last characters."""
    return secret.rstrip("=")[-_SHOWN:]


def signed_headers(
    message: str, at: datetime, body: bytes, signing: Sequence[str]
) -> Mapping[str, str]:
    """The headers of a delivery: its id, the moment it is sent, a signature for each secret."""
    timestamp = str(int(at.timestamp()))
    text = f"{message}.{timestamp}.".encode() + body
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(secret, text)}" for secret in signing),
    }


def _signature(secret: str, text: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
