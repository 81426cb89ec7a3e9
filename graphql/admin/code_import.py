"""Code files looked at and imported, codes deleted and revealed."""

from typing import Annotated
from uuid import UUID

import strawberry

from keystall.graphql.admin.codes import Code, code, codes
from keystall.graphql.admin.families import CodeUserError
from keystall.graphql.admin.jobs import Job, job_of
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, input_type, object_type, resolver
from keystall.graphql.ids import row_of
from keystall.graphql.refusals import attempted
from keystall.graphql.wording import worded
from keystall.tenants.delivery.service import reveal_code
from keystall.tenants.errors import refuse
from keystall.tenants.stock.imports import codes_import
from keystall.tenants.stock.listing import codes_delete
from keystall.tenants.stock.previews import CodesPreview as PreviewFacts
from keystall.tenants.stock.previews import codes_preview
from keystall.tenants.stock.uploads import codes_content


@object_type
class DuplicateLine:
    """A line that repeats an earlier one."""

    line: int = described("The line's number, counted from 1.")
    first_line: int = described("The number of the line that had it first.")


@object_type
class StockedLine:
    """A line whose code is in stock already."""

    line: int = described("The line's number, counted from 1.")


@object_type
class BadLine:
    """A line that is no code."""

    line: int = described("The line's number, counted from 1.")
    reason: str = described("What is wrong with it, in the language of the request.")


@object_type
class CodesPreview:
    """What an import would do."""

    new: int = described("How many codes would be added.")
    duplicates_in_file: list[DuplicateLine] = described(
        "Lines that repeat an earlier line of the same file; 100 at most."
    )
    duplicates_in_file_count: int = described(
        "How many lines repeat an earlier line of the same file."
    )
    duplicates_in_stock: list[StockedLine] = described(
        "Lines whose code the variant has already, sold ones included; 100 at most."
    )
    duplicates_in_stock_count: int = described(
        "How many lines have a code that the variant has already."
    )
    bad: list[BadLine] = described("Lines that are no code; 100 at most.")
    bad_count: int = described("How many lines are no code.")
    encoding: str = described("How the text was encoded, such as utf-8 or gb18030.")


@input_type
class CodesInput:
    """Codes to look at or to add: either text or an upload."""

    variant_id: strawberry.ID = described("The variant they belong to.")
    text: str | None = described("The codes, one a line.", default=None)
    upload_id: strawberry.ID | None = described(
        "An uploaded text file, one code a line, in UTF-8 or GB18030.", default=None
    )


@object_type
class CodesPreviewPayload:
    """The answer to codesPreview."""

    preview: CodesPreview | None = described("What an import would do; null where it was refused.")
    user_errors: list[CodeUserError] = described("Why it was refused; empty on success.")


@object_type
class CodesImportPayload:
    """The answer to codesImport."""

    job: Job | None = described("The job that adds them; null where it was refused.")
    user_errors: list[CodeUserError] = described("Why it was refused; empty on success.")


@object_type
class CodesDeletePayload:
    """The answer to codesDelete."""

    deleted_ids: list[strawberry.ID] | None = described(
        "The ids that are gone; null where it was refused."
    )
    user_errors: list[CodeUserError] = described("Why it was refused; empty on success.")


@object_type
class CodeRevealPayload:
    """The answer to codeReveal."""

    code: Code | None = described("The code; null where it was refused.")
    secret: str | None = described("The code, whole; null where it was refused.")
    user_errors: list[CodeUserError] = described("Why it was refused; empty on success.")


@object_type
class CodeMutation:
    """What a merchant does with codes."""

    @resolver
    async def codes_preview(
        self, info: Info, input: Annotated[CodesInput, about("The codes.")]
    ) -> CodesPreviewPayload:
        """Tells what an import would do, and changes nothing."""
        call = _preview(info.context, input)
        found, errors = await attempted(info.context, call, CodeUserError, under=("input",))
        shown = _shown(found, info.context.locale) if found else None
        return CodesPreviewPayload(preview=shown, user_errors=errors)

    @resolver
    async def codes_import(
        self,
        info: Info,
        input: Annotated[CodesInput, about("The codes.")],
        idempotency_key: Annotated[
            str, about("A text of your own, new for each import, 8 to 64 characters.")
        ],
        skip_bad: Annotated[
            bool, about("Whether to leave bad lines out and add the rest.")
        ] = False,
    ) -> CodesImportPayload:
        """Adds codes to a variant's stock. Duplicates are left out; bad lines refuse the whole
        unless they are to be skipped."""
        context = info.context
        upload = input.upload_id
        call = codes_import(
            context.installation,
            context.require_shop().id,
            row_of("Variant", input.variant_id),
            text=input.text or None,
            upload_id=row_of("Upload", upload) if upload else None,
            skip_bad=skip_bad,
            idempotency_key=idempotency_key,
        )
        row, errors = await attempted(context, call, CodeUserError, under=("input",))
        job = await job_of(context, row) if row else None
        return CodesImportPayload(job=job, user_errors=errors)

    @resolver
    async def codes_delete(
        self, info: Info, ids: Annotated[list[strawberry.ID], about("The codes, 100 at most.")]
    ) -> CodesDeletePayload:
        """Deletes codes that are not sold or held, all or none."""
        context = info.context
        rows = [row_of("Code", text) for text in ids]
        call = codes_delete(context.installation, context.require_shop().id, rows)
        gone, errors = await attempted(context, call, CodeUserError)
        return CodesDeletePayload(
            deleted_ids=None if gone is None else list(ids), user_errors=errors
        )

    @resolver
    async def code_reveal(
        self, info: Info, id: Annotated[strawberry.ID, about("The code.")]
    ) -> CodeRevealPayload:
        """Answers a code whole. Each call is recorded."""
        context = info.context
        row = row_of("Code", id)
        secret, errors = await attempted(context, _reveal(context, row), CodeUserError)
        found = await context.load(codes, row) if secret is not None else None
        return CodeRevealPayload(
            code=code(found) if found else None, secret=secret, user_errors=errors
        )


async def _preview(context: RequestContext, asked: CodesInput) -> PreviewFacts:
    installation, shop = context.installation, context.require_shop().id
    content: bytes | str = asked.text or ""
    if asked.upload_id and asked.text:
        raise refuse("INVALID", "text")
    if asked.upload_id:
        content = await codes_content(installation, shop, row_of("Upload", asked.upload_id))
    elif not content:
        raise refuse("REQUIRED", "text")
    return await codes_preview(installation, shop, row_of("Variant", asked.variant_id), content)


async def _reveal(context: RequestContext, row: UUID) -> str:
    secret = await reveal_code(
        context.installation,
        context.require_shop().id,
        row,
        actor=context.actor,
        address=context.address,
    )
    if secret is None:
        raise refuse("NOT_FOUND", "id")
    return secret


def _shown(facts: PreviewFacts, locale: str) -> CodesPreview:
    return CodesPreview(
        new=facts.new,
        duplicates_in_file=[
            DuplicateLine(line=one.line, first_line=one.first_line)
            for one in facts.duplicates_in_file
        ],
        duplicates_in_file_count=facts.duplicates_in_file_count,
        duplicates_in_stock=[StockedLine(line=line) for line in facts.duplicates_in_stock],
        duplicates_in_stock_count=facts.duplicates_in_stock_count,
        bad=[
            BadLine(line=one.line, reason=worded(f"line.{one.reason}", locale)) for one in facts.bad
        ],
        bad_count=facts.bad_count,
        encoding=facts.encoding,
    )
