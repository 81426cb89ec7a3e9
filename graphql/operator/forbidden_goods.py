"""The list of forbidden goods, and what on sale has one of its terms."""

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    derived,
    described,
    enum_type,
    object_type,
    resolver,
    shown,
    takes,
    value,
)
from keystall.graphql.ids import encode, row_of
from keystall.graphql.operator import access
from keystall.graphql.operator.shops import ShopBrief, brief
from keystall.graphql.refusals import Payload, UserError, attempted, error_codes
from keystall.graphql.relay import After, Connection, First, connection, decode_row, page_size
from keystall.graphql.scalars import URL
from keystall.tenants.desk import forbidden_goods as goods


@enum_type
class ListedField(Enum):
    """Which text of a product."""

    NAME = value("name", "What the listing is called.")
    DESCRIPTION = value("description", "The text that tells what is sold.")
    TRANSLATION = value("translation", "Its name or description in another language.")
    VARIANT = value("variant", "The name of one of its variants.")


@object_type
class ForbiddenTerm:
    """A word or phrase that nothing on sale may have."""

    id: strawberry.ID = described("Opaque id, to hand to forbiddenTermRemove.")
    term: str = described("The word or phrase, as it was written.")
    reason: str = takes("reason")(described("Why; merchants read it."))
    created_at: datetime = described("When it was added.")
    looked_through: bool = described("Whether all shops were looked through for it since.")
    found: int = takes("found")(described("How many products on sale have it."))


@object_type
class ForbiddenFinding:
    """A product on sale that had a forbidden term when that was added."""

    id: strawberry.ID = described("Opaque id.")
    product_id: strawberry.ID = described("The product's id, to hand to listingStop.")
    view: strawberry.Private[goods.Finding]
    product: str = takes("product")(described("The product's name."))
    url: URL = takes("product_slug", "shop_slug")(
        shown(lambda finding, context: _url(finding.view, context), "Where buyers see it.")
    )
    shop: ShopBrief = takes("shop_slug", "shop_name")(
        derived(lambda finding: brief(finding.view), "The shop that sells it.")
    )
    term: str = described("The forbidden term.")
    reason: str = takes("reason")(described("Why it is forbidden."))
    where: ListedField = described("Which of its texts has the term.")
    found_at: datetime = described("When it was found.")


ForbiddenErrorCode = error_codes(
    "ForbiddenErrorCode", "forbidden goods",
    "REQUIRED", "TOO_LONG", "INVALID", "NOT_FOUND", "TAKEN", "LIMIT_REACHED", "CONFLICT",
)  # fmt: skip


@object_type
class ForbiddenUserError(UserError):
    """Why a request about forbidden goods was refused."""

    family = ForbiddenErrorCode
    code: Enum = described("The reason for programs.", graphql_type=ForbiddenErrorCode)


@object_type
class ForbiddenTermAddPayload(Payload[ForbiddenUserError]):
    """The answer to forbiddenTermAdd."""

    added_id: strawberry.ID | None = described("The new term's id; null where it was refused.")


@object_type
class ForbiddenTermRemovePayload(Payload[ForbiddenUserError]):
    """The answer to forbiddenTermRemove."""

    removed_id: strawberry.ID | None = described("The id that is gone; null where refused.")


@object_type
class ForbiddenTextTryPayload(Payload[ForbiddenUserError]):
    """The answer to forbiddenTextTry."""

    terms: list[str] | None = described(
        "The terms that the text has, empty where it may be sold; null where it was refused."
    )


@object_type
class ListingStopPayload(Payload[ForbiddenUserError]):
    """The answer to listingStop."""

    stopped_id: strawberry.ID | None = described(
        "The product's id, which is a draft now; null where it was refused."
    )


def _term(found: goods.ForbiddenTerm) -> ForbiddenTerm:
    return ForbiddenTerm(
        id=encode("ForbiddenTerm", found.id),
        term=found.term,
        reason=found.reason,
        created_at=found.created_at,
        looked_through=found.scanned_at is not None,
        found=found.found,
    )


def _url(found: goods.Finding, context: RequestContext) -> URL:
    shop = context.installation.settings.shop_url(found.shop_slug)
    return URL(f"{shop}/p/{found.product_slug}")


def _finding(found: goods.Finding) -> ForbiddenFinding:
    return ForbiddenFinding(
        id=encode("ForbiddenFinding", found.id),
        product_id=encode("Product", found.product_id),
        view=found,
        product=found.product,
        term=found.term,
        reason=found.reason,
        where=ListedField(found.field),
        found_at=found.found_at,
    )


@object_type
class ForbiddenQuery:
    """What an operator reads of forbidden goods."""

    @resolver
    async def forbidden_terms(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[ForbiddenTerm]:
        """The words and phrases that nothing on sale may have, newest first."""
        size = page_size(first)
        rows = await goods.forbidden_terms(
            info.context.reader,
            access.operator_of(info.context),
            after=decode_row(after),
            limit=size + 1,
            without=info.needs.without(ForbiddenTerm),
        )
        return connection(rows, size, after=after, node=_term, key=lambda row: (str(row.id),))

    @resolver
    async def forbidden_findings(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[ForbiddenFinding]:
        """What was on sale with a term when it was added and still is, latest found first."""
        size = page_size(first)
        rows = await goods.forbidden_findings(
            info.context.reader,
            access.operator_of(info.context),
            after=decode_row(after),
            limit=size + 1,
            without=info.needs.without(ForbiddenFinding),
        )
        return connection(rows, size, after=after, node=_finding, key=lambda row: (str(row.id),))


Term = Annotated[str, about("The word or phrase.")]


@object_type
class ForbiddenMutation:
    """What an operator does about forbidden goods."""

    @resolver
    async def forbidden_term_add(
        self, info: Info, term: Term, reason: Annotated[str, about("Why, for merchants to read.")]
    ) -> ForbiddenTermAddPayload:
        """Forbids a word or phrase; what is on sale with it is looked for in the background."""
        context, person = info.context, access.operator_of(info.context)
        call = goods.forbidden_term_add(context.installation, person, term=term, reason=reason)
        row, errors = await attempted(context, call, ForbiddenUserError)
        added = encode("ForbiddenTerm", row) if row else None
        return ForbiddenTermAddPayload(added_id=added, user_errors=errors)

    @resolver
    async def forbidden_term_remove(
        self, info: Info, id: Annotated[strawberry.ID, about("The term.")]
    ) -> ForbiddenTermRemovePayload:
        """Allows a word or phrase again."""
        context, person = info.context, access.operator_of(info.context)
        row: UUID = row_of("ForbiddenTerm", id)
        call = goods.forbidden_term_remove(context.installation, person, row)
        _, errors = await attempted(context, call, ForbiddenUserError)
        return ForbiddenTermRemovePayload(removed_id=None if errors else id, user_errors=errors)

    @resolver
    async def forbidden_text_try(
        self,
        info: Info,
        text: Annotated[str, about("What a merchant might write.")],
        term: Annotated[str, about("A term that is not on the list yet.")] = "",
    ) -> ForbiddenTextTryPayload:
        """Which terms a text has: of the list, and of one that may be added. Changes nothing."""
        context, person = info.context, access.operator_of(info.context)
        call = goods.forbidden_text_try(context.reader, person, text=text, term=term)
        terms, errors = await attempted(context, call, ForbiddenUserError)
        return ForbiddenTextTryPayload(
            terms=None if terms is None else list(terms), user_errors=errors
        )

    @resolver
    async def listing_stop(
        self,
        info: Info,
        id: Annotated[strawberry.ID, about("The product.")],
        reason: Annotated[str, about("Why, for the merchant to read.")],
    ) -> ListingStopPayload:
        """Takes a product off sale, back to a draft; its merchant is mailed the reason."""
        context, person = info.context, access.operator_of(info.context)
        call = goods.listing_stop(
            context.installation, person, row_of("Product", id), reason=reason
        )
        _, errors = await attempted(context, call, ForbiddenUserError)
        return ListingStopPayload(stopped_id=None if errors else id, user_errors=errors)
