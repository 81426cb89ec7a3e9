"""Leave to send one file, once: for programs, which have no form to send it with.

The leave itself is a sealed text that its holder hands back: shop, what the file is for, its name,
type and length, and until when. Nothing is kept until it is used; then the key of its upload is, so
that it is used once, however many requests come with it at a time.
"""

import base64
import binascii
import json
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from keystall.platform import clock
from keystall.platform.crypto import KeyRing, Unreadable, open_sealed, seal
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, UserError, refuse
from keystall.tenants.files.service import MAX_NAME, MAX_PICTURE_BYTES, shown_name
from keystall.tenants.idempotency.keys import done_before, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.writing import writing

PURPOSE = "staged-upload"
LASTS = timedelta(minutes=15)
PREFIX = "ks_upload_"
MAX_CODES_BYTES = 64 * 1024 * 1024
"""Bytes that one code file may have."""

Purpose = Literal["codes", "picture"]

_LIMITS = {"codes": MAX_CODES_BYTES, "picture": MAX_PICTURE_BYTES}
_TYPES = {
    "codes": (
        "text/", "application/octet-stream",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "picture": ("image/",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """A file to come: `size` in bytes, exactly; `file` is the id that it will have."""

    shop: UUID
    file: UUID
    purpose: Purpose
    name: str
    media_type: str
    size: int
    expires_at: datetime


def stage(shop: UUID, purpose: Purpose, *, name: str, media_type: str, size: int) -> Stage:
    """A file to come. Refuses, at their fields, REQUIRED and TOO_LONG (name), INVALID (a type that
    such a file does not have) and OUT_OF_RANGE (empty, or too large)."""
    errors = []
    if not name.strip():
        errors.append(UserError("REQUIRED", ("filename",)))
    elif len(name) > MAX_NAME:
        errors.append(UserError("TOO_LONG", ("filename",), {"limit": MAX_NAME}))
    if not media_type.isprintable() or not media_type.lower().startswith(_TYPES[purpose]):
        errors.append(UserError("INVALID", ("mime_type",)))
    if not 0 < size <= _LIMITS[purpose]:
        limits = {"least": 1, "most": _LIMITS[purpose]}
        errors.append(UserError("OUT_OF_RANGE", ("bytes",), limits))
    if errors:
        raise Refused(*errors)
    return Stage(
        shop, new_id(), purpose, shown_name(name), media_type.lower(), size, clock.now() + LASTS
    )


def stage_secret(keys: KeyRing, coming: Stage) -> str:
    """The leave to send it."""
    said = {
        "shop": str(coming.shop),
        "file": str(coming.file),
        "purpose": coming.purpose,
        "name": coming.name,
        "media_type": coming.media_type,
        "size": coming.size,
        "expires_at": coming.expires_at.isoformat(),
    }
    sealed = seal(keys.derived(PURPOSE), json.dumps(said).encode(), PURPOSE.encode())
    return PREFIX + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def stage_of_secret(keys: KeyRing, secret: str) -> Stage | None:
    """What a secret gives leave to send; None for what is no such secret, or is too old."""
    text = secret.removeprefix(PREFIX)
    try:
        raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    for version in keys.versions_for(PURPOSE):
        try:
            said = json.loads(open_sealed(keys.derived(PURPOSE, version), raw, PURPOSE.encode()))
        except Unreadable:
            continue
        expires_at = datetime.fromisoformat(said.pop("expires_at"))
        if expires_at <= clock.now():
            return None
        return Stage(
            shop=UUID(said.pop("shop")), file=UUID(said.pop("file")), expires_at=expires_at, **said
        )
    return None


async def stage_take(installation: Installation, coming: Stage) -> None:
    """Uses a leave up, before a byte of the file is read. Refuses (CONFLICT) one that was used."""
    async with writing(installation, coming.shop) as tx:
        if await done_before(
            tx, coming.shop, "upload.staged", str(coming.file),
            print_=fingerprint(coming.purpose, coming.size), object_id=coming.file,
        ):  # fmt: skip
            raise refuse("CONFLICT", "file")


async def exactly(chunks: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """`chunks`, where they are `size` bytes. Refuses FILE_TOO_LARGE at the first byte too many, and
    INVALID where they end too soon: half a file of codes looks like a whole one."""
    came = 0
    async for chunk in chunks:
        came += len(chunk)
        if came > size:
            raise refuse("FILE_TOO_LARGE", "file", limit=size)
        yield chunk
    if came < size:
        raise refuse("INVALID", "file")
