"""Code files looked at and imported, codes deleted."""

from typing import Annotated

import strawberry

from keystall.graphql.admin.batches import BatchInput
from keystall.graphql.admin.code_preview import CodesPreview, preview
from keystall.graphql.admin.families import CodeUserError
from keystall.graphql.admin.jobs import Job, job_of
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import about, described, input_type, object_type, resolver
from keystall.graphql.ids import row_of
from keystall.graphql.nouns import AgainKey
from keystall.graphql.refusals import Payload, attempted
from keystall.tenants.errors import refuse
from keystall.tenants.stock.imports import BatchInput as BatchFacts
from keystall.tenants.stock.imports import codes_import
from keystall.tenants.stock.listing import codes_delete
from keystall.tenants.stock.previews import CodesPreview as PreviewFacts
from keystall.tenants.stock.previews import codes_preview


@input_type
class CodesInput:
    """Codes to look at or to add: either text or an upload."""

    variant_id: strawberry.ID = described("The variant they belong to.")
    text: str | None = described("The codes, one a line.", default=None)
    upload_id: strawberry.ID | None = described(
        "An uploaded file: text in UTF-8, UTF-16, GB18030 or Big5 with one code a line, a table"
        " with headings, or a spreadsheet.",
        default=None,
    )
    plain: bool = described(
        "Whether every line is one code, whatever it looks like.", default=False
    )


@object_type
class CodesPreviewPayload(Payload[CodeUserError]):
    """The answer to codesPreview."""

    preview: CodesPreview | None = described("What an import would do; null where it was refused.")


@object_type
class CodesImportPayload(Payload[CodeUserError]):
    """The answer to codesImport."""

    job: Job | None = described("The job that adds them; null where it was refused.")


@object_type
class CodesDeletePayload(Payload[CodeUserError]):
    """The answer to codesDelete."""

    deleted_ids: list[strawberry.ID] | None = described(
        "The ids that are gone; null where it was refused."
    )


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
        shown = preview(found, info.context.locale) if found else None
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
        dry_run: Annotated[
            bool, about("Whether to count what would come of it, and add nothing.")
        ] = False,
        batch: Annotated[BatchInput | None, about("What to note of the batch.")] = None,
    ) -> CodesImportPayload:
        """Adds codes to a variant's stock, as a batch. Duplicates are left out; bad lines refuse
        the whole unless they are to be skipped; of a large file, the job tells of them."""
        context = info.context
        upload = input.upload_id
        call = codes_import(
            context.installation,
            context.require_shop().id,
            row_of("Variant", input.variant_id),
            text=input.text or None,
            upload_id=row_of("Upload", upload) if upload else None,
            skip_bad=skip_bad,
            plain=input.plain,
            dry_run=dry_run,
            batch=batch.facts() if batch else BatchFacts(),
            idempotency_key=idempotency_key,
        )
        row, errors = await attempted(context, call, CodeUserError, under=("input",))
        job = await job_of(context, row) if row else None
        return CodesImportPayload(job=job, user_errors=errors)

    @resolver
    async def codes_delete(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], about("The codes, 100 at most.")],
        idempotency_key: AgainKey = None,
    ) -> CodesDeletePayload:
        """Deletes codes that are not sold or held, all or none."""
        context = info.context
        rows = [row_of("Code", text) for text in ids]
        call = codes_delete(
            context.installation, context.require_shop().id, rows, idempotency_key=idempotency_key
        )
        gone, errors = await attempted(context, call, CodeUserError)
        return CodesDeletePayload(
            deleted_ids=None if gone is None else list(ids), user_errors=errors
        )


async def _preview(context: RequestContext, asked: CodesInput) -> PreviewFacts:
    if asked.upload_id and asked.text:
        raise refuse("INVALID", "text")
    if not asked.upload_id and not asked.text:
        raise refuse("REQUIRED", "text")
    return await codes_preview(
        context.installation,
        context.require_shop().id,
        row_of("Variant", asked.variant_id),
        text=asked.text or None,
        upload_id=row_of("Upload", asked.upload_id) if asked.upload_id else None,
        plain=asked.plain,
    )
