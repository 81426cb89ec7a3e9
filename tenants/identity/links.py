"""Tokens of mailed links, computed from the id of their row.

The token must not stand in the database, nor travel through a queue: the row has its hash, and the
job that mails it computes it again from the row's id with the installation's key ring. The browser
that signed up holds another secret of that id, which tells it from all others and stands nowhere.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from keystall.platform.crypto import KeyRing, keyed_hash
from keystall.platform.database import Reads
from keystall.platform.tokens import secret_hash

SESSION_PREFIX = "ks_session_"
PURPOSE = "account-token"
BROWSER_PURPOSE = "signing-up-browser"
INVITATION_PURPOSE = "invitation"

_ID_BYTES = 16
_TOKEN_BYTES = _ID_BYTES + 32

Purpose = Literal["confirm", "reset"]


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A mailed link that still works: whose it is, what it does, and its token."""

    email: str
    locale: str
    purpose: Purpose
    token: str


def account_token(keys: KeyRing, token_id: UUID, *, version: int | None = None) -> str:
    """The token of the row `token_id` under one version of the ring, the current by default."""
    return link_token(keys, PURPOSE, token_id, version=version)


def browser_secrets(keys: KeyRing, token_id: UUID) -> Iterator[str]:
    """What the browser holds that asked for the link `token_id`: one for each version of the ring,
    the current first. In the form of a session's secret, so that its cookie tells nobody whether
    the address had an account."""
    for key in _keys(keys, BROWSER_PURPOSE):
        mark = keyed_hash(key, token_id.bytes)
        yield SESSION_PREFIX + base64.urlsafe_b64encode(mark).decode().rstrip("=")


def token_row(token: str) -> UUID:
    """The id of the row of a token that is known to be good."""
    return UUID(bytes=base64.urlsafe_b64decode(token)[:_ID_BYTES])


async def account_link(db: Reads, token: str) -> AccountLink | None:
    """What the link with `token` would do; None where it was used, is too old or never was."""
    if not _has_form(token):
        return None
    row = await db.row("select * from account_token_recipient($1)", secret_hash(token))
    if row is None:
        return None
    return AccountLink(
        email=row["email"], locale=row["locale"], purpose=row["purpose"], token=token
    )


async def account_link_to_mail(db: Reads, keys: KeyRing, token_id: UUID) -> AccountLink | None:
    """The link that a mail job is to send; None where it is not needed any more.

    A ring that rotated between the request and the mail still finds it.
    """
    for token in link_tokens(keys, PURPOSE, token_id):
        link = await account_link(db, token)
        if link is not None:
            return link
    return None


def link_token(keys: KeyRing, purpose: str, row: UUID, *, version: int | None = None) -> str:
    """The token of a link of `purpose` that is computed from `row`, as for accounts."""
    return _token(keys.derived(purpose, version), row)


def link_tokens(keys: KeyRing, purpose: str, row: UUID) -> Iterator[str]:
    """The same under every version of the ring that is known, the current first."""
    for key in _keys(keys, purpose):
        yield _token(key, row)


def _keys(keys: KeyRing, purpose: str) -> Iterator[bytes]:
    """The keys that each version derives for `purpose`, the current first."""
    known = keys.versions_for(purpose)
    for version in known:
        yield keys.derived(purpose, version)
    # Whoever made the link may know a key that this process has not met yet.
    keys.refresh()
    for version in keys.versions_for(purpose):
        if version not in known:
            yield keys.derived(purpose, version)


def _token(key: bytes, token_id: UUID) -> str:
    return base64.urlsafe_b64encode(token_id.bytes + keyed_hash(key, token_id.bytes)).decode()


def _has_form(token: str) -> bool:
    try:
        return len(base64.b64decode(token, altchars=b"-_", validate=True)) == _TOKEN_BYTES
    except (binascii.Error, ValueError):
        return False
