"""Asking for a file of codes to be put in stock.

Whatever can be refused is refused here, before anything is written; `import_work` does the rest.
What is kept in between is sealed: the job's row holds ids, the file store holds ciphertext.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from keystall.platform import database
from keystall.platform.database import Transaction
from keystall.platform.ids import new_id
from keystall.platform.money import InvalidAmount, parse_amount
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.idempotency.keys import claim_key, fingerprint
from keystall.tenants.installation import Installation
from keystall.tenants.stock.previews import AT_ONCE, parse_codes, require_variant, storable
from keystall.tenants.stock.sealing import ShopCipher, shop_cipher
from keystall.tenants.stock.uploads import (
    SHEET,
    codes_discard,
    codes_upload,
    find_upload,
    take_codes,
)
from keystall.tenants.writing import writing

OPERATION = "codes.import"


MAX_SUPPLIER = 100
MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class BatchInput:
    """What a merchant tells of a batch. `cost` is of the whole, in the shop's default currency;
    `expires_at` holds for those of its codes that have no expiry of their own."""

    supplier: str = ""
    note: str = ""
    cost: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class _Asked:
    """An import to be; its content is `text`, or that of an upload."""

    variant_id: UUID
    text: str | None
    upload_id: UUID | None
    skip_bad: bool
    plain: bool
    dry_run: bool
    batch: BatchInput
    key: str

    def print_(self, cipher: ShopCipher) -> bytes:
        # Keyed: a bare digest of a short code would give the code away.
        text = "" if self.text is None else cipher.lookup(self.variant_id, self.text).hex()
        batch = self.batch
        return fingerprint(
            self.variant_id, self.upload_id, self.skip_bad, text, self.plain, self.dry_run,
            batch.supplier, batch.note, batch.cost, batch.expires_at,
        )  # fmt: skip


async def codes_import(
    installation: Installation,
    shop: UUID,
    variant_id: UUID,
    *,
    text: str | None = None,
    upload_id: UUID | None = None,
    skip_bad: bool = False,
    plain: bool = False,
    dry_run: bool = False,
    batch: BatchInput = BatchInput(),
    idempotency_key: str,
) -> UUID:
    """Has the codes of a text or of an upload put in stock; answers the id of the job.

    `plain` takes every line as a code whatever it looks like. `dry_run` counts what would come of
    it and adds nothing. The same key and input answer the same job. Refuses REQUIRED and INVALID
    (neither or both of text and upload), NOT_FOUND (variant, upload), TOO_LONG, TOO_MANY,
    ENCODING_UNKNOWN, BAD_LINES unless they are to be skipped (params count, and line and reason of
    the first), AMOUNT_INVALID, IDEMPOTENCY_MISMATCH. What is wrong with the lines of a file that
    is too large to wait for, the job tells. An upload is used up by its import, not by a dry run.
    """
    if not text and upload_id is None:
        raise refuse("REQUIRED", "text")
    if text is not None and upload_id is not None:
        raise refuse("INVALID", "text")
    text = None if text is None else storable(text)
    asked = _Asked(
        variant_id, text, upload_id, skip_bad or dry_run, plain, dry_run, batch, idempotency_key
    )
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
    _check_batch(asked.batch)
    if asked.upload_id is not None:
        upload = await find_upload(installation, shop, asked.upload_id)
        if upload.size > AT_ONCE:
            return
    parsed = await parse_codes(
        installation, shop, text=asked.text, upload_id=asked.upload_id, plain=asked.plain
    )
    if parsed.bad and not asked.skip_bad:
        first = parsed.bad[0]
        raise refuse(
            "BAD_LINES",
            "text" if asked.upload_id is None else "upload_id",
            count=len(parsed.bad),
            line=first.line,
            reason=first.reason,
        )


def _check_batch(batch: BatchInput) -> None:
    for field, text, limit in (
        ("supplier", batch.supplier, MAX_SUPPLIER),
        ("note", batch.note, MAX_NOTE),
    ):
        if len(text) > limit:
            raise refuse("TOO_LONG", "batch", field, limit=limit)
        if not text.isprintable():
            raise refuse("INVALID", "batch", field)


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
        currency = await tx.value("select default_currency from shops where id = $1", shop)
        batch, pasted = asked.batch, asked.text is not None
        media_type = await tx.value(
            "select media_type from files where shop_id = $1 and id = $2", shop, file_id
        )
        if pasted or not asked.dry_run:
            await take_codes(tx, shop, file_id)
        elif media_type is None:
            raise refuse("NOT_FOUND", "upload_id")
        await tx.execute(
            "insert into jobs (shop_id, id, kind, state, input)"
            " values ($1, $2, 'codes_import', 'queued', $3)",
            shop, job,
            {
                "variant_id": str(asked.variant_id),
                "file_id": str(file_id),
                "pasted": pasted,
                "sheet": media_type == SHEET,
                "plain": asked.plain,
                "skip_bad": asked.skip_bad,
                "dry_run": asked.dry_run,
                "supplier": batch.supplier,
                "note": batch.note,
                "cost": _minor(batch.cost, currency),
                "currency": currency,
                "expires_at": batch.expires_at and batch.expires_at.isoformat(),
            },
        )  # fmt: skip
        await tx.post(OPERATION, job)
    return job


def _minor(cost: str | None, currency: str) -> int | None:
    if not cost:
        return None
    try:
        return parse_amount(cost, currency)
    except InvalidAmount:
        raise refuse("AMOUNT_INVALID", "batch", "cost") from None
