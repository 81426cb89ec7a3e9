"""Asking for a file of codes to be put in stock.

Whatever can be refused is refused here, before anything is written; `import_work` does the rest.
What is kept in between is sealed: the job's row holds ids, the file store holds ciphertext.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Transaction
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.idempotency.keys import claim_key, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.stock.previews import parse_codes, require_variant, storable
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher
from keystall.tenants.stock.uploads import codes_content, codes_discard, codes_upload, take_codes
from keystall.tenants.writing import writing

OPERATION = "codes.import"


@dataclass(frozen=True, slots=True, repr=False)
class _Asked:
    """An import to be; its content is `text`, or that of an upload."""

    variant_id: UUID
    text: str | None
    upload_id: UUID | None
    skip_bad: bool
    key: str

    def print_(self, cipher: ShopCipher) -> bytes:
        # Keyed: a bare digest of a short code would give the code away.
        text = "" if self.text is None else cipher.lookup(self.variant_id, self.text).hex()
        return fingerprint(self.variant_id, self.upload_id, self.skip_bad, text)


async def codes_import(
    installation: Installation,
    shop: UUID,
    variant_id: UUID,
    *,
    text: str | None = None,
    upload_id: UUID | None = None,
    skip_bad: bool = False,
    idempotency_key: str,
) -> UUID:
    """Has the codes of a text or of an upload put in stock; answers the id of the job.

    The same key and input answer the same job. Refuses REQUIRED and INVALID (neither or both of
    text and upload), NOT_FOUND (variant, upload), TOO_LONG, TOO_MANY, ENCODING_UNKNOWN, BAD_LINES
    unless they are to be skipped (params count, and line and reason of the first),
    IDEMPOTENCY_MISMATCH. An upload is used up by its import.
    """
    if not text and upload_id is None:
        raise refuse("REQUIRED", "text")
    if text is not None and upload_id is not None:
        raise refuse("INVALID", "text")
    text = None if text is None else storable(text)
    asked = _Asked(variant_id, text, upload_id, skip_bad, idempotency_key)
    async with database.transaction(shop) as tx:
        cipher = await shop_cipher(tx, installation.keys, shop)
        print_ = asked.print_(cipher)
        earlier = await _earlier(tx, shop, idempotency_key, print_)
        if earlier is not None:
            return earlier
        await require_variant(tx, shop, variant_id)
    try:
        await _check(installation, shop, asked)
    except Refused:
        # The same request, sent twice at once, may have begun in between and taken the upload.
        async with database.transaction(shop) as tx:
            earlier = await _earlier(tx, shop, idempotency_key, print_)
        if earlier is None:
            raise
        return earlier
    if upload_id is not None:
        return await _begin(installation, shop, asked, print_=print_, file_id=upload_id)
    return await _begin_pasted(installation, shop, asked, print_=print_)


async def _earlier(tx: Transaction, shop: UUID, key: str, print_: bytes) -> UUID | None:
    # Looked at first: the upload of an import that was done is gone, and is not missed.
    earlier: UUID | None = await tx.value(
        "select object_id from idempotency_keys"
        " where shop_id = $1 and operation = $2 and key = $3 and fingerprint = $4",
        shop, OPERATION, key, print_,
    )  # fmt: skip
    return earlier


async def _check(installation: Installation, shop: UUID, asked: _Asked) -> None:
    content: bytes | str | None = asked.text
    if asked.upload_id is not None:
        content = await codes_content(installation, shop, asked.upload_id)
    parsed = await parse_codes(content or "")
    if parsed.bad and not asked.skip_bad:
        first = parsed.bad[0]
        raise refuse(
            "BAD_LINES",
            "text" if asked.upload_id is None else "upload_id",
            count=len(parsed.bad),
            line=first.line,
            reason=first.reason,
        )


async def _begin_pasted(
    installation: Installation, shop: UUID, asked: _Asked, *, print_: bytes
) -> UUID:
    file = await codes_upload(installation, shop, "pasted.txt", _once((asked.text or "").encode()))
    try:
        return await _begin(installation, shop, asked, print_=print_, file_id=file.id)
    finally:
        # Where nothing was begun with it, by a refusal or because it was begun before.
        await codes_discard(installation, shop, file.id)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _begin(
    installation: Installation, shop: UUID, asked: _Asked, *, print_: bytes, file_id: UUID
) -> UUID:
    job = new_id()
    async with writing(installation, shop) as tx:
        earlier = await claim_key(tx, shop, OPERATION, asked.key, print_=print_, object_id=job)
        if earlier != job:
            return earlier
        await take_codes(tx, shop, file_id)
        await tx.execute(
            "insert into jobs (shop_id, id, kind, state, input)"
            " values ($1, $2, 'codes_import', 'queued', $3)",
            shop, job,
            {
                "variant_id": str(asked.variant_id),
                "file_id": str(file_id),
                "pasted": asked.text is not None,
            },
        )  # fmt: skip
        await tx.post(OPERATION, job)
    return job
