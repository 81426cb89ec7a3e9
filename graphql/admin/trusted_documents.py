"""Trusted documents: what a shop's own frontends ask, kept under the hash of its text."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry
from graphql import GraphQLError

from keystall.graphql import loads
from keystall.graphql.admin.families import TrustedDocumentUserError
from keystall.graphql.context import Info, Needs, RequestContext
from keystall.graphql.costs.metering import MAX_COST
from keystall.graphql.describing import about, described, object_type, resolver, takes
from keystall.graphql.faults import fault_reason, own_reason
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Node
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.relay import After, Connection, First, connection, decode_row, page_size
from keystall.graphql.storefront.schema import schema as storefront
from keystall.tenants.errors import Refused, refuse
from keystall.tenants.trusted_documents import queries
from keystall.tenants.trusted_documents.queries import TrustedDocumentView
from keystall.tenants.trusted_documents.service import (
    check_texts,
    trusted_document_delete,
    trusted_document_register,
)


@object_type
class TrustedDocument(Node):
    """A document of the storefront's API that the shop vouches for."""

    name: str = described("What it is called; the name of its operation, where nobody said.")
    document_id: str = described(
        "What clients send in place of its text: `sha256:` and the hash of the text in hex digits."
    )
    document: str = takes("document")(described("Its text."))
    cost: int = described("What it costs without variables, in points.")
    created_at: datetime = described("When it was registered.")


@object_type
class TrustedDocumentRegisterPayload(Payload[TrustedDocumentUserError]):
    """The answer to trustedDocumentRegister."""

    trusted_document: TrustedDocument | None = described(
        "The document, kept now or before; null where it was refused."
    )


@object_type
class TrustedDocumentDeletePayload(Payload[TrustedDocumentUserError]):
    """The answer to trustedDocumentDelete."""

    deleted_id: strawberry.ID | None = described("The id that is gone; null where it was refused.")


@object_type
class TrustedDocumentMutation:
    """What a merchant does with trusted documents."""

    @resolver
    async def trusted_document_register(
        self,
        info: Info,
        document: Annotated[
            str, about("The text, exactly as clients hash it; lines are kept as ending in LF.")
        ],
        name: Annotated[
            str | None, about("What to call it; else it goes by its first operation's name.")
        ] = None,
    ) -> TrustedDocumentRegisterPayload:
        """Keeps a document of the storefront's API under its hash. One that was kept before is
        answered as it is, so a build may register all that it has."""
        call = _register(info.context, document, name or "")
        kept, errors = await attempted(info.context, call, TrustedDocumentUserError)
        return TrustedDocumentRegisterPayload(
            trusted_document=trusted_document(kept) if kept else None, user_errors=errors
        )

    @resolver
    async def trusted_document_delete(
        self, info: Info, id: Annotated[strawberry.ID, about("The document.")]
    ) -> TrustedDocumentDeletePayload:
        """Drops a document: clients that name it are answered PERSISTED_QUERY_NOT_FOUND at once."""
        context = info.context
        call = trusted_document_delete(
            context.installation, context.require_shop().id, row_of("TrustedDocument", id)
        )
        _, errors = await attempted(context, call, TrustedDocumentUserError)
        return TrustedDocumentDeletePayload(deleted_id=None if errors else id, user_errors=errors)


async def _register(context: RequestContext, document: str, name: str) -> TrustedDocumentView:
    """Refuses what the service does; DOCUMENT_FAULTY, DOCUMENT_TOO_COSTLY."""
    # A form in a browser sends CR LF, whatever was pasted into it.
    document = document.replace("\r\n", "\n")
    check_texts(document, name)
    try:
        read = storefront.documents.read(document)
    except GraphQLError as error:
        raise _faulty(fault_reason(error, context.locale)) from None
    if read.faults:
        raise _faulty(fault_reason(read.faults[0], context.locale))
    if not read.operations:
        raise _faulty(own_reason("empty", context.locale))
    cost = max(one.of({}) for one in read.costs)
    if cost > MAX_COST:
        raise refuse("DOCUMENT_TOO_COSTLY", "document", cost=cost, limit=MAX_COST)
    first = read.operations[0]
    return await trusted_document_register(
        context.installation,
        context.require_shop().id,
        document,
        name=name.strip() or (first.name.value[:100] if first.name else ""),
        cost=cost,
    )


def _faulty(reason: str) -> Refused:
    return refuse("DOCUMENT_FAULTY", "document", reason=reason)


def trusted_document(view: TrustedDocumentView) -> TrustedDocument:
    """A trusted document."""
    return TrustedDocument(
        id=encode("TrustedDocument", view.id),
        name=view.name,
        document_id=f"sha256:{view.sha256}",
        document=view.document,
        cost=view.cost,
        created_at=view.created_at,
    )


async def trusted_documents(
    context: RequestContext, first: First, after: After, needs: Needs
) -> Connection[TrustedDocument]:
    """The shop's, newest first."""
    size = page_size(first)
    rows = await queries.trusted_documents(
        context.once(needs),
        context.require_shop().id,
        after=decode_row(after),
        limit=size + 1,
        without=needs.without(TrustedDocument),
    )
    return connection(
        rows, size, after=after, node=trusted_document, key=lambda view: (str(view.id),)
    )


async def trusted_document_of(context: RequestContext, row: UUID) -> TrustedDocument | None:
    """One of the shop's by its row; None where there is none."""
    found = await context.load(loads.trusted_documents, row)
    return trusted_document(found) if found else None
