"""Secrets that are handed out once (sessions, links, API tokens) and kept only as a hash."""

import hashlib
import secrets

SECRET_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """`prefix` and 256 random bits in URL-safe base64 (43 characters).

    A prefix names the kind, for people and for secret scanners: `new_secret("ks_admin_")`.
    """
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def secret_hash(secret: str) -> bytes:
    """SHA-256 of the secret: what is stored and looked up (32 bytes).

    A fast hash is enough because the secret is random; passwords go to `passwords`.
    Any text is accepted, what a visitor typed included.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
