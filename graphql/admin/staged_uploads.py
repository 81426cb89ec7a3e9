"""Files that programs send: leave for one is asked for here, the bytes go to `keystall.uploads`."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from keystall.graphql.admin.families import UploadUserError
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import (
    about,
    described,
    enum_type,
    input_type,
    object_type,
    resolver,
    value,
)
from keystall.graphql.ids import encode
from keystall.graphql.refusals import Payload, attempted
from keystall.graphql.scalars import URL
from keystall.tenants.files.staging import Purpose, Stage, stage, stage_secret
from keystall.tenants.staff.roles import Permission


@enum_type
class UploadPurpose(Enum):
    """What a file is for."""

    CODES = value("codes", "Codes to import: `uploadId` of `codesPreview` and `codesImport`.")
    PICTURE = value("picture", "A picture of a product: `uploadIds` of its input.")


_NEEDED = {UploadPurpose.CODES: Permission.STOCK, UploadPurpose.PICTURE: Permission.CATALOG}


@input_type
class StagedUploadInput:
    """A file to send."""

    filename: str = described("The file's name, such as codes.csv; 200 characters at most.")
    mime_type: str = described(
        "The type it is sent with, such as text/csv or image/png: any text, a spreadsheet (.xlsx)"
        " or application/octet-stream for codes, any image for a picture."
    )
    bytes: int = described(
        "Its exact length: 67,108,864 (64 MiB) at most of codes, 15,728,640 (15 MiB) of a picture."
    )
    purpose: UploadPurpose = described("What it is for.")


@object_type
class UploadHeader:
    """A header to send a file with."""

    name: str = described("The header's name.")
    value: str = described("Its value, to be sent as it is. That of Authorization is a secret.")


@object_type
class StagedUpload:
    """Leave to send one file, once."""

    upload_id: strawberry.ID = described(
        "The id that the file has once it is there, for `uploadId` and `uploadIds`."
    )
    url: URL = described("Where to send its bytes, as they are, by PUT or POST.")
    headers: list[UploadHeader] = described(
        "The headers to send them with; the first is a secret that works once.", assumed=2
    )
    expires_at: datetime = described("Until when the request must have begun.")


@object_type
class StagedUploadCreatePayload(Payload[UploadUserError]):
    """The answer to stagedUploadCreate."""

    staged_upload: StagedUpload | None = described("The leave; null where it was refused.")


@object_type
class StagedUploadMutation:
    """What a program does to send a file."""

    @resolver
    async def staged_upload_create(
        self, info: Info, input: Annotated[StagedUploadInput, about("The file.")]
    ) -> StagedUploadCreatePayload:
        """Gives leave to send a file of codes or a picture, once, within a quarter of an hour."""
        context = info.context
        context.require_permissions(frozenset({_NEEDED[input.purpose]}))
        call = _stage(context, input)
        found, errors = await attempted(context, call, UploadUserError, under=("input",))
        shown = _shown(context, found) if found else None
        return StagedUploadCreatePayload(staged_upload=shown, user_errors=errors)


async def _stage(context: RequestContext, asked: StagedUploadInput) -> Stage:
    purpose: Purpose = asked.purpose.value
    return stage(
        context.require_shop().id, purpose,
        name=asked.filename, media_type=asked.mime_type.strip(), size=asked.bytes,
    )  # fmt: skip


def _shown(context: RequestContext, coming: Stage) -> StagedUpload:
    installation = context.installation
    secret = stage_secret(installation.keys, coming)
    return StagedUpload(
        upload_id=encode("Upload", coming.file),
        url=URL(f"{installation.settings.public_url}/uploads/{coming.file}"),
        headers=[
            UploadHeader(name="Authorization", value=f"Bearer {secret}"),
            UploadHeader(name="Content-Type", value=coming.media_type),
        ],
        expires_at=coming.expires_at,
    )
