"""Opaque ids: what the API calls a row, without saying how rows are named inside.

An id is base64url of the type's name, a colon and the row's 16 bytes. It proves nothing: every
read and write still asks for the row within the request's shop.
"""

import base64
import binascii
from typing import TYPE_CHECKING, cast
from uuid import UUID

if TYPE_CHECKING:  # mails name rows, too, and their workers need no schema
    from strawberry import ID

_URL_SAFE = bytes.maketrans(b"+/", b"-_")

NOWHERE = UUID(int=0)
"""A row id that no row has: what an id of another type or a text that is no id decodes to, so that
it is answered exactly like the id of something missing."""


def encode(kind: str, row: UUID) -> "ID":
    """The opaque id of a row of the GraphQL type `kind`."""
    raw = kind.encode() + b":" + row.bytes
    # As base64.urlsafe_b64encode has it, in half its time: a list has dozens.
    text = binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE)
    return cast("ID", text.rstrip(b"=").decode())


def decode(text: str) -> tuple[str, UUID]:
    """Type name and row of an opaque id; ("", NOWHERE) for a text that is none."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        kind = raw[:-17].decode("ascii")
    except (binascii.Error, ValueError):
        return "", NOWHERE
    if not kind or raw[-17:-16] != b":":
        return "", NOWHERE
    row = UUID(bytes=raw[-16:])
    # One row has one id: base64 has other spellings of the same bytes.
    return (kind, row) if encode(kind, row) == text else ("", NOWHERE)


def row_of(kind: str, text: str) -> UUID:
    """The row behind an id of type `kind`; NOWHERE for any other text."""
    found, row = decode(text)
    return row if found == kind else NOWHERE
