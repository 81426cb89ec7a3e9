"""Keeping and dropping trusted documents. Whoever calls has validated and costed them."""

import hashlib
from uuid import UUID

from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.installation import Installation
from keystall.tenants.texts import text_errors
from keystall.tenants.trusted_documents.models import TrustedDocumentRow
from keystall.tenants.trusted_documents.queries import COLUMNS, TrustedDocumentView
from keystall.tenants.writing import writing

MAX_DOCUMENTS = 500
MAX_LENGTH = 32_768
MAX_NAME = 100


def sha256_of(document: str) -> str:
    """The hash that a document goes by: of its text in UTF-8, in small hex digits."""
    return hashlib.sha256(document.encode(errors="surrogatepass")).hexdigest()


def check_texts(document: str, name: str) -> None:
    """Refuses REQUIRED, TOO_LONG, INVALID: before anybody parses what may be of any length."""
    errors = [
        *text_errors(document, "document", limit=MAX_LENGTH, required=True, lines=True),
        *text_errors(name, "name", limit=MAX_NAME),
    ]
    if errors:
        raise Refused(*errors)


async def trusted_document_register(
    installation: Installation, shop: UUID, document: str, *, name: str, cost: int
) -> TrustedDocumentView:
    """Keeps a document; one that is kept already stays as it is, its name too.

    Refuses what `check_texts` does; LIMIT_REACHED.
    """
    check_texts(document, name)
    sha256 = sha256_of(document)
    async with writing(installation, shop) as tx:
        # Held until the commit: two requests at once must not both find the last place free.
        await tx.execute("select from shops where id = $1 for no key update", shop)
        row = await tx.row(
            f"select {COLUMNS} from trusted_documents"  # noqa: S608 constant
            " where shop_id = $1 and sha256 = $2",
            shop, sha256,
        )  # fmt: skip
        if row is not None:
            return TrustedDocumentView(**row)
        if await TrustedDocumentRow.filter(shop_id=shop).count() >= MAX_DOCUMENTS:
            raise refuse("LIMIT_REACHED", limit=MAX_DOCUMENTS)
        kept = await TrustedDocumentRow.create(
            id=new_id(), shop_id=shop, sha256=sha256, name=name.strip(), document=document,
            cost=cost,
        )  # fmt: skip
    return TrustedDocumentView(
        kept.id, kept.sha256, kept.name, kept.cost, kept.created_at, kept.document
    )


async def trusted_document_delete(installation: Installation, shop: UUID, row: UUID) -> None:
    """Drops a document: from now on nobody is answered by its hash. Refuses NOT_FOUND."""
    async with writing(installation, shop) as tx:
        if not await TrustedDocumentRow.filter(shop_id=shop, id=row).delete():
            raise refuse("NOT_FOUND", "id")
        tx.announce("shop")
